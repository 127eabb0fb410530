//! Atomic numbers, and waiting for them.

use super::types::timeout;
use crate::capi::boundary::{Out, status};
use crate::handles::table::Handle;
use crate::share::atomic::{CHANGE, LOAD, STORE, read, write};
use crate::share::futex;
use crate::status::Status;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// `memmap_atomic_load32` reads the 32-bit number at `offset`, whole, whoever else writes it, in this machine's
/// order of bytes. What was written to shared memory before the number was stored is seen by who has
/// loaded it (acquire, and release below).
///
/// Any language's own atomic operations on the same address go together with these.
///
/// Statuses, here and below: MEMMAP_ERR_INVALID when the number's address is not a multiple of its size, so
/// for mappings whose `offset` is one, when `offset` is not; MEMMAP_ERR_RANGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_atomic_load32(
    handle: Handle,
    offset: u64,
    value: *mut u32,
) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(value)? };
        out.set(read(handle, offset, |word: &AtomicU32| word.load(LOAD))?);
        Ok(())
    })
}

/// `memmap_atomic_store32` stores `value` there (release).
///
/// Statuses: MEMMAP_ERR_ACCESS on a read-only mapping, here and below.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_atomic_store32(handle: Handle, offset: u64, value: u32) -> Status {
    status(|| write(handle, offset, |word: &AtomicU32| word.store(value, STORE)))
}

/// `memmap_atomic_add32` adds `value`, modulo 2^32; `*before` is the number that was there (acquire and
/// release). To subtract, add the two's complement.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_atomic_add32(
    handle: Handle,
    offset: u64,
    value: u32,
    before: *mut u32,
) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(before)? };
        let add = |word: &AtomicU32| word.fetch_add(value, CHANGE);
        out.set(write(handle, offset, add)?);
        Ok(())
    })
}

/// `memmap_atomic_compare_swap32` stores `desired` if the number there is `expected`, and else nothing; `*before`
/// is the number that was there, so the swap was made if it equals `expected`, and status 0 says only
/// that it was tried (acquire and release; acquire if it wasn't made).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_atomic_compare_swap32(
    handle: Handle,
    offset: u64,
    expected: u32,
    desired: u32,
    before: *mut u32,
) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(before)? };
        let swap = |word: &AtomicU32| word.compare_exchange(expected, desired, CHANGE, LOAD);
        out.set(write(handle, offset, swap)?.unwrap_or_else(|other| other));
        Ok(())
    })
}

/// `memmap_atomic_load64` is memmap_atomic_load32 for 64 bits; so are the next three.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_atomic_load64(
    handle: Handle,
    offset: u64,
    value: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(value)? };
        out.set(read(handle, offset, |word: &AtomicU64| word.load(LOAD))?);
        Ok(())
    })
}

/// `memmap_atomic_store64` stores `value` there (release).
#[unsafe(no_mangle)]
pub extern "C" fn memmap_atomic_store64(handle: Handle, offset: u64, value: u64) -> Status {
    status(|| write(handle, offset, |word: &AtomicU64| word.store(value, STORE)))
}

/// `memmap_atomic_add64` adds `value`, modulo 2^64; `*before` is the number that was there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_atomic_add64(
    handle: Handle,
    offset: u64,
    value: u64,
    before: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(before)? };
        let add = |word: &AtomicU64| word.fetch_add(value, CHANGE);
        out.set(write(handle, offset, add)?);
        Ok(())
    })
}

/// `memmap_atomic_compare_swap64` stores `desired` if the number there is `expected`; `*before` is the number
/// that was there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_atomic_compare_swap64(
    handle: Handle,
    offset: u64,
    expected: u64,
    desired: u64,
    before: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(before)? };
        let swap = |word: &AtomicU64| word.compare_exchange(expected, desired, CHANGE, LOAD);
        out.set(write(handle, offset, swap)?.unwrap_or_else(|other| other));
        Ok(())
    })
}

/// `memmap_wait` waits until memmap_wake is called for the same place of the file, by any process and at
/// any address, if the 32-bit number at `offset` is `expected`; else it answers at once. `timeout_ms` is how
/// many milliseconds to wait at most; -1 is for ever.
///
/// Status 0 says only that it is time to look at the number again: it may have been another from the start,
/// a signal may have come, or no reason at all. Whoever changes the number calls memmap_wake
/// afterwards; then no wake is missed. In private memory (anonymous, copy-on-write) it is between the threads
/// of this process, also where it is read-only; it is futex(2) with FUTEX_PRIVATE_FLAG there, and without it in
/// memory that is shared.
///
/// While it waits, the mapping is pinned as by memmap_pin: it can't be moved, cut or protected, and stays after
/// memmap_close.
///
/// Statuses: MEMMAP_ERR_TIMEOUT; MEMMAP_ERR_INVALID for an `offset` as above or a timeout below -1;
/// MEMMAP_ERR_RANGE; MEMMAP_ERR_FAULT also without the guard, when the page is gone.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_wait(
    handle: Handle,
    offset: u64,
    expected: u32,
    timeout_ms: i64,
) -> Status {
    status(|| futex::wait(handle, offset, expected, timeout(timeout_ms)?))
}

/// `memmap_wake` wakes up to `count` of those who wait at `offset`, in any process; UINT32_MAX is all. It needs
/// no right to write, pins nothing, and waits for no call but one that is changing the mapping just then.
///
/// Statuses: as memmap_wait.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_wake(handle: Handle, offset: u64, count: u32) -> Status {
    status(|| futex::wake(handle, offset, count))
}
