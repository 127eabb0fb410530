//! Atomic numbers, and waiting for them.

use super::types::timeout;
use crate::capi::boundary::{Out, status};
use crate::handles::table::Handle;
use crate::share::atomic::{CHANGE, LOAD, STORE, read, write};
use crate::share::futex;
use crate::status::Status;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// `memmap_atomic_load32` loads the 32-bit number at `offset` into `*value`, in this machine's byte
/// order. The load is atomic and has acquire order, and the stores below have release order: a
/// thread that loads a number sees everything that was written to shared memory before that number
/// was stored.
///
/// These functions and any language's own atomic operations on the same address can be mixed.
///
/// Errors, here and below: MEMMAP_ERR_INVALID if the number's address is not a multiple of its size
/// (for a mapping whose `offset` is a multiple: if `offset` is not); MEMMAP_ERR_RANGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_atomic_load32(
    handle: Handle,
    offset: u64,
    value: *mut u32,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(value)? };
        out.set(read(handle, offset, |word: &AtomicU32| word.load(LOAD))?);
        Ok(())
    })
}

/// `memmap_atomic_store32` stores `value` at `offset` (release order).
///
/// Errors, here and below: MEMMAP_ERR_ACCESS on a read-only mapping.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_atomic_store32(handle: Handle, offset: u64, value: u32) -> Status {
    status(|| write(handle, offset, |word: &AtomicU32| word.store(value, STORE)))
}

/// `memmap_atomic_add32` adds `value` to the number at `offset`, modulo 2^32, and stores the number
/// that was there in `*before` (acquire and release order). To subtract, add the two's complement.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_atomic_add32(
    handle: Handle,
    offset: u64,
    value: u32,
    before: *mut u32,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(before)? };
        let add = |word: &AtomicU32| word.fetch_add(value, CHANGE);
        out.set(write(handle, offset, add)?);
        Ok(())
    })
}

/// `memmap_atomic_compare_swap32` stores `desired` at `offset` if the number there equals
/// `expected`. It stores the number that was there in `*before`: the swap was made if that equals
/// `expected`. Status 0 says only that the comparison was made. The order is acquire and release if
/// the swap was made, acquire otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_atomic_compare_swap32(
    handle: Handle,
    offset: u64,
    expected: u32,
    desired: u32,
    before: *mut u32,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(before)? };
        let swap = |word: &AtomicU32| word.compare_exchange(expected, desired, CHANGE, LOAD);
        out.set(write(handle, offset, swap)?.unwrap_or_else(|other| other));
        Ok(())
    })
}

/// `memmap_atomic_load64` is memmap_atomic_load32 for 64 bits. The next three functions are the
/// 64-bit forms of those above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_atomic_load64(
    handle: Handle,
    offset: u64,
    value: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(value)? };
        out.set(read(handle, offset, |word: &AtomicU64| word.load(LOAD))?);
        Ok(())
    })
}

/// `memmap_atomic_store64` stores `value` at `offset` (release order).
#[unsafe(no_mangle)]
pub extern "C" fn memmap_atomic_store64(handle: Handle, offset: u64, value: u64) -> Status {
    status(|| write(handle, offset, |word: &AtomicU64| word.store(value, STORE)))
}

/// `memmap_atomic_add64` adds `value` to the number at `offset`, modulo 2^64, and stores the number
/// that was there in `*before`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_atomic_add64(
    handle: Handle,
    offset: u64,
    value: u64,
    before: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(before)? };
        let add = |word: &AtomicU64| word.fetch_add(value, CHANGE);
        out.set(write(handle, offset, add)?);
        Ok(())
    })
}

/// `memmap_atomic_compare_swap64` stores `desired` at `offset` if the number there equals
/// `expected`. It stores the number that was there in `*before`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_atomic_compare_swap64(
    handle: Handle,
    offset: u64,
    expected: u64,
    desired: u64,
    before: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(before)? };
        let swap = |word: &AtomicU64| word.compare_exchange(expected, desired, CHANGE, LOAD);
        out.set(write(handle, offset, swap)?.unwrap_or_else(|other| other));
        Ok(())
    })
}

/// `memmap_wait` blocks the calling thread if the 32-bit number at `offset` equals `expected`, and
/// returns at once if it does not. A blocked call returns when memmap_wake is called for the same
/// place of the file, by any process and at any address. `timeout_ms` is the longest time to wait,
/// in milliseconds; -1 waits without limit.
///
/// Status 0 says only that the number should be looked at again. The number may have differed from
/// the start, a signal may have arrived, or the wake-up may be spurious. A thread that changes the
/// number and calls memmap_wake afterwards wakes every waiter.
///
/// In private memory (anonymous, copy-on-write) the call works between threads of this process,
/// also where the memory is read-only. It is futex(2), with FUTEX_PRIVATE_FLAG in private memory
/// and without it in shared memory.
///
/// The mapping is pinned during the call, as by memmap_pin: it can't be moved, cut or protected,
/// and stays mapped after memmap_close.
///
/// Errors: MEMMAP_ERR_TIMEOUT; MEMMAP_ERR_INVALID if `offset` is misaligned as above or the timeout
/// is below -1; MEMMAP_ERR_RANGE; MEMMAP_ERR_FAULT if the page was lost, also without the guard.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_wait(
    handle: Handle,
    offset: u64,
    expected: u32,
    timeout_ms: i64,
) -> Status {
    status(|| futex::wait(handle, offset, expected, timeout(timeout_ms)?))
}

/// `memmap_wake` wakes up to `count` of the threads, of any process, that wait at `offset`;
/// UINT32_MAX wakes all. It needs no write access and pins nothing. It waits for no other call,
/// except one that is changing the mapping at that moment.
///
/// Errors: as memmap_wait.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_wake(handle: Handle, offset: u64, count: u32) -> Status {
    status(|| futex::wake(handle, offset, count))
}
