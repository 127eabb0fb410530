//! Changes: the moments in which a mapping, or a list of the library's, is not whole, which no fork may come in.
//!
//! They are short and wait for nothing: neither for other threads nor for a device. What waits, a change for its
//! [turn](crate::registry::turn) or for the end of the operations under way, and the system for a disk, does so
//! outside, so that a fork never waits for that.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Read by those who change, written by who forks.
static UNDER_WAY: RwLock<()> = RwLock::new(());

/// A change, until it is dropped. No thread begins a second one meanwhile.
pub type Change = RwLockReadGuard<'static, ()>;

/// Begins a change, as soon as nobody forks.
pub fn begin() -> Change {
    UNDER_WAY.read().unwrap_or_else(PoisonError::into_inner) // It guards no data.
}

/// Waits until nothing is being changed, and keeps it so until the answer is dropped.
pub fn none() -> RwLockWriteGuard<'static, ()> {
    UNDER_WAY.write().unwrap_or_else(PoisonError::into_inner)
}
