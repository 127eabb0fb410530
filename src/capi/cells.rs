//! Cells: one writer's newest value for any number of readers.

use crate::capi::boundary::{Out, buffer, status};
use crate::handles::table::Handle;
use crate::share::cell;
use crate::status::Status;
use std::ffi::c_void;

/// `memmap_cell_size` stores in `*size` how many bytes of a mapping a cell for values of up to
/// `capacity` bytes occupies: slightly more than four times the capacity.
///
/// A cell holds the newest value that one writer has published, for readers in any process. No
/// reader and no writer waits. A reader never gets a torn value; it writes nothing, so its mapping
/// may be read-only. If a writer dies while it publishes, the last whole value stays. A cell may
/// lie in a file: publishing flushes nothing (see memmap_flush), and after a crash of the machine
/// readers get the newest value that is whole. This holds among programs that use these functions
/// only: a program that writes the memory by other means can put any value there.
///
/// Errors: MEMMAP_ERR_INVALID for a capacity of 0; MEMMAP_ERR_LIMIT for more than 2^40.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_cell_size(capacity: u64, size: *mut u64) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(size)? };
        out.set(cell::size(capacity)?);
        Ok(())
    })
}

/// `memmap_cell_create` makes a cell at `offset` of the mapping. If a cell of that capacity is
/// there already, the call keeps it and its value, so a writer calls this whenever it starts. Until
/// the cell exists, the other functions fail with MEMMAP_ERR_CORRUPT.
///
/// Errors: MEMMAP_ERR_INVALID and MEMMAP_ERR_LIMIT as memmap_cell_size; MEMMAP_ERR_INVALID if the
/// address at `offset` is not a multiple of 8; MEMMAP_ERR_RANGE; MEMMAP_ERR_ACCESS;
/// MEMMAP_ERR_CORRUPT if there is a cell of another capacity: to replace it, fill it with zeros
/// first.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_cell_create(handle: Handle, offset: u64, capacity: u64) -> Status {
    status(|| cell::create(handle, offset, capacity))
}

/// `memmap_cell_publish` makes the `len` bytes at `data` the newest value of the cell at `offset`.
/// A reader gets either all of them or the previous value.
///
/// A cell has one writer at a time. If two publish at once, in any processes, one of the values may
/// be lost, and readers may get an older value or MEMMAP_ERR_CORRUPT. Use memmap_lock to exclude
/// that.
///
/// Errors: MEMMAP_ERR_RANGE if `len` exceeds the capacity or the cell does not lie in the mapping;
/// MEMMAP_ERR_ACCESS; MEMMAP_ERR_CORRUPT if no cell begins there; MEMMAP_ERR_INVALID if `offset` is
/// misaligned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_cell_publish(
    handle: Handle,
    offset: u64,
    data: *const c_void,
    len: u64,
) -> Status {
    status(|| {
        buffer(data, len)?;
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        unsafe { cell::publish(handle, offset, data.cast(), len) }
    })
}

/// `memmap_cell_read` copies the newest value of the cell at `offset` into `buf`, which has room
/// for `buf_len` bytes. It stores the value's length in `*len` and its sequence number in
/// `*sequence`: 1 for the first value published, 0 if no value has been published yet, which is not
/// an error.
///
/// The previous contents of `buf` are lost, also if the call fails: the value is copied before it
/// is known to be whole.
///
/// Errors: MEMMAP_ERR_RANGE if the value is longer than `buf_len`, which does not happen if
/// `buf_len` is the cell's capacity; MEMMAP_ERR_CORRUPT if no cell begins there or no value is
/// whole; MEMMAP_ERR_BUSY if the writer publishes so fast that no read completes;
/// MEMMAP_ERR_INVALID if `offset` is misaligned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_cell_read(
    handle: Handle,
    offset: u64,
    buf: *mut c_void,
    buf_len: u64,
    len: *mut u64,
    sequence: *mut u64,
) -> Status {
    status(|| {
        buffer(buf, buf_len)?;
        // SAFETY: the header requires the pointers to be NULL or valid for their types.
        let (out_len, out_sequence) = unsafe { (Out::new(len)?, Out::new(sequence)?) };
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let (len, sequence) = unsafe { cell::read(handle, offset, buf.cast(), buf_len)? };
        out_len.set(len);
        out_sequence.set(sequence);
        Ok(())
    })
}

/// `memmap_cell_look` stores the capacity of the cell at `offset` in `*capacity`, and in
/// `*sequence` the sequence number of the value that memmap_cell_read would return now. It is
/// cheap, so that a reader can poll for a new value. If no value is whole, it stores the number of
/// the newest, and memmap_cell_read fails with MEMMAP_ERR_CORRUPT.
///
/// The call verifies the newest value, since a crash of the machine may have torn it: a value of
/// more than 4 KiB once, a shorter one each time. A value of more than 64 MiB is not verified and
/// counts as whole.
///
/// `*capacity` is at most what fits into the mapping. Within that, it is data that any writer of
/// the memory controls. If the writer is not trusted, allocate no more than a limit of your own:
/// memmap_cell_read never looks at a value longer than its buffer.
///
/// Errors: MEMMAP_ERR_CORRUPT if no cell begins there; MEMMAP_ERR_RANGE; MEMMAP_ERR_INVALID if
/// `offset` is misaligned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_cell_look(
    handle: Handle,
    offset: u64,
    capacity: *mut u64,
    sequence: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointers to be NULL or valid for their types.
        let (out_capacity, out_sequence) = unsafe { (Out::new(capacity)?, Out::new(sequence)?) };
        let (capacity, sequence) = cell::look(handle, offset)?;
        out_capacity.set(capacity);
        out_sequence.set(sequence);
        Ok(())
    })
}
