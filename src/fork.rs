//! Fork: whatever is locked in the library is held by the thread that forks, so that the child finds it
//! whole and nobody's (pthread_atfork(3)). That is the turns of those who resize, and the queues of those
//! who lock ranges.

use crate::queues::{self, Frozen};
use crate::turn::{self, Turn};
use std::cell::UnsafeCell;

/// Registers the hooks before main, or before dlopen answers. Any later, a fork could come between a
/// thread's first turn and the hooks, and its child would wait for ever.
///
/// Who locks refers to it: of a static library that is not one object a linker takes only what is referred to.
#[used]
#[unsafe(link_section = ".init_array")]
pub static AT_LOAD: extern "C" fn() = register;

extern "C" fn register() {
    // SAFETY: the hooks are safe to call at any time, and the library is never unloaded.
    unsafe { pthread_atfork(before_fork, in_parent, in_child) };
}

unsafe extern "C" {
    fn pthread_atfork(
        before: extern "C" fn(),
        in_parent: extern "C" fn(),
        in_child: extern "C" fn(),
    ) -> i32;
}

/// All that is locked, held by the thread that forks.
struct Held(UnsafeCell<Option<(Vec<Turn>, Frozen)>>);

// SAFETY: only who holds every lock touches it: the thread that forks, in the parent and, as the only
// one, in the child.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

extern "C" fn before_fork() {
    // In the order in which everyone takes them.
    let all = (turn::all(), queues::freeze());
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
