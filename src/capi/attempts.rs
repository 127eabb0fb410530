//! Code that is left at a fault.

use super::types::RawView;
use crate::capi::boundary::status;
use crate::handles::table::Handle;
use crate::operations::attempt::{self, Begun};
use crate::status::{Error, Status};
use crate::threads::thread;
use std::ffi::{c_int, c_void};
use std::ptr;

/// `memmap_try` calls `f(view, arg)` and leaves it at the first byte that was lost, before anything is
/// computed from it.
///
/// What `f` holds when it is left stays held: `f` must not hold a lock, own memory, a FILE or a
/// descriptor that only its own variables know, or have a C++ object with a destructor on its stack,
/// while it touches mapped memory. It is left as by longjmp(3), as an error leaves a C function of Lua or
/// of PostgreSQL. Let `f` read, compute, and store into memory that the caller of memmap_try owns.
/// Variables there that `f` has changed have any of the values that they had. In C++ let `f` only copy or
/// look (examples/ffi/try.cpp has a wrapper).
///
/// The guard must be installed (memmap_guard_install): without it a lost byte ends the process. `f` runs
/// with the mapping `h` pinned and gets a view of it, as from memmap_pin; when memmap_try returns, the pin
/// is returned. If `h` is 0, there is no view, and `view` is NULL. A fault of this thread in any guarded
/// mapping leaves `f`, whatever `h` is. The loss is recorded as always, and no zero page is mapped: the
/// next access to the byte is a fault again, until the file has it or the mapping is recovered.
///
/// If `f` returns, `*result` is its value (`result` may be NULL) and the status is 0. If it is left, the
/// status is MEMMAP_ERR_FAULT and `*result` keeps its value. A fault inside a call of this library that `f` makes
/// does not leave `f`: that call fails with MEMMAP_ERR_FAULT. It does map zero pages, and so does a fault of another thread
/// outside of memmap_try. If that happened in `h` while `f` ran, the status is MEMMAP_ERR_FAULT although `f` has returned,
/// since it may have read such zeros; if `h` is 0, any mapping counts. If `h` has zero pages when memmap_try is called, the
/// status is MEMMAP_ERR_FAULT and `f` is not called, until memmap_recover has taken them away. Losses that were only
/// recorded do not matter then. Other mappings that `f` reads may have zero pages from before: memmap_check finds them.
///
/// Calls may be nested; the innermost is left. Each thread has its own. `f` may call every function of
/// this library and may fork; the child goes on inside `f`. `f` may end by an exception of C++, by
/// pthread_exit(3) or by cancellation: the pin is returned. `f` must not jump (longjmp, swapcontext) out
/// of memmap_try, nor switch to another stack on which other code goes on. A signal handler that reads
/// mapped memory must do so by memmap_try of its own; else the fault leaves `f`, and the signals that are
/// blocked in the handler stay blocked. The floating-point environment stays as `f` has set it.
///
/// Errors: MEMMAP_ERR_FAULT; MEMMAP_ERR_INVALID if `f` is NULL; as memmap_pin for `h`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn memmap_try(
    handle: Handle,
    f: Option<unsafe extern "C-unwind" fn(view: *const RawView, arg: *mut c_void) -> c_int>,
    arg: *mut c_void,
    result: *mut c_int,
) -> Status {
    let mut run = None;
    let refused = status(|| {
        let f = f.ok_or(Error::Invalid)?;
        run = Some((f, attempt::begin(handle)?));
        Ok(())
    });
    let Some((f, begun)) = run else {
        return refused;
    };
    let view = match begun {
        Begun::One(viewed) => Some(RawView::new(viewed.data, viewed.len)),
        Begun::Any(_) => None,
    };
    let view = view.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the header requires that `f` may be called with `arg`, and left in the middle. Nothing is held here that a
    // frame which is unwound would have to drop.
    let value = unsafe { thread::attempt(f, view, arg, handle.0, give_back) };
    status(|| {
        attempt::end(begun)?;
        let value = value.ok_or(Error::Fault)?;
        if !result.is_null() {
            // SAFETY: the header requires the pointer to be NULL or valid for its type.
            unsafe { result.write_unaligned(value) };
        }
        Ok(())
    })
}

/// For a handle that is not 0, of a function that unwinds.
unsafe extern "C" fn give_back(handle: u64) {
    attempt::give_back(Handle(handle));
}
