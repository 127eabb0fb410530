//! Cells: one writer's newest value for any number of readers.

use crate::capi::boundary::{Out, buffer, status};
use crate::handles::table::Handle;
use crate::share::cell;
use crate::status::Status;
use std::ffi::c_void;

/// `memmap_cell_size` answers how many bytes of a mapping a cell takes for values of up to `capacity` bytes: a
/// little more than four times as many.
///
/// A cell holds the newest value that one writer has published, for readers in any process. Nobody waits for
/// anybody: a reader never gets a torn value and writes nothing, so its mapping may be read-only; a
/// writer that dies in the middle leaves the last whole value. A cell may lie in a file: publishing flushes
/// nothing (see memmap_flush), and after a crash of the machine readers get the newest value that is whole. That is so
/// among those who keep to these functions: who writes the memory by other means may put any value there.
///
/// Statuses: MEMMAP_ERR_INVALID for 0; MEMMAP_ERR_LIMIT for more than 2^40.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_cell_size(capacity: u64, size: *mut u64) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(size)? };
        out.set(cell::size(capacity)?);
        Ok(())
    })
}

/// `memmap_cell_create` makes a cell in the mapping at `offset`. One of that capacity that is there
/// already is kept with its value, so a writer calls this whenever it starts. Readers that come before it
/// are told MEMMAP_ERR_CORRUPT.
///
/// Statuses: MEMMAP_ERR_INVALID, MEMMAP_ERR_LIMIT as memmap_cell_size, and for an `offset` whose address is not a
/// multiple of 8; MEMMAP_ERR_RANGE; MEMMAP_ERR_ACCESS; MEMMAP_ERR_CORRUPT when there is a cell of another
/// capacity: fill it with zeros first if it is to go.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_cell_create(handle: Handle, offset: u64, capacity: u64) -> Status {
    status(|| cell::create(handle, offset, capacity))
}

/// `memmap_cell_publish` makes `len` bytes from `data` on the newest value of the cell at `offset`. Readers see
/// either all of it or the value before.
///
/// There is one writer at a time. Of two that publish at once, in whatever processes, one value may be lost, and
/// readers may have to do with an older one or with MEMMAP_ERR_CORRUPT; memmap_lock keeps them apart.
///
/// Statuses: MEMMAP_ERR_RANGE for more than the capacity, or when the cell doesn't lie in the mapping;
/// MEMMAP_ERR_ACCESS; MEMMAP_ERR_CORRUPT when no cell begins there; MEMMAP_ERR_INVALID for an `offset` as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_cell_publish(
    handle: Handle,
    offset: u64,
    data: *const c_void,
    len: u64,
) -> Status {
    status(|| {
        buffer(data, len)?;
        // SAFETY: the caller's.
        unsafe { cell::publish(handle, offset, data.cast(), len) }
    })
}

/// `memmap_cell_read` copies the newest value of the cell at `offset` into `buf`, which has room for `buf_len`
/// bytes. `*len` is how long it is, and `*sequence` which one: 1 for the first that was published. 0
/// says that there is none yet, and is no failure.
///
/// What was in `buf` is gone, also if it fails: it is copied there before it is known to be whole.
///
/// Statuses: MEMMAP_ERR_RANGE when the value is longer than `buf_len`, which never happens with the capacity;
/// MEMMAP_ERR_CORRUPT when no cell begins there, or no value is whole; MEMMAP_ERR_BUSY if the writer publishes
/// so fast that this reader never gets through; MEMMAP_ERR_INVALID for an `offset` as above.
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
        // SAFETY: the caller's, for both.
        let (out_len, out_sequence) = unsafe { (Out::new(len)?, Out::new(sequence)?) };
        // SAFETY: the caller's.
        let (len, sequence) = unsafe { cell::read(handle, offset, buf.cast(), buf_len)? };
        out_len.set(len);
        out_sequence.set(sequence);
        Ok(())
    })
}

/// `memmap_cell_look` answers the capacity of the cell at `offset`, and the sequence of the value that
/// memmap_cell_read would give now. It looks a value of more than 4 KiB through once, and shorter ones each time, since
/// a crash of the machine may have torn the newest; so whether there is anything new costs little. Where no value is
/// whole it is the sequence of the newest, and memmap_cell_read is MEMMAP_ERR_CORRUPT. A value of more than 64 MiB
/// isn't looked through: it counts as whole.
///
/// `*capacity` fits into the mapping, and is else the word of whoever may write to it: where that is a stranger, take
/// memory for as much as you allow and not for so much. memmap_cell_read never looks at a value longer than its buffer.
///
/// Statuses: MEMMAP_ERR_CORRUPT when no cell begins there; MEMMAP_ERR_RANGE; MEMMAP_ERR_INVALID for an `offset`
/// as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_cell_look(
    handle: Handle,
    offset: u64,
    capacity: *mut u64,
    sequence: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the caller's, for both.
        let (out_capacity, out_sequence) = unsafe { (Out::new(capacity)?, Out::new(sequence)?) };
        let (capacity, sequence) = cell::look(handle, offset)?;
        out_capacity.set(capacity);
        out_sequence.set(sequence);
        Ok(())
    })
}
