//! Waiting for a number in a mapping to change, and waking those who wait (futex(2)).

use crate::access::intact;
use crate::atomic::place_of;
use crate::handles::{self, pin};
use crate::status::{Error, Result};
use crate::table::Handle;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// A mapping that stays where it is until this is dropped.
struct Viewed(Handle);

impl Drop for Viewed {
    fn drop(&mut self) {
        // What was lost of the mapping is told by who reads it.
        let _ = handles::unview(self.0);
    }
}

/// Waits until somebody wakes those who wait at `offset`, unless the 32-bit number there isn't `expected`.
/// It may come back for no reason at all.
pub fn wait(handle: Handle, offset: u64, expected: u32, timeout: Option<Duration>) -> Result<()> {
    let (word, _viewed) = place(handle, offset)?;
    let time = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos() as libc::c_long, // Less than 10⁹: a long of 32 bits has room.
    });
    let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
    // Shared: without FUTEX_PRIVATE_FLAG the system knows the place by its file.
    // SAFETY: the number is mapped as long as it is viewed; if its page is gone, that is EFAULT.
    let answer = unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAIT, expected, time) };
    match answer {
        -1 => match Error::last() {
            // It was another number already, or a signal came: the caller looks again in any case.
            Error::System(libc::EAGAIN | libc::EINTR) => Ok(()),
            Error::System(libc::ETIMEDOUT) => Err(Error::Timeout),
            Error::System(libc::EFAULT) => Err(Error::Fault),
            error => Err(error),
        },
        _ => Ok(()),
    }
}

/// Wakes up to `count` of those who wait at `offset`.
pub fn wake(handle: Handle, offset: u64, count: u32) -> Result<()> {
    let (word, _viewed) = place(handle, offset)?;
    if count == 0 {
        return Ok(()); // The system would wake one.
    }
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    // SAFETY: as above.
    let answer = unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE, count) };
    match answer {
        -1 => match Error::last() {
            Error::System(libc::EFAULT) => Err(Error::Fault),
            error => Err(error),
        },
        _ => Ok(()),
    }
}

/// Where the number is. It is viewed, and not pinned for an operation: who waits may wait for long, and
/// others need not wait for that.
fn place(handle: Handle, offset: u64) -> Result<(*const AtomicU32, Viewed)> {
    let mapping = pin(handle)?;
    let range = place_of::<AtomicU32>(&mapping, offset)?;
    let start = range.start;
    intact(&mapping, || [range.clone()])?;
    let (data, _) = handles::view(handle)?;
    Ok((data.wrapping_add(start).cast(), Viewed(handle)))
}
