//! Turns: one thread at a time resizes a mapping, and none does while the process forks.
//!
//! A resize changes the file, the mapping and its length one after the other; a child forked in
//! between would find a mapping that is half changed, and a lock whose holder it does not have. So
//! fork waits until every turn is over (pthread_atfork(3)). The queues of range locks are the only
//! other thing in the library that is locked, and are held over a fork too.

use crate::locks::{self, Frozen};
use crate::table::Handle;
use std::cell::UnsafeCell;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Mappings share these locks by their handle: more of them would only be idle.
const LOCKS: usize = 64;

static TURNS: [Mutex<()>; LOCKS] = [const { Mutex::new(()) }; LOCKS];

/// Registers the hooks before main, or before dlopen answers. Any later, a fork could come between a
/// thread's first turn and the hooks, and its child would wait for ever.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = register;

extern "C" fn register() {
    // SAFETY: the hooks are safe to call at any time, and the library is never unloaded.
    unsafe { pthread_atfork(before_fork, in_parent, in_child) };
}

/// Waits until no other thread resizes the mapping, and keeps it so until the answer is dropped.
pub fn turn(handle: Handle) -> MutexGuard<'static, ()> {
    lock(handle.0 as usize % LOCKS)
}

fn lock(index: usize) -> MutexGuard<'static, ()> {
    // A panic in a turn is answered as a status; the lock itself guards no data.
    TURNS[index].lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" {
    fn pthread_atfork(
        before: extern "C" fn(),
        in_parent: extern "C" fn(),
        in_child: extern "C" fn(),
    ) -> i32;
}

/// All that is locked, held by the thread that forks.
struct Held(UnsafeCell<Option<(Vec<MutexGuard<'static, ()>>, Frozen)>>);

// SAFETY: only who holds every lock touches it: the thread that forks, in the parent and, as the only
// one, in the child.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

extern "C" fn before_fork() {
    // In the order in which everyone takes them.
    let all = ((0..LOCKS).map(lock).collect(), locks::freeze());
    // SAFETY: every lock is held, see `Held`.
    unsafe { *HELD.0.get() = Some(all) };
}

extern "C" fn in_parent() {
    // SAFETY: every lock is held until this very line is through, see `Held`.
    let all = unsafe { (*HELD.0.get()).take() };
    drop(all);
}

extern "C" fn in_child() {
    // SAFETY: as in the parent.
    if let Some((_turns, frozen)) = unsafe { (*HELD.0.get()).take() } {
        frozen.in_child();
    }
}
