//! The SIGBUS guard: a signal handler that puts zero pages where pages of a mapping were lost, records
//! it, and lets the program go on. Faults elsewhere go to who handled them before.
//!
//! What runs in the handler is atomics and system calls: no lock, no allocation, no panic.

use crate::fault::hooks::{self, Decision};
use crate::handles::slot::Span;
use crate::memory::losses::Causes;
use crate::memory::mmap::Backing;
use crate::os::errno::{errno, set_errno};
use crate::os::page_size::page_size;
use crate::registry::live::{self, Held};
use crate::signals::chain::{Fronts, Signal, fronts};
use crate::signals::context;
use crate::status::{Error, Result};
use crate::threads::thread;
use libc::{c_int, c_void, siginfo_t, ucontext_t};
use std::sync::atomic::{AtomicU64, Ordering};

static LOST_PAGES: Signal = Signal::new(libc::SIGBUS, HANDLERS);

const HANDLERS: Fronts = fronts!(on_lost_page);

/// Faults that were survived since the process began.
static SURVIVED: AtomicU64 = AtomicU64::new(0);

/// Losses that a thread has met that is to be notified, since the process began.
static NOTIFIER_LOSSES: AtomicU64 = AtomicU64::new(0);

/// A page that faults although it can be had is believed this often until the mapping is recovered: its
/// file was cut and grown again in between, or another thread has repaired it. After that it counts as
/// lost, so that no fault comes back for good.
const SECOND_TRIES: u16 = 64;

/// Installs the SIGBUS guard, or puts it in front again if another handler was installed since. A
/// lost page is an error from then on, instead of the end of the process.
///
/// # Errors
///
/// Fails with the system's error of sigaction(2), and with [`Error::Limit`] if the guard was put in
/// front of other handlers too often.
///
/// # Examples
///
/// ```
/// # fn main() -> memmap::Result<()> {
/// memmap::install_guard()?;
/// # Ok(())
/// # }
/// ```
pub fn install() -> Result<()> {
    page_size(); // Asked now, so that the handler needn't.
    LOST_PAGES.install()
}

/// Whether the guard's handler is the one that SIGBUS comes to.
pub fn is_active() -> Result<bool> {
    LOST_PAGES.is_ours()
}

/// How many faults this process has survived.
pub fn survived() -> u64 {
    // Relaxed: a number.
    SURVIVED.load(Ordering::Relaxed)
}

/// How many losses were met by the thread that is to be notified.
pub fn notifier_losses() -> u64 {
    // Relaxed: that thread reads it, and what its own handler stored comes before.
    NOTIFIER_LOSSES.load(Ordering::Relaxed)
}

extern "C" fn on_lost_page<const FRONT: usize>(
    _: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    let errno = errno();
    // SAFETY: the kernel's, or those of a handler that passes on what it got.
    unsafe {
        let (code, address) = ((*info).si_code, (*info).si_addr() as usize);
        let ours = is_loss(code).then(|| live::pin_at(address)).flatten();
        let ours = ours.is_some_and(|mapping| handle(&mapping, address, code, context));
        set_errno(errno); // As the interrupted code left it, also for who is asked next.
        if !ours {
            LOST_PAGES.forward(FRONT, info, context);
            set_errno(errno);
        }
    }
}

/// Does what is to be done about a fault in a mapping; false if that is for the handler before.
fn handle(mapping: &Held, address: usize, code: c_int, context: *mut c_void) -> bool {
    let page = address / mapping.pages.size * mapping.pages.size;
    let finding = find_out(mapping, page, code);
    if let Finding::There = finding {
        return true;
    }
    // A call of this library isn't left: it holds pins.
    if !thread::is_in_a_call() {
        match hooks::decide(address, context) {
            Decision::StandIn => {}
            Decision::PassOn => {
                note(mapping, page, &finding);
                return false;
            }
            Decision::Resume => {
                note(mapping, page, &finding);
                count_survived();
                return true;
            }
        }
        // SAFETY: the context is that of this handler.
        if unsafe { leave(context.cast()) } {
            note(mapping, page, &finding);
            count_survived();
            return true;
        }
    }
    // Relaxed: a number.
    NOTIFIER_LOSSES.fetch_add(u64::from(hooks::is_notifier()), Ordering::Relaxed);
    let repaired = repair(mapping, page, &finding);
    if repaired {
        count_survived();
        hooks::notify();
    }
    repaired
}

fn count_survived() {
    // Relaxed: a number.
    SURVIVED.fetch_add(1, Ordering::Relaxed);
}

/// Has the interrupted code go on where the innermost memmap_try returns; false if there is none.
///
/// # Safety
///
/// The context is that of the running handler.
unsafe fn leave(context: *mut ucontext_t) -> bool {
    // SAFETY: the way out is a function and a stack for it.
    unsafe {
        let way_out = thread::way_out(context::stack_pointer(context));
        way_out
            .map(|way_out| context::enter(context, way_out.function, way_out.stack))
            .is_some()
    }
}

/// The memory itself is broken (sigaction(2)).
const BUS_MCEERR_AR: c_int = 4;

/// Whether the signal speaks of a page that can't be had. A misaligned access (BUS_ADRALN) to a page that
/// is there would fail for good, whatever is put there.
fn is_loss(code: c_int) -> bool {
    const BUS_ADRERR: c_int = 2;
    matches!(code, BUS_ADRERR | BUS_MCEERR_AR)
}

/// What has to be done about a fault.
enum Finding {
    /// The file ends before that page: how many bytes it has from the mapping's first page on.
    Truncated(usize),
    /// The page is there by now.
    There,
    /// The file has it, or nobody knows, and it can't be had.
    Unavailable(Causes),
}

/// Makes the page readable again; false if that can't be done.
fn repair(mapping: &Held, page: usize, finding: &Finding) -> bool {
    let span = mapping.slot().span();
    match *finding {
        Finding::There => true,
        Finding::Truncated(there) => {
            let start = span.start + there.next_multiple_of(mapping.pages.size);
            let tail = Span { start, ..span };
            let note = || mapping.lost.note_tail(there, Causes::TRUNCATED);
            replace(mapping, page, tail, note) || replace_all(mapping, Causes::TRUNCATED)
        }
        Finding::Unavailable(cause) => {
            let block = block_around(page, mapping.lost.next_block(), span);
            let note = || note_block(mapping, block, cause);
            replace(mapping, page, block, note) || replace_all(mapping, cause)
        }
    }
}

/// Records what is lost, and leaves it as it is.
fn note(mapping: &Held, page: usize, finding: &Finding) {
    let span = mapping.slot().span();
    let note = || match *finding {
        Finding::There => {}
        Finding::Truncated(there) => mapping.lost.note_tail(there, Causes::TRUNCATED),
        Finding::Unavailable(cause) => {
            note_block(mapping, block_around(page, mapping.pages.size, span), cause);
        }
    };
    mapping.slot().note(note);
}

/// Replaces the pages of `block`, of all of which `note` says that they are lost, or so many around `page` as can
/// be had.
fn replace(mapping: &Held, page: usize, block: Span, note: impl FnOnce()) -> bool {
    mapping.slot().lose(note, || {
        hooks::notify(); // Before another thread can read a stand-in, and again afterwards.
        mapping.put_stand_ins(block) || replace_fewer(mapping, page, block)
    })
}

/// Memory for all of them may be refused at once (vm.overcommit_memory, RLIMIT_DATA). As few as with a page that is
/// lost alone, so that what the rest of the process may have isn't used up here.
fn replace_fewer(mapping: &Held, page: usize, block: Span) -> bool {
    let mut size = (block.end - block.start).next_power_of_two() / 2;
    size = size.min(mapping.lost.next_block());
    while size >= mapping.pages.size {
        if mapping.put_stand_ins(block_around(page, size, block)) {
            return true;
        }
        size /= 2;
    }
    false
}

/// Gives the whole mapping up where a part of it can't be replaced: that would split an area in two, and
/// their number may be at its limit.
fn replace_all(mapping: &Held, cause: Causes) -> bool {
    let all = mapping.slot().span();
    let note = || mapping.lost.note_tail(0, cause);
    mapping.slot().lose(note, || {
        hooks::notify(); // More is recorded as lost, which another thread must not read unnotified.
        mapping.put_stand_ins(all)
    })
}

fn note_block(mapping: &Held, block: Span, cause: Causes) {
    let span = mapping.slot().span();
    let positions = block.start - span.start..block.end - span.start;
    let capacity = mapping.page_skip() + mapping.capacity();
    mapping.lost.note_block(positions, capacity, cause);
}

/// The block of `size` bytes, a power of two, that holds `page`, as far as it lies in the span.
fn block_around(page: usize, size: usize, span: Span) -> Span {
    let start = page & !(size - 1);
    Span {
        start: start.max(span.start),
        end: start.saturating_add(size).min(span.end),
    }
}

fn find_out(mapping: &Held, page: usize, code: c_int) -> Finding {
    let position = page - mapping.slot().span().start;
    for _ in 0..2 {
        match present(mapping) {
            Ok(there) if position >= there => return Finding::Truncated(there),
            Ok(_) => {}
            Err(_) => return Finding::Unavailable(Causes::UNKNOWN),
        }
        if code != BUS_MCEERR_AR && is_there(mapping, page) && mapping.lost.try_again(SECOND_TRIES)
        {
            return Finding::There;
        }
    }
    Finding::Unavailable(Causes::IO)
}

/// How many bytes the file has, from the mapping's first page on.
fn present(mapping: &Held) -> Result<usize> {
    if let Backing::Anonymous = mapping.backing {
        return Ok(usize::MAX);
    }
    let file = mapping.file()?;
    if file.kind == crate::files::file::Kind::Character {
        return Err(Error::Unsupported);
    }
    let first = mapping.offset - mapping.page_skip() as u64;
    Ok(usize::try_from(file.size()?.saturating_sub(first)).unwrap_or(usize::MAX))
}

/// Whether the page can be had after all, for writing if that is what the mapping is for.
fn is_there(mapping: &Held, page: usize) -> bool {
    let how = match mapping.pages.protection & libc::PROT_WRITE {
        0 => libc::MADV_POPULATE_READ,
        _ => libc::MADV_POPULATE_WRITE,
    };
    // SAFETY: the page lies in the mapping, which is pinned; its contents stay as they are. Kernels
    // before 5.14 don't have it (EINVAL).
    unsafe { libc::madvise(page as *mut c_void, mapping.pages.size, how) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::page_size::PAGE_SIZES;

    #[test]
    fn a_block_holds_its_page_and_stays_in_the_mapping() {
        for page in PAGE_SIZES {
            let span = Span {
                start: 3 * page,
                end: 11 * page,
            };
            let block = |at: usize, pages: usize| {
                let block = block_around(at * page, pages * page, span);
                (block.start / page, block.end / page)
            };
            assert_eq!(block(5, 1), (5, 6));
            assert_eq!(block(5, 4), (4, 8));
            assert_eq!(block(3, 4), (3, 4), "not before the mapping");
            assert_eq!(block(10, 8), (8, 11), "not behind it");
            assert_eq!(block(5, 16), (3, 11));
        }
    }
}
