//! Reading and writing by copy, and searching.

use crate::capi::boundary::{Out, buffer, bytes, status};
use crate::handles::table::Handle;
use crate::operations::access;
use crate::range::NPOS;
use crate::status::Status;
use std::ffi::c_void;

/// `memmap_read` copies `len` bytes of the mapping from `offset` on into `buf`: all of them or none.
///
/// Statuses: MEMMAP_ERR_RANGE when that many bytes aren't there. MEMMAP_TO_END is not a length here,
/// nor in memmap_write: it is the size of the caller's buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_read(
    handle: Handle,
    offset: u64,
    buf: *mut c_void,
    len: u64,
) -> Status {
    status(|| {
        buffer(buf, len)?;
        // SAFETY: the caller's.
        unsafe { access::read(handle, offset, buf.cast(), len) }
    })
}

/// `memmap_write` copies `len` bytes from `buf` to `offset` of the mapping: all of them or none.
///
/// The bytes are in the file for everyone who reads it on this machine as soon as it answers, and on
/// the device after memmap_flush. On a copy-on-write mapping they stay in this process.
///
/// Statuses: MEMMAP_ERR_RANGE when there is not that much room; MEMMAP_ERR_ACCESS on a read-only
/// mapping, here and below also for a length of 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_write(
    handle: Handle,
    offset: u64,
    buf: *const c_void,
    len: u64,
) -> Status {
    status(|| {
        buffer(buf, len)?;
        // SAFETY: the caller's.
        unsafe { access::write(handle, offset, buf.cast(), len) }
    })
}

/// `memmap_fill` sets `len` bytes from `offset` on to `byte`. `len` may be MEMMAP_TO_END.
///
/// Statuses: MEMMAP_ERR_RANGE, MEMMAP_ERR_ACCESS.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_fill(handle: Handle, offset: u64, len: u64, byte: u8) -> Status {
    status(|| access::fill(handle, offset, len, byte))
}

/// `memmap_move` copies `len` bytes of the mapping from offset `from` to offset `to`; the ranges may
/// overlap, as with memmove(3).
///
/// Statuses: MEMMAP_ERR_RANGE when either lies outside (MEMMAP_TO_END is not a length here);
/// MEMMAP_ERR_ACCESS.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_move(handle: Handle, to: u64, from: u64, len: u64) -> Status {
    status(|| access::move_within(handle, to, from, len))
}

/// `memmap_find` looks for the first place where the `needle_len` bytes at `needle` stand, beginning at
/// offset `from` or later and ending at offset `to` (MEMMAP_TO_END: the end) or earlier. `*offset` is that
/// place, or MEMMAP_NPOS when there is none, which is no failure. An empty needle is found at `from`.
///
/// Bytes that others change meanwhile may be found as they were, as they are, or not.
///
/// Statuses: MEMMAP_ERR_RANGE when `from` or `to` lies outside; MEMMAP_ERR_FAULT when what was looked at was
/// lost in part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_find(
    handle: Handle,
    from: u64,
    to: u64,
    needle: *const c_void,
    needle_len: u64,
    offset: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the caller's, for both.
        let (needle, out) = unsafe { (bytes(needle, needle_len)?, Out::new(offset)?) };
        out.set(access::find(handle, from, to, needle)?.unwrap_or(NPOS));
        Ok(())
    })
}

/// `memmap_rfind` looks for the last such place. An empty needle is found at `to`.
///
/// Statuses: as memmap_find.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_rfind(
    handle: Handle,
    from: u64,
    to: u64,
    needle: *const c_void,
    needle_len: u64,
    offset: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the caller's, for both.
        let (needle, out) = unsafe { (bytes(needle, needle_len)?, Out::new(offset)?) };
        out.set(access::find_last(handle, from, to, needle)?.unwrap_or(NPOS));
        Ok(())
    })
}
