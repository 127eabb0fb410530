//! A barrier for every thread of the process at once, which membarrier(2) has them pass wherever they are. So who
//! is often at something needs none, and who seldom is pays for all.

use libc::{c_int, c_long, c_uint};
use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::time::Duration;

// Of <linux/membarrier.h>.
const PRIVATE_EXPEDITED: c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: c_int = 1 << 4;

/// Nobody has asked yet, and nobody counts on it.
const UNKNOWN: u32 = 0;
/// The system has it.
const BY_SYSTEM: u32 = 1;
/// It hasn't, so each thread passes fences of its own.
const BY_FENCES: u32 = 2;
/// It had it, and refuses it by now.
const REFUSED: u32 = 3;

/// Changes when the library is loaded, and from `BY_SYSTEM` to `REFUSED` once.
static HOW: AtomicU32 = AtomicU32::new(UNKNOWN);

fn membarrier(command: c_int) -> bool {
    let (flags, cpu): (c_uint, c_int) = (0, 0);
    // SAFETY: it takes numbers, and touches no memory.
    let answer: c_long = unsafe { libc::syscall(libc::SYS_membarrier, command, flags, cpu) };
    answer == 0
}

/// For who loads the library: what is asked of the system later may be forbidden by then (seccomp(2)).
pub fn at_load() {
    let how = match membarrier(REGISTER_PRIVATE_EXPEDITED) {
        true => BY_SYSTEM,
        false => BY_FENCES,
    };
    HOW.store(how, Ordering::Relaxed); // Relaxed, all: a number.
}

/// How threads that are at something often keep their part of a bargain with who seldom is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bargain {
    /// They do nothing.
    Barrier,
    /// They pass a fence each time.
    Fences,
    /// They had better not strike one: the barrier has come to take a millisecond, or the library isn't loaded yet.
    None,
}

/// What threads that come to it now have to do.
pub fn bargain() -> Bargain {
    match HOW.load(Ordering::Relaxed) {
        BY_SYSTEM => Bargain::Barrier,
        BY_FENCES => Bargain::Fences,
        _ => Bargain::None,
    }
}

/// Has each thread that passes no fences of its own pass a barrier, and the caller too.
pub fn barrier() {
    fence(Ordering::SeqCst);
    let counted_on = matches!(HOW.load(Ordering::Relaxed), BY_SYSTEM | REFUSED);
    if counted_on && !by_system() {
        wait_it_out();
    }
    fence(Ordering::SeqCst);
}

fn by_system() -> bool {
    // A child of fork may have to register again.
    membarrier(PRIVATE_EXPEDITED)
        || membarrier(REGISTER_PRIVATE_EXPEDITED) && membarrier(PRIVATE_EXPEDITED)
}

/// For a process that forbids itself the call (seccomp(2)) after its threads began to count on it. What a processor has
/// stored is seen by the others after some hundred cycles, unless it has waited for memory; this is a million.
/// Nothing that is used from now on counts on it.
#[cold]
fn wait_it_out() {
    HOW.store(REFUSED, Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(1));
}
