//! The stack of the code that a signal has interrupted, for a handler that wants to run there: it may need
//! more than an alternate stack has.

use super::context::stack_pointer;
use libc::{c_uint, c_void, siginfo_t, ucontext_t};
use std::mem::{MaybeUninit, transmute};
use std::ptr;

/// Bytes below the stack pointer that stay untouched: those that code may use unasked (128 by the System V
/// ABI for x86-64), and as many as the kernel's own frame takes there, registers and all. Mono's handler
/// writes where that frame would be. On aarch64 it has 4 KiB for registers alone (struct sigcontext, __reserved).
const KERNELS_FRAME: usize = if cfg!(target_arch = "aarch64") {
    8192
} else {
    4096
};

/// What a handler is called with beside the number of the signal.
#[derive(Clone, Copy)]
pub struct Arguments {
    /// What the kernel tells of the signal.
    pub info: *mut siginfo_t,
    /// What was interrupted, and goes on as it is left.
    pub context: *mut c_void,
}

/// Runs `work` on the stack of the code that was interrupted, with what the handler got. It may leave by longjmp.
///
/// Meanwhile the kernel takes the alternate stack for unused, and a signal that comes is handled at its top, where this
/// handler's own frames are. So they are kept on the other stack, with what the kernel has put there, and put back.
///
/// # Safety
///
/// The arguments are those of the running signal handler.
pub unsafe fn on_interrupted(arguments: Arguments, work: &mut dyn FnMut(Arguments)) {
    // SAFETY: the context is that of the running handler.
    match unsafe { Stacks::of(arguments.context.cast()) } {
        // SAFETY: below the top nothing is in use: the code there waits until the handler has returned.
        Some(stacks) => unsafe { stacks.run(arguments, work) },
        None => work(arguments),
    }
}

/// A handler that runs on the alternate stack, and code on another that was interrupted.
struct Stacks {
    /// Behind the alternate stack.
    end: usize,
    /// Below it the other one is free.
    top: usize,
}

impl Stacks {
    /// None if this runs on the stack of the interrupted code already.
    ///
    /// # Safety
    ///
    /// The context is that of the running signal handler.
    unsafe fn of(context: *const ucontext_t) -> Option<Stacks> {
        let local = 0_u8;
        // SAFETY: the kernel has filled it, also with what sigaltstack had been told: size 0 if nothing.
        let (alternate, interrupted) = unsafe { ((*context).uc_stack, stack_pointer(context)) };
        let start = alternate.ss_sp as usize;
        let end = start + alternate.ss_size;
        let on_alternate = |address| (start..end).contains(&address);
        let here = &raw const local as usize;
        (on_alternate(here) && !on_alternate(interrupted)).then(|| Stacks {
            end,
            top: interrupted - KERNELS_FRAME,
        })
    }

    /// # Safety
    ///
    /// There is a stack below the top, and the arguments are those of the running signal handler.
    unsafe fn run(&self, arguments: Arguments, work: &mut dyn FnMut(Arguments)) {
        let mut here = MaybeUninit::<ucontext_t>::uninit();
        let mut there = MaybeUninit::<ucontext_t>::uninit();
        // What of the alternate stack is in use: no more than from somewhat below these on.
        let in_use = self.end - (&raw const here as usize).min(&raw const there as usize) + 1024;
        let copy = (self.top - in_use) / 64 * 64;
        let mut visit = Visit {
            stacks: self,
            copy,
            here: here.as_mut_ptr(),
            arguments,
            work,
        };
        // SAFETY: getcontext fills `there`, which stays where it is since it points into itself; `here` is filled
        // by swapcontext, which comes back when `enter` has returned.
        unsafe {
            if libc::getcontext(there.as_mut_ptr()) != 0 {
                return (visit.work)(arguments);
            }
            let there = there.assume_init_mut();
            /// makecontext(3) asks for beginning and size, and uses their sum.
            const SIZE: usize = 4096;
            there.uc_stack.ss_sp = (copy - SIZE) as *mut c_void;
            there.uc_stack.ss_size = SIZE;
            there.uc_link = here.as_mut_ptr();
            let visit = &raw mut visit as usize as u64;
            let enter = transmute::<extern "C" fn(c_uint, c_uint), extern "C" fn()>(enter);
            // The arguments are ints; a pointer takes two.
            libc::makecontext(there, enter, 2, (visit >> 32) as c_uint, visit as c_uint);
            libc::swapcontext(here.as_mut_ptr(), there);
        }
    }
}

/// What is done on the other stack.
struct Visit<'v> {
    stacks: &'v Stacks,
    /// Where there is room for what is kept.
    copy: usize,
    /// Where the handler goes on.
    here: *const ucontext_t,
    arguments: Arguments,
    work: &'v mut dyn FnMut(Arguments),
}

extern "C" fn enter(high: c_uint, low: c_uint) {
    let visit = (u64::from(high) << 32 | u64::from(low)) as usize as *const Visit;
    // SAFETY: `run` waits with it. What the alternate stack has from the stack pointer up is all that is in use
    // there, and fits at `copy`, under which this runs. The visit is part of it, so nothing of it is used once the work has begun,
    // until it is put back.
    unsafe {
        let (copy, end) = ((*visit).copy, (*visit).stacks.end);
        let start = stack_pointer((*visit).here);
        let Arguments { info, context } = (*visit).arguments;
        let (work, len) = (ptr::read(&raw const (*visit).work), end - start);
        ptr::copy_nonoverlapping(start as *const u8, copy as *mut u8, len);
        let kept = |address: usize| match (start..end).contains(&address) {
            true => address - start + copy,
            false => address,
        };
        let there = kept(context as usize) as *mut ucontext_t;
        move_registers(there, kept);
        work(Arguments {
            info: kept(info as usize) as *mut siginfo_t,
            context: there.cast(),
        });
        move_registers(there, |address| {
            match (copy..copy + len).contains(&address) {
                true => address - copy + start,
                false => address,
            }
        });
        ptr::copy_nonoverlapping(copy as *const u8, start as *mut u8, len);
    }
}

/// Has the context point to its registers where they are.
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
unsafe fn move_registers(context: *mut ucontext_t, to: impl FnOnce(usize) -> usize) {
    // SAFETY: the context can be written, by `enter`.
    unsafe {
        let registers = &mut (*context).uc_mcontext.fpregs;
        *registers = to(*registers as usize) as *mut _;
    }
}

/// They are part of it.
#[cfg(not(any(target_arch = "x86_64", target_arch = "x86")))]
unsafe fn move_registers(_: *mut ucontext_t, _: impl FnOnce(usize) -> usize) {}
