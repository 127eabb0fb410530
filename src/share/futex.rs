//! Waiting for a number in a mapping to change, and waking those who wait (futex(2)).

use crate::handles::table::Handle;
use crate::operations::access::intact;
use crate::registry::live::{self, Pinned, pin};
use crate::share::atomic::place_of;
use crate::status::{Error, Result};
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// A mapping that stays where it is until this is dropped.
struct Viewed(Handle);

impl Drop for Viewed {
    fn drop(&mut self) {
        // What was lost of the mapping is reported to who reads it.
        let _ = live::unview(self.0);
    }
}

/// Waits until somebody wakes those who wait at `offset`, unless the 32-bit number there isn't `expected`.
/// It may come back for no reason at all.
pub fn wait(handle: Handle, offset: u64, expected: u32, timeout: Option<Duration>) -> Result<()> {
    // Viewed, and not pinned for an operation: who waits may wait for long, and others need not wait for that.
    // First, since who is pinned and waits for a gate is waited for by who has closed it.
    live::view(handle)?;
    let _viewed = Viewed(handle);
    let place = Place::of(&pin(handle)?, offset)?;
    let time = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos() as libc::c_long, // Less than 10⁹: a long of 32 bits has room.
    });
    let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
    let wait = libc::FUTEX_WAIT | place.kind;
    // SAFETY: the number is mapped as long as it is viewed; if its page is gone, that is EFAULT.
    let result = unsafe { libc::syscall(libc::SYS_futex, place.word, wait, expected, time) };
    match result {
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
    let mapping = live::pin_past_gate(handle)?;
    let place = Place::of(&mapping, offset)?;
    if count == 0 {
        return Ok(()); // The system would wake one.
    }
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let wake = libc::FUTEX_WAKE | place.kind;
    // SAFETY: the number is mapped as long as the mapping is pinned; if its page is gone, that is EFAULT.
    let result = unsafe { libc::syscall(libc::SYS_futex, place.word, wake, count) };
    match result {
        -1 => match Error::last() {
            Error::System(libc::EFAULT) => Err(Error::Fault),
            error => Err(error),
        },
        _ => Ok(()),
    }
}

/// Where a number is, and by what the system knows that.
struct Place {
    word: *const AtomicU32,
    /// FUTEX_PRIVATE_FLAG, by which it is the address in this process; without it, it is the place in the file.
    /// Of private memory the latter would be the address too, if a page is there that may be written to, and EFAULT
    /// or the file's own place if not (futex(2), get_futex_key in the kernel).
    kind: i32,
}

impl Place {
    fn of(mapping: &Pinned, offset: u64) -> Result<Place> {
        let range = place_of::<AtomicU32>(mapping, offset)?;
        let word = mapping.data().wrapping_add(range.start).cast();
        intact(mapping, || [range.clone()])?;
        let kind = match mapping.is_private() {
            true => libc::FUTEX_PRIVATE_FLAG,
            false => 0,
        };
        Ok(Place { word, kind })
    }
}
