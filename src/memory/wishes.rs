//! Wishes: what the options ask of every page that the mapping ever has, also of those that it grows into, of
//! the stand-ins of lost pages, and of what is mapped back. What later advice keeps from others is among them.

use crate::handles::slot::Span;
use crate::memory::absence::Absence;
use crate::options::{Flags, Options};
use crate::os::advice::Advice;
use crate::os::errno::system;
use crate::status::{Error, Result};
use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering};

/// What is asked of every page. [`Wishes::apply`] is for a signal handler too.
#[derive(Debug)]
pub struct Wishes {
    flags: Flags,
    advice: Advice,
    /// What was asked for a part of the mapping since it was opened, a bit for each of [`LATER`]. Nobody
    /// remembers for which part, so new pages have it wherever they come.
    later: AtomicU8,
    /// What a child of fork is without.
    pub absence: Absence,
}

/// The advice that keeps pages from others, which new pages must not lack; no advice takes it back.
const LATER: [Advice; 3] = [Advice::DontDump, Advice::DontFork, Advice::WipeOnFork];
const DONT_FORK: usize = 1; // Of those.

impl Wishes {
    /// Those of the options.
    pub fn of(options: &Options) -> Wishes {
        Wishes {
            flags: options.flags,
            advice: options.advice,
            later: AtomicU8::new(0),
            absence: match options.advice {
                Advice::DontFork => Absence::of_everything(),
                _ => Absence::of_nothing(),
            },
        }
    }

    /// Takes note of advice that is given now for the bytes at `positions`, before they have it: new pages are not
    /// without it.
    pub fn note(&self, advice: Advice, positions: &Range<usize>) {
        if advice == Advice::DontFork {
            self.absence.note(positions);
        }
        if let Some(bit) = LATER.iter().position(|keeps| *keeps == advice) {
            // Relaxed: advice orders nothing; who gives it beside a fault gives it before or after that.
            self.later.fetch_or(1 << bit, Ordering::Relaxed);
        }
    }

    /// Takes note of pages that come in the place of others, at `positions`.
    pub fn note_new(&self, positions: &Range<usize>) {
        let later = self.later.load(Ordering::Relaxed); // As in `note`.
        if later & 1 << DONT_FORK != 0 {
            self.absence.note(positions);
        }
    }

    /// Whether pages are to stay in memory. That is not for [`Wishes::apply`], which takes no memory.
    pub fn locked(&self) -> bool {
        self.flags.has(Flags::LOCKED)
    }

    /// Whether pages that come as the system makes them lack anything.
    pub fn any(&self) -> bool {
        let flags = [Flags::HUGE_PAGES, Flags::NO_DUMP, Flags::LOCKED];
        self.advice.lasts()
            || self.later.load(Ordering::Relaxed) != 0 // As in `note`.
            || flags.into_iter().any(|flag| self.flags.has(flag))
    }

    /// Advises the kernel about new pages, as often as there are any. It takes no memory, whether there are
    /// bytes behind them or not.
    pub fn apply(&self, pages: Span) -> Result<()> {
        if self.flags.has(Flags::HUGE_PAGES) {
            match advise(pages, Advice::HugePage) {
                Err(Error::Unsupported) => {} // Then there are none.
                result => result?,
            }
        }
        if self.flags.has(Flags::NO_DUMP) {
            advise(pages, Advice::DontDump)?;
        }
        if self.advice.lasts() {
            advise(pages, self.advice)?;
        }
        let later = self.later.load(Ordering::Relaxed); // As in `note`.
        if later == 0 {
            return Ok(());
        }
        (0..)
            .zip(LATER)
            .filter(|(bit, _)| later & 1 << bit != 0)
            .try_for_each(|(_, advice)| match advise(pages, advice) {
                Err(Error::Unsupported) => Ok(()), // Which was reported when it was given.
                result => result,
            })
    }

    /// The same for stand-ins, which no core dump has: it might not have the pages in whose place they are, and
    /// would have these, since they are this process's own.
    pub fn apply_to_stand_ins(&self, pages: Span) -> Result<()> {
        advise(pages, Advice::DontDump).and_then(|()| self.apply(pages))
    }
}

/// Gives the kernel advice that doesn't change what pages hold.
pub fn advise(pages: Span, advice: Advice) -> Result<()> {
    let (first, len) = (pages.start as *mut libc::c_void, pages.end - pages.start);
    if len == 0 {
        return Ok(());
    }
    // SAFETY: they are a mapping's own, which nobody unmaps meanwhile, and hold afterwards what they hold.
    match system(|| unsafe { libc::madvise(first, len, advice.number()) }) {
        // Advice that means nothing for this kind of memory, or that the kernel is too old for.
        Err(Error::System(libc::EINVAL)) => Err(Error::Unsupported),
        result => result.map(drop),
    }
}

/// Keeps pages in memory, and brings them in.
pub fn lock(pages: Span) -> Result<()> {
    let (first, len) = memory(pages);
    // SAFETY: the pages are those of a mapping, and locking changes no byte of them.
    locked(system(|| unsafe { libc::mlock(first, len) }))
}

/// Keeps each of the pages in memory once it is touched (mlock2(2)), so that it takes no memory now, and there need be
/// no bytes behind it yet.
pub fn lock_on_fault(pages: Span) -> Result<()> {
    const MLOCK_ONFAULT: libc::c_uint = 1;
    let (first, len) = memory(pages);
    // By its number, since older C libraries don't have it.
    // SAFETY: the pages are those of a mapping, and locking changes no byte of them.
    let lock = || unsafe { libc::syscall(libc::SYS_mlock2, first, len, MLOCK_ONFAULT) as i32 };
    locked(system(lock))
}

fn locked(result: Result<i32>) -> Result<()> {
    match result {
        // RLIMIT_MEMLOCK, or no memory (mlock(2)).
        Err(Error::System(libc::ENOMEM | libc::EAGAIN | libc::EPERM)) => Err(Error::Limit),
        result => result.map(drop),
    }
}

/// Lets pages go that were kept.
pub fn unlock(pages: Span) -> Result<()> {
    let (first, len) = memory(pages);
    // SAFETY: the pages are those of a mapping, and locking changes no byte of them.
    system(|| unsafe { libc::munlock(first, len) }).map(drop)
}

fn memory(pages: Span) -> (*const libc::c_void, usize) {
    (pages.start as *const libc::c_void, pages.end - pages.start)
}
