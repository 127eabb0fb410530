//! The system's errors: errno, and calls that are repeated when a signal interrupts them.

use crate::status::{Error, Result};

/// Returns the result of a system call that reports failure by -1; repeats the call on EINTR.
pub fn system<N: PartialEq + From<i8>>(mut call: impl FnMut() -> N) -> Result<N> {
    loop {
        let result = call();
        if result != N::from(-1) {
            return Ok(result);
        }
        match Error::last() {
            Error::System(libc::EINTR) => {}
            error => return Err(error),
        }
    }
}

/// The calling thread's errno, for a signal handler, which must leave it as it was.
pub fn errno() -> i32 {
    // SAFETY: every thread has one.
    unsafe { *libc::__errno_location() }
}

/// Sets it.
pub fn set_errno(errno: i32) {
    // SAFETY: every thread has an errno.
    unsafe { *libc::__errno_location() = errno };
}
