//! The record that each thread has, in C (`thread.c`): which of its functions may be left in the middle, and whether a
//! call of this library is under way, which may not; and where it shows what it reads.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::sync::atomic::{Ordering, compiler_fence};

/// `struct thread`.
#[repr(C)]
struct Thread {
    attempt: *mut c_void,
    calls: u64,
    reader: *const c_void,
}

unsafe extern "C" {
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn memmap_private_this_thread() -> *mut Thread;
    fn memmap_private_way_out(now: usize, stack: *mut usize) -> usize;
}

unsafe extern "C-unwind" {
    fn memmap_private_attempt(
        function: unsafe extern "C-unwind" fn(*const c_void, *mut c_void) -> c_int,
        view: *const c_void,
        argument: *mut c_void,
        handle: u64,
        give_back: unsafe extern "C" fn(u64),
        value: *mut c_int,
    ) -> c_int;
}

/// The record of this thread, without a call where the instructions are known that load a thread-local variable of the
/// initial-exec model (ELF Handling For Thread-Local Storage, by U. Drepper).
#[inline(always)]
fn this_thread() -> *mut Thread {
    #[cfg(target_arch = "x86_64")]
    {
        let thread: *mut Thread;
        // SAFETY: it loads the variable's distance from the thread pointer, and the thread pointer.
        unsafe {
            std::arch::asm!(
                "mov {thread}, qword ptr [rip + memmap_private_thread@GOTTPOFF]",
                "add {thread}, qword ptr fs:[0]",
                thread = out(reg) thread,
                options(pure, nomem, nostack),
            );
        }
        thread
    }
    #[cfg(target_arch = "aarch64")]
    {
        let thread: *mut Thread;
        // SAFETY: it loads the thread pointer, and the variable's distance from it.
        unsafe {
            std::arch::asm!(
                "mrs {thread}, tpidr_el0",
                "adrp {distance}, :gottprel:memmap_private_thread",
                "ldr {distance}, [{distance}, :gottprel_lo12:memmap_private_thread]",
                "add {thread}, {thread}, {distance}",
                thread = out(reg) thread,
                distance = out(reg) _,
                options(pure, nomem, nostack),
            );
        }
        thread
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    // SAFETY: it answers an address.
    unsafe {
        memmap_private_this_thread()
    }
}

/// A call of this library, until it is dropped: a fault that this thread meets meanwhile gets stand-in pages, and the call
/// ends by itself, with all that it holds.
#[derive(Debug)]
pub struct Call(PhantomData<*mut ()>);

impl Call {
    /// Begins it.
    #[inline(always)]
    pub fn begin() -> Call {
        // SAFETY: the record is this thread's, for as long as it lives, and only touched by itself.
        unsafe { (*this_thread()).calls += 1 };
        compiler_fence(Ordering::SeqCst); // The handler of a fault looks at it.
        Call(PhantomData)
    }
}

impl Drop for Call {
    #[inline(always)]
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        // SAFETY: as in `begin`, of the same thread: it is not Send.
        unsafe { (*this_thread()).calls -= 1 };
    }
}

/// What this thread has been given by [`set_reader`]; null at first.
#[inline(always)]
pub fn reader() -> *const c_void {
    // SAFETY: the record is this thread's.
    unsafe { (*this_thread()).reader }
}

/// Keeps a pointer in the record of this thread: to what the thread shows of what it reads, which is no matter here.
pub fn set_reader(reader: *const c_void) {
    // SAFETY: the record is this thread's, and only touched by itself.
    unsafe { (*this_thread()).reader = reader };
    compiler_fence(Ordering::SeqCst); // A signal handler looks at it.
}

/// Runs a function of C; its value, or None if it was left. When it unwinds, `give_back` is called with a handle that
/// is not 0.
///
/// # Safety
///
/// The function may be called with these arguments, and left in the middle.
#[inline(always)]
pub unsafe fn attempt<View>(
    function: unsafe extern "C-unwind" fn(*const View, *mut c_void) -> c_int,
    view: *const View,
    argument: *mut c_void,
    handle: u64,
    give_back: unsafe extern "C" fn(u64),
) -> Option<c_int> {
    let mut value = 0;
    // SAFETY: a function of C takes a pointer the same way, whatever it points to; the arguments are valid for it, and there
    // is room for its value.
    let left = unsafe {
        let function = std::mem::transmute::<
            unsafe extern "C-unwind" fn(*const View, *mut c_void) -> c_int,
            unsafe extern "C-unwind" fn(*const c_void, *mut c_void) -> c_int,
        >(function);
        memmap_private_attempt(
            function,
            view.cast(),
            argument,
            handle,
            give_back,
            &mut value,
        )
    };
    (left == 0).then_some(value)
}

/// Whether this thread is inside a call of this library.
pub fn is_in_a_call() -> bool {
    // SAFETY: the record is this thread's.
    unsafe { (*this_thread()).calls != 0 }
}

/// Where a thread goes on to leave the innermost function that may be left.
pub struct WayOut {
    /// A function that does the rest, and doesn't return.
    pub function: usize,
    /// The stack that it runs on ends there, at a multiple of 16.
    pub stack: usize,
}

/// For the handler of a fault of this thread, which was interrupted with that stack pointer; None if it runs no function that
/// may be left.
pub fn way_out(stack_pointer: usize) -> Option<WayOut> {
    let mut stack = 0;
    // SAFETY: the record is this thread's, and there is room for the answer.
    let function = unsafe { memmap_private_way_out(stack_pointer, &mut stack) };
    (function != 0).then_some(WayOut { function, stack })
}
