//! The boundary between C and Rust: the panic barrier, NULL checks, and outputs that are written last.

use crate::atfork;
use crate::range::addressable;
use crate::status::{Error, Result, Status};
use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

/// Every exported function links this file, and so the fork hooks.
#[used]
static HOOKS: &extern "C" fn() = &atfork::AT_LOAD;

/// Runs the body of an exported function. A panic in it becomes MEMMAP_ERR_PANIC and unwinds no further.
#[inline]
pub fn status(body: impl FnOnce() -> Result<()>) -> Status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => code(error),
        Err(_) => code(Error::Panic),
    }
}

/// Like [`status`], with a fast path: `at_once` cannot panic, and returns None if `body` has to run instead.
#[inline(always)]
pub fn status_at_once(
    at_once: impl FnOnce() -> Option<()>,
    body: impl FnOnce() -> Result<()>,
) -> Status {
    match at_once() {
        Some(()) => 0,
        None => detour(body),
    }
}

#[cold]
#[inline(never)]
fn detour(body: impl FnOnce() -> Result<()>) -> Status {
    status(body)
}

/// A function of its own, so that the successful path contains none of it.
#[cold]
#[inline(never)]
fn code(error: Error) -> Status {
    error.code()
}

/// The address of an output.
#[derive(Clone, Copy)]
pub struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// Refuses NULL. It is called before anything is done.
    ///
    /// # Safety
    ///
    /// `out` is NULL, or can be written for one T.
    #[inline]
    pub unsafe fn new(out: *mut T) -> Result<Out<T>> {
        NonNull::new(out).map(Out).ok_or(Error::Invalid)
    }

    /// Writes the output. It is called when nothing can fail any more.
    #[inline]
    pub fn set(self, value: T) {
        // SAFETY: `new` requires that one T can be written there. C requires alignment of the caller too; not
        // relying on it costs nothing.
        unsafe { self.0.write_unaligned(value) }
    }
}

/// A path.
///
/// # Safety
///
/// `path` is NULL or a terminated string that lives as long as the result.
pub unsafe fn path<'a>(path: *const c_char) -> Result<&'a CStr> {
    match path.is_null() {
        true => Err(Error::Invalid),
        // SAFETY: `path` is a terminated string that outlives the result.
        false => Ok(unsafe { CStr::from_ptr(path) }),
    }
}

/// A buffer of `len` bytes: it may be NULL only if it is empty.
#[inline]
pub fn buffer<T>(start: *const T, len: u64) -> Result<()> {
    match start.is_null() && len != 0 {
        true => Err(Error::Invalid),
        false => Ok(()),
    }
}

/// The bytes of a buffer that is only read.
///
/// # Safety
///
/// `start` is NULL, or can be read for `len` bytes as long as the result lives.
pub unsafe fn bytes<'a>(start: *const c_void, len: u64) -> Result<&'a [u8]> {
    buffer(start, len)?;
    match len {
        0 => Ok(&[]),
        // SAFETY: `start` can be read for `len` bytes, and `buffer` has refused NULL.
        _ => Ok(unsafe { std::slice::from_raw_parts(start.cast(), addressable(len)?) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_status() {
        assert_eq!(status(|| panic!("on purpose, by a test")), -100);
    }

    #[test]
    fn an_error_is_its_code_and_success_is_zero() {
        assert_eq!(status(|| Err(Error::System(libc::ENOENT))), libc::ENOENT);
        assert_eq!(status(|| Ok(())), 0);
    }
}
