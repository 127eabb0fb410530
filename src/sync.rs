//! The atomics and the cell that the handle table is built of.
//!
//! They stand behind a name of their own so that `tests/table_model.rs` can compile `table.rs`
//! against loom's and explore every interleaving.

pub use std::hint::spin_loop;
pub use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
pub use std::thread::yield_now;

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

/// Waits for other threads, politely: spins, then yields, then sleeps in small steps.
#[derive(Debug, Default)]
pub struct Backoff {
    rounds: u32,
    since: Option<Instant>,
}

impl Backoff {
    /// How long [`Backoff::wait`] is willing to wait in all.
    const PATIENCE: Duration = Duration::from_millis(100);

    /// Waits a little; false once the patience is used up.
    pub fn wait(&mut self) -> bool {
        self.rounds += 1;
        match self.rounds {
            1..=16 => spin_loop(),
            17..=256 => yield_now(),
            _ => {
                if self.since.get_or_insert_with(Instant::now).elapsed() > Self::PATIENCE {
                    return false;
                }
                std::thread::sleep(Duration::from_micros(50));
            }
        }
        true
    }
}
