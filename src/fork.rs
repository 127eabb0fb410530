//! Turns: one thread at a time resizes a mapping, and none does while the process forks.
//!
//! A resize changes the file, the mapping and its length one after the other; a child forked in
//! between would find a mapping that is half changed, and a lock whose holder it does not have. So
//! fork waits until every turn is over (pthread_atfork(3)). Nothing else in the library is locked.

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
    unsafe { pthread_atfork(before_fork, after_fork, after_fork) };
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

/// All turns, held by the thread that forks.
struct Held(UnsafeCell<Vec<MutexGuard<'static, ()>>>);

// SAFETY: only who holds every lock touches it: the thread that forks, in the parent and, as the only
// one, in the child.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(Vec::new()));

extern "C" fn before_fork() {
    let all = (0..LOCKS).map(lock).collect();
    // SAFETY: every lock is held, see `Held`.
    unsafe { *HELD.0.get() = all };
}

extern "C" fn after_fork() {
    // SAFETY: every lock is held until this very line is through, see `Held`.
    let all = unsafe { std::mem::take(&mut *HELD.0.get()) };
    drop(all);
}
