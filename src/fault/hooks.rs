//! Who else has a say in the fault handler: hooks that decide what becomes of a loss, and a function that is told of it.
//!
//! They are read by a signal handler, which waits for nobody.

use crate::status::{Error, Result};
use crate::threads::fork;
use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, PoisonError};

/// What a memmap_fault_hook returns for zero pages, as without it.
#[allow(dead_code, reason = "the header has it")]
pub const FAULT_STAND_IN: c_int = 0;
/// What a memmap_fault_hook returns to have the signal passed on to the handler that was there before the guard.
pub const FAULT_PASS_ON: c_int = 1;
/// What a memmap_fault_hook returns after it has changed the context: the thread goes on by that.
pub const FAULT_RESUME: c_int = 2;

/// Decides about a loss at an address, in the signal handler that has that context.
pub type Hook = unsafe extern "C" fn(address: *const c_void, context: *mut c_void) -> c_int;

/// Is told of losses, in the signal handler.
pub type Notify = unsafe extern "C" fn(argument: c_int) -> c_int;

const MOST: usize = 8;

/// Addresses of hooks, the first 0 behind the last.
static HOOKS: [AtomicUsize; MOST] = [const { AtomicUsize::new(0) }; MOST];

/// Adds a hook, for good. [`Error::Limit`] when there are as many as there can be.
pub fn add(hook: Hook) -> Result<()> {
    let hook = hook as usize;
    for place in &HOOKS {
        // Release: what the hook looks at was made before it was added. Relaxed: a failure looks at nothing.
        match place.compare_exchange(0, hook, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return Ok(()),
            Err(there) if there == hook => return Ok(()),
            Err(_) => {}
        }
    }
    Err(Error::Limit)
}

/// What is decided about a loss.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Zero pages are put there.
    StandIn,
    /// The handler that was there before gets the signal.
    PassOn,
    /// The thread goes on by the context as the hook has changed it.
    Resume,
}

/// Asks the hooks, up to the first that decides for anything else than zero pages.
pub fn decide(address: usize, context: *mut c_void) -> Decision {
    // Acquire: pairs with the Release of `add`.
    let hooks = HOOKS.iter().map(|place| place.load(Ordering::Acquire));
    let decisions = hooks.take_while(|hook| *hook != 0).map(|hook| {
        // SAFETY: `add` stored a hook, which may be called in a signal handler with what the kernel gave that one.
        let decision = unsafe {
            let hook = transmute::<usize, Hook>(hook);
            hook(address as *const c_void, context)
        };
        match decision {
            FAULT_PASS_ON => Decision::PassOn,
            FAULT_RESUME => Decision::Resume,
            _ => Decision::StandIn,
        }
    });
    let mut others = decisions.filter(|decision| *decision != Decision::StandIn);
    others.next().unwrap_or(Decision::StandIn)
}

/// A function and its argument. Two, of which one is in use while the other is written.
struct Told {
    function: AtomicUsize,
    argument: AtomicI32,
}

static TOLD: [Told; 2] = [const {
    Told {
        function: AtomicUsize::new(0),
        argument: AtomicI32::new(0),
    }
}; 2];

/// How often that was set; the last bit says which one is in use.
static SETTINGS: AtomicUsize = AtomicUsize::new(0);

/// Held by the thread that sets the function, which is within a [change](fork::hold_off): so no fork finds it held.
static SETTING: Mutex<()> = Mutex::new(());

/// The thread that set it.
static NOTIFIER: AtomicUsize = AtomicUsize::new(0);

/// Whether this is the thread that set the function.
pub fn is_notifier() -> bool {
    // Relaxed: a thread finds what it has stored itself.
    NOTIFIER.load(Ordering::Relaxed) == this_thread()
}

fn this_thread() -> usize {
    // SAFETY: pthread_self has no requirements, and makes no system call.
    unsafe { libc::pthread_self() as usize }
}

/// Has a function called for every loss from now on, when it is recorded and when it is repaired; None ends it.
pub fn set_notify(notify: Option<Notify>, argument: c_int) {
    let _change = fork::hold_off(); // A child finds it set or not.
    let _one_at_a_time = SETTING.lock().unwrap_or_else(PoisonError::into_inner);
    // Relaxed: the lock orders those who set it.
    let settings = SETTINGS.load(Ordering::Relaxed).wrapping_add(1);
    // Release: who reads what is stored below finds the number of settings that made this one be written.
    fence(Ordering::Release);
    let told = &TOLD[settings % 2];
    told.function.store(
        notify.map_or(0, |notify| notify as usize),
        Ordering::Relaxed,
    );
    told.argument.store(argument, Ordering::Relaxed);
    NOTIFIER.store(this_thread(), Ordering::Relaxed); // As `is_notifier`.
    SETTINGS.store(settings, Ordering::Release); // Publishes both.
}

/// Calls it.
pub fn notify() {
    let (function, argument) = loop {
        // Acquire: sees what was set.
        let settings = SETTINGS.load(Ordering::Acquire);
        let told = &TOLD[settings % 2];
        let found = (
            told.function.load(Ordering::Relaxed),
            told.argument.load(Ordering::Relaxed),
        );
        // Acquire: if one of the two was written for a later setting, the one between is seen.
        fence(Ordering::Acquire);
        if SETTINGS.load(Ordering::Relaxed) == settings {
            break found;
        }
    };
    if function != 0 {
        // SAFETY: `set_notify` stored it, and it may be called in a signal handler.
        unsafe { transmute::<usize, Notify>(function)(argument) };
    }
}
