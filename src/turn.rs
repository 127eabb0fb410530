//! Turns: one thread at a time resizes a mapping, and none does while the process forks.
//!
//! A resize changes the file, the mapping and its length one after the other; a child forked in
//! between would find a mapping that is half changed, and a lock whose holder it does not have. So
//! fork waits until every turn is over ([`fork`](crate::fork)).

use crate::fork;
use crate::table::Handle;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Mappings share these locks by their handle: more of them would only be idle.
const LOCKS: usize = 64;

static TURNS: [Mutex<()>; LOCKS] = [const { Mutex::new(()) }; LOCKS];

#[used]
static HOOKS: &extern "C" fn() = &fork::AT_LOAD;

/// Waits until no other thread resizes the mapping, and keeps it so until the answer is dropped.
pub fn turn(handle: Handle) -> Turn {
    lock(handle.0 as usize % LOCKS)
}

/// A turn, until it is dropped.
pub type Turn = MutexGuard<'static, ()>;

/// All turns at once, in an order of their own.
pub fn all() -> Vec<Turn> {
    (0..LOCKS).map(lock).collect()
}

fn lock(index: usize) -> Turn {
    // A panic in a turn is answered as a status; the lock itself guards no data.
    TURNS[index].lock().unwrap_or_else(PoisonError::into_inner)
}
