//! Forks: the moments in which none may come, and how many came.
//!
//! A change is a moment in which a mapping, or a list of the library's, is not whole. Changes are short and wait for
//! nothing: neither for other threads nor for a device. What waits, a change for its
//! [turn](crate::registry::turn) or for the end of the operations under way, and the system for a disk, does so
//! outside, so that a fork never waits for that.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Read by those who change, written by who forks.
static UNDER_WAY: RwLock<()> = RwLock::new(());

/// How many forks began.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A change, until it is dropped. No thread begins a second one meanwhile.
pub type Change = RwLockReadGuard<'static, ()>;

/// Begins a change, as soon as nobody forks: none comes until it is over.
pub fn hold_off() -> Change {
    UNDER_WAY.read().unwrap_or_else(PoisonError::into_inner) // It guards no data.
}

/// Waits until nothing is being changed, and keeps it so until the result is dropped.
pub fn none_under_way() -> RwLockWriteGuard<'static, ()> {
    UNDER_WAY.write().unwrap_or_else(PoisonError::into_inner)
}

/// How often this process, and those that it was forked from, have forked.
pub fn count() -> u32 {
    COUNT.load(Ordering::Relaxed) // Relaxed, as below: a number.
}

/// Counts a fork that begins.
pub fn count_one() {
    COUNT.fetch_add(1, Ordering::Relaxed);
}
