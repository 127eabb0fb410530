//! Fork: whatever is locked in the library is held by the thread that forks, so that the child finds it
//! whole and nobody's (pthread_atfork(3)): the changes under way, the lists of turns and of flushes, and the
//! queues of those who lock ranges. None of it is ever held by who waits.

use crate::fault::recover;
use crate::files::writeback;
use crate::locks::queue;
use crate::operations::commits;
use crate::os::barrier;
use crate::registry::live;
use crate::registry::reader;
use crate::registry::turn;
use crate::threads::fork;
use std::cell::UnsafeCell;
use std::sync::RwLockWriteGuard;

/// Registers the hooks before main, or before dlopen returns. Any later, a fork could come between a
/// thread's first turn and the hooks, and its child would wait without end.
///
/// What every user of the library is linked with refers to it, [`boundary`](crate::capi::boundary) and
/// [`Map`](crate::map::Map): of a static library that is not one object a linker takes only what is referred to.
#[used]
#[unsafe(link_section = ".init_array")]
pub static AT_LOAD: extern "C" fn() = register;

extern "C" fn register() {
    // SAFETY: the hooks are safe to call at any time, and the library is never unloaded.
    unsafe { pthread_atfork(before_fork, in_parent, in_child) };
    barrier::at_load();
    reader::at_load(live::give_back);
}

unsafe extern "C" {
    fn pthread_atfork(
        before: extern "C" fn(),
        in_parent: extern "C" fn(),
        in_child: extern "C" fn(),
    ) -> i32;
}

/// All that is locked.
struct All {
    turns: turn::Frozen,
    flushes: writeback::Frozen,
    queues: queue::Frozen,
    /// Given back last: what was changing is whole.
    _changes: RwLockWriteGuard<'static, ()>,
}

/// All that is locked, held by the thread that forks.
struct Held(UnsafeCell<Option<All>>);

// SAFETY: only who holds every lock touches it: the thread that forks, in the parent and, as the only
// one, in the child.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

extern "C" fn before_fork() {
    // In this order everywhere: who changes a mapping takes none of the others meanwhile.
    let changes = fork::none_under_way();
    let all = All {
        turns: turn::freeze(),
        flushes: writeback::freeze(),
        queues: queue::freeze(),
        _changes: changes,
    };
    fork::count_one();
    // SAFETY: every lock is held, see `Held`.
    unsafe { *HELD.0.get() = Some(all) };
}

extern "C" fn in_parent() {
    // SAFETY: every lock is held until this very line is through, see `Held`.
    let all = unsafe { (*HELD.0.get()).take() };
    drop(all);
}

extern "C" fn in_child() {
    // SAFETY: every lock is held until this line is through, see `Held`.
    if let Some(all) = unsafe { (*HELD.0.get()).take() } {
        all.flushes.in_child();
        all.queues.in_child();
        // Before anything is unmapped here that this process may not have.
        recover::begin_child();
        commits::begin_child();
        // What a thread of the parent was reading may be closed since, and is unmapped now.
        live::keep_only_reader_of_this_thread();
        // Last: what they pinned may be closed as well.
        for taken in all.turns.in_child() {
            live::abandon(taken.handle, taken.pinned);
        }
    }
}
