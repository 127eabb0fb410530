//! The stack of the code that a signal has interrupted, for a handler that wants to run there: it may need
//! more than an alternate stack has.

use libc::{c_uint, c_void, ucontext_t};
use std::mem::{MaybeUninit, transmute};

/// Bytes below the stack pointer that stay untouched: those that code may use unasked (128 by the System V
/// ABI for x86-64), and as many as the kernel's own frame takes there, registers and all. Mono's handler
/// writes where that frame would be. On aarch64 it has 4 KiB for registers alone (struct sigcontext, __reserved).
const KERNELS_FRAME: usize = if cfg!(target_arch = "aarch64") {
    8192
} else {
    4096
};

/// Runs `work` on the stack of the code that was interrupted. It may leave by longjmp.
///
/// # Safety
///
/// The context is that of the running signal handler.
pub unsafe fn on_interrupted(context: *const c_void, work: &mut dyn FnMut()) {
    // SAFETY: the caller's.
    match unsafe { top(context.cast()) } {
        // SAFETY: below there nothing is in use: that code waits until the handler has returned.
        Some(top) => unsafe { run_below(top, work) },
        None => work(),
    }
}

/// Where that stack is free; None if this runs there already.
///
/// # Safety
///
/// As above.
unsafe fn top(context: *const ucontext_t) -> Option<usize> {
    let local = 0_u8;
    // SAFETY: the kernel has filled it, also with what sigaltstack had been told: size 0 if nothing.
    let (alternate, interrupted) = unsafe { ((*context).uc_stack, stack_pointer(context)) };
    let start = alternate.ss_sp as usize;
    let on_alternate = |address| (start..start + alternate.ss_size).contains(&address);
    (on_alternate(&raw const local as usize) && !on_alternate(interrupted))
        .then(|| interrupted - KERNELS_FRAME)
}

#[cfg(target_arch = "x86_64")]
unsafe fn stack_pointer(context: *const ucontext_t) -> usize {
    // SAFETY: the caller's.
    unsafe { (*context).uc_mcontext.gregs[libc::REG_RSP as usize] as usize }
}

#[cfg(target_arch = "x86")]
unsafe fn stack_pointer(context: *const ucontext_t) -> usize {
    // SAFETY: the caller's.
    unsafe { (*context).uc_mcontext.gregs[libc::REG_ESP as usize] as usize }
}

#[cfg(target_arch = "arm")]
unsafe fn stack_pointer(context: *const ucontext_t) -> usize {
    // SAFETY: the caller's.
    unsafe { (*context).uc_mcontext.arm_sp as usize }
}

#[cfg(target_arch = "aarch64")]
unsafe fn stack_pointer(context: *const ucontext_t) -> usize {
    // SAFETY: the caller's.
    unsafe { (*context).uc_mcontext.sp as usize }
}

/// Runs `work` with a stack that grows down from `top`, and comes back.
///
/// # Safety
///
/// There is a stack.
unsafe fn run_below(top: usize, mut work: &mut dyn FnMut()) {
    /// makecontext(3) asks for beginning and size, and uses their sum.
    const SIZE: usize = 4096;
    let mut here = MaybeUninit::<ucontext_t>::uninit();
    let mut there = MaybeUninit::<ucontext_t>::uninit();
    // SAFETY: getcontext fills `there`, which stays where it is since it points into itself; `here` is filled
    // by swapcontext, which comes back when `enter` has returned.
    unsafe {
        if libc::getcontext(there.as_mut_ptr()) != 0 {
            return work();
        }
        let there = there.assume_init_mut();
        there.uc_stack.ss_sp = (top - SIZE) as *mut c_void;
        there.uc_stack.ss_size = SIZE;
        there.uc_link = here.as_mut_ptr();
        let work = &raw mut work as usize as u64;
        let enter = transmute::<extern "C" fn(c_uint, c_uint), extern "C" fn()>(enter);
        // The arguments are ints; a pointer takes two.
        libc::makecontext(there, enter, 2, (work >> 32) as c_uint, work as c_uint);
        libc::swapcontext(here.as_mut_ptr(), there);
    }
}

extern "C" fn enter(high: c_uint, low: c_uint) {
    let work = (u64::from(high) << 32 | u64::from(low)) as usize as *mut &mut dyn FnMut();
    // SAFETY: `run_below` waits with it.
    unsafe { (*work)() };
}
