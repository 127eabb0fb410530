//! Reading and writing by copy, and searching.

use crate::capi::boundary::{Out, buffer, bytes, status, status_at_once};
use crate::handles::table::Handle;
use crate::operations::access;
use crate::range::NPOS;
use crate::status::Status;
use std::ffi::c_void;

/// `memmap_read` copies `len` bytes of the mapping, from `offset` on, into `buf`. It copies all of
/// them or fails.
///
/// `len` is the size of the caller's buffer. MEMMAP_TO_END is not a length here, nor in
/// memmap_write.
///
/// Errors: MEMMAP_ERR_RANGE if the mapping does not hold that many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_read(
    handle: Handle,
    offset: u64,
    buf: *mut c_void,
    len: u64,
) -> Status {
    let at_once = || {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let done =
            !buf.is_null() && unsafe { access::read_at_once(handle, offset, buf.cast(), len) };
        done.then_some(())
    };
    status_at_once(at_once, move || {
        buffer(buf, len)?;
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        unsafe { access::read(handle, offset, buf.cast(), len) }
    })
}

/// `memmap_write` copies `len` bytes from `buf` into the mapping, at `offset`. It copies all of
/// them or fails.
///
/// When it returns, every reader of the file on this machine sees the bytes. They are on the device
/// after memmap_flush. On a copy-on-write mapping they stay in this process.
///
/// Errors: MEMMAP_ERR_RANGE if the mapping does not hold that many bytes; MEMMAP_ERR_ACCESS if the
/// mapping is read-only, here and below also for a length of 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_write(
    handle: Handle,
    offset: u64,
    buf: *const c_void,
    len: u64,
) -> Status {
    let at_once = || {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let done =
            !buf.is_null() && unsafe { access::write_at_once(handle, offset, buf.cast(), len) };
        done.then_some(())
    };
    status_at_once(at_once, move || {
        buffer(buf, len)?;
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        unsafe { access::write(handle, offset, buf.cast(), len) }
    })
}

/// `memmap_fill` sets `len` bytes, from `offset` on, to `byte`. `len` may be MEMMAP_TO_END.
///
/// Errors: MEMMAP_ERR_RANGE; MEMMAP_ERR_ACCESS.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_fill(handle: Handle, offset: u64, len: u64, byte: u8) -> Status {
    status(|| access::fill(handle, offset, len, byte))
}

/// `memmap_move` copies `len` bytes of the mapping from offset `from` to offset `to`. The ranges
/// may overlap, as with memmove(3).
///
/// Errors: MEMMAP_ERR_RANGE if either range lies outside the mapping (MEMMAP_TO_END is not a length
/// here); MEMMAP_ERR_ACCESS.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_move(handle: Handle, to: u64, from: u64, len: u64) -> Status {
    status(|| access::move_within(handle, to, from, len))
}

/// `memmap_find` searches the bytes from offset `from` up to offset `to` (MEMMAP_TO_END: the end)
/// for the first occurrence of the `needle_len` bytes at `needle`. It stores the offset of the
/// occurrence in `*offset`, or MEMMAP_NPOS if there is none, which is not an error. An empty needle
/// is found at `from`.
///
/// Bytes that another writer changes during the call may be found with their old value, with their
/// new value, or not at all.
///
/// Errors: MEMMAP_ERR_RANGE if `from` or `to` lies outside the mapping; MEMMAP_ERR_FAULT if a byte
/// that was searched was lost.
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
        // SAFETY: the header requires the pointers to be NULL or valid for their types.
        let (needle, out) = unsafe { (bytes(needle, needle_len)?, Out::new(offset)?) };
        out.set(access::find(handle, from, to, needle)?.unwrap_or(NPOS));
        Ok(())
    })
}

/// `memmap_rfind` searches for the last occurrence. An empty needle is found at `to`.
///
/// Errors: as memmap_find.
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
        // SAFETY: the header requires the pointers to be NULL or valid for their types.
        let (needle, out) = unsafe { (bytes(needle, needle_len)?, Out::new(offset)?) };
        out.set(access::find_last(handle, from, to, needle)?.unwrap_or(NPOS));
        Ok(())
    })
}
