//! The atomics and the cell that the handle table is built of.
//!
//! They stand behind a name of their own so that `tests/threads/table_model/` can compile `slot.rs` and
//! `table.rs` against loom's and explore every interleaving.

pub use crate::os::barrier::barrier;
pub use std::hint::spin_loop;
pub use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub use std::thread::yield_now;

use std::mem::MaybeUninit;
use std::sync::atomic::compiler_fence;
use std::time::{Duration, Instant};

/// `UnsafeCell` with loom's interface: access is through a closure, so that loom can watch it.
#[derive(Debug)]
#[repr(transparent)]
pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// A cell with `value` in it.
    pub const fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    /// Calls `f` with a pointer that is only read from.
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Calls `f` with a pointer that may be written to.
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// How many operations on a value are counted before threads show its handle instead: the barrier that a close owes
/// to those who show it costs as much as some hundred of them where other threads run, and as ten where none does.
pub const CALLS_BEFORE_SHOWN: u32 = 64;

/// A page of them, with what stands before.
pub const READERS_IN_BLOCK: usize = 31;

/// A number that one thread sets and others look at after a [`barrier`].
#[derive(Debug)]
pub struct Sign {
    number: AtomicU64,
    /// 1 where the system has no barrier for all threads.
    fenced: AtomicU32,
}

impl Sign {
    /// A sign that is 0.
    pub const fn new() -> Sign {
        Sign {
            number: AtomicU64::new(0),
            fenced: AtomicU32::new(0),
        }
    }

    /// Whether its thread, before it sets it, is to pass a fence each time.
    pub fn fence_if(&self, needed: bool) {
        // Relaxed, here and below: its thread looks at it.
        self.fenced.store(u32::from(needed), Ordering::Relaxed);
    }

    /// What its thread has set.
    #[inline(always)] // See `Table::view_at_once`.
    pub fn mine(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    /// Sets it. What the thread reads afterwards it reads afterwards for those, too, who have passed a [`barrier`].
    #[inline(always)] // See `Table::view_at_once`.
    pub fn set(&self, number: u64) {
        // Release: who sees it sees what was done before, also when it was set again since.
        self.number.store(number, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
        if self.fenced.load(Ordering::Relaxed) != 0 {
            fence(Ordering::SeqCst);
        }
    }

    /// What others see.
    pub fn get(&self) -> u64 {
        // Acquire: pairs with `set`.
        self.number.load(Ordering::Acquire)
    }
}

/// Waits for other threads, politely: spins, then yields, then sleeps in small steps.
#[derive(Debug)]
pub struct Backoff {
    rounds: u32,
    since: Option<Instant>,
    patience: Duration,
}

impl Default for Backoff {
    /// An operation that doesn't end in this time waits for a device that doesn't respond, or for the very
    /// thread that waits here; a thread of a loaded machine may well be off its processor for a while.
    fn default() -> Backoff {
        Backoff::with(Duration::from_secs(10))
    }
}

impl Backoff {
    fn with(patience: Duration) -> Backoff {
        Backoff {
            rounds: 0,
            since: None,
            patience,
        }
    }

    /// For who keeps others waiting meanwhile: long enough for operations that end by themselves.
    pub fn brief() -> Backoff {
        Backoff::with(Duration::from_millis(100))
    }

    /// Waits a little; false once the patience is used up.
    pub fn wait(&mut self) -> bool {
        self.rounds += 1;
        match self.rounds {
            1..=16 => spin_loop(),
            17..=256 => yield_now(),
            _ => return self.sleep(Duration::from_micros(50)),
        }
        true
    }

    /// Waits so long that others get on; false once the patience is used up.
    pub fn rest(&mut self) -> bool {
        self.sleep(Duration::from_millis(1))
    }

    fn sleep(&mut self, time: Duration) -> bool {
        let since = self.since.get_or_insert_with(Instant::now);
        let patient = since.elapsed() <= self.patience;
        if patient {
            std::thread::sleep(time);
        }
        patient
    }
}

/// Waits before it passes others who came first, for so long that their turn may come: some spins, and a
/// millisecond.
#[derive(Debug, Default)]
pub struct Courtesy(u32);

impl Courtesy {
    /// Waits a little; false once that was enough.
    pub fn wait(&mut self) -> bool {
        self.0 = self.0.saturating_add(1);
        match self.0 {
            1..=16 => spin_loop(),
            17 => std::thread::sleep(Duration::from_millis(1)),
            _ => return false,
        }
        true
    }
}

/// While it lives, no signal handler runs on this thread, but for those of its own faults: what the
/// thread holds can be waited for, since nothing gets in its way.
#[derive(Debug)]
pub struct Undisturbed {
    before: libc::sigset_t,
}

impl Undisturbed {
    /// Begins it.
    pub fn begin() -> Undisturbed {
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: sigfillset fills `all`, sigdelset takes it, and pthread_sigmask fills `before`; the
        // arguments are such that none of them fails.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            for fault in [libc::SIGBUS, libc::SIGSEGV, libc::SIGILL, libc::SIGFPE] {
                libc::sigdelset(all.as_mut_ptr(), fault);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr());
            Undisturbed {
                before: before.assume_init(),
            }
        }
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        // SAFETY: the set is the one that was there before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut()) };
    }
}
