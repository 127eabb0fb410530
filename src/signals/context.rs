//! The registers of the code that a signal has interrupted, which it goes on with when the handler returns.

use libc::ucontext_t;

/// Where its stack ends.
///
/// # Safety
///
/// The kernel has filled the context, or getcontext(3) has.
#[cfg(target_arch = "x86_64")]
pub unsafe fn stack_pointer(context: *const ucontext_t) -> usize {
    // SAFETY: the context has been filled.
    unsafe { (*context).uc_mcontext.gregs[libc::REG_RSP as usize] as usize }
}

/// Has it go on in a function that returns to nobody, at the top of another stack, which is a multiple of 16.
///
/// # Safety
///
/// There is such a function, and such a stack; the context is that of the running signal handler.
#[cfg(target_arch = "x86_64")]
pub unsafe fn enter(context: *mut ucontext_t, function: usize, stack: usize) {
    const DIRECTION: i64 = 1 << 10; // Clear where a function begins (System V ABI).
    // SAFETY: the context is the handler's to change. Where the function finds its return address is 0.
    unsafe {
        let registers = &mut (*context).uc_mcontext.gregs;
        registers[libc::REG_RIP as usize] = function as i64;
        registers[libc::REG_RSP as usize] = (stack - size_of::<usize>()) as i64;
        registers[libc::REG_EFL as usize] &= !DIRECTION;
        ((stack - size_of::<usize>()) as *mut usize).write(0);
    }
}

/// As on x86_64.
///
/// # Safety
///
/// The kernel has filled the context, or getcontext(3) has.
#[cfg(target_arch = "x86")]
pub unsafe fn stack_pointer(context: *const ucontext_t) -> usize {
    // SAFETY: the context has been filled.
    unsafe { (*context).uc_mcontext.gregs[libc::REG_ESP as usize] as usize }
}

/// As on x86_64.
///
/// # Safety
///
/// There is such a function, and such a stack; the context is that of the running signal handler.
#[cfg(target_arch = "x86")]
pub unsafe fn enter(context: *mut ucontext_t, function: usize, stack: usize) {
    const DIRECTION: i32 = 1 << 10;
    // SAFETY: the context is the handler's to change. Where the function finds its return address is 0. The kernel goes
    // on by REG_ESP; it ignores REG_UESP.
    unsafe {
        let registers = &mut (*context).uc_mcontext.gregs;
        registers[libc::REG_EIP as usize] = function as i32;
        registers[libc::REG_ESP as usize] = (stack - size_of::<usize>()) as i32;
        registers[libc::REG_EFL as usize] &= !DIRECTION;
        ((stack - size_of::<usize>()) as *mut usize).write(0);
    }
}

/// As on x86_64.
///
/// # Safety
///
/// The kernel has filled the context, or getcontext(3) has.
#[cfg(target_arch = "aarch64")]
pub unsafe fn stack_pointer(context: *const ucontext_t) -> usize {
    // SAFETY: the context has been filled.
    unsafe { (*context).uc_mcontext.sp as usize }
}

/// As on x86_64.
///
/// # Safety
///
/// There is such a function, and such a stack; the context is that of the running signal handler.
#[cfg(target_arch = "aarch64")]
pub unsafe fn enter(context: *mut ucontext_t, function: usize, stack: usize) {
    const FRAME: usize = 29;
    const LINK: usize = 30;
    const BRANCH_TYPE: u64 = 3 << 10; // Of a jump that the interrupted code was about to land from.
    // SAFETY: the context is the handler's to change.
    unsafe {
        let registers = &mut (*context).uc_mcontext;
        registers.pc = function as u64;
        registers.sp = stack as u64;
        (registers.regs[FRAME], registers.regs[LINK]) = (0, 0);
        registers.pstate &= !BRANCH_TYPE;
    }
}

/// As on x86_64.
///
/// # Safety
///
/// The kernel has filled the context, or getcontext(3) has.
#[cfg(target_arch = "arm")]
pub unsafe fn stack_pointer(context: *const ucontext_t) -> usize {
    // SAFETY: the context has been filled.
    unsafe { (*context).uc_mcontext.arm_sp as usize }
}

/// As on x86_64.
///
/// # Safety
///
/// There is such a function, and such a stack; the context is that of the running signal handler.
#[cfg(target_arch = "arm")]
pub unsafe fn enter(context: *mut ucontext_t, function: usize, stack: usize) {
    const THUMB: u32 = 1 << 5;
    const CONDITION: u32 = 0x0600_fc00; // Which of the next instructions are passed over (IT).
    // SAFETY: the context is the handler's to change.
    unsafe {
        let registers = &mut (*context).uc_mcontext;
        registers.arm_pc = (function & !1) as _;
        registers.arm_sp = stack as _;
        registers.arm_lr = 0;
        registers.arm_cpsr &= !(THUMB | CONDITION) as libc::c_ulong;
        registers.arm_cpsr |= if function & 1 == 0 {
            0
        } else {
            THUMB as libc::c_ulong
        };
    }
}
