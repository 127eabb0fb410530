//! Reading, writing and flushing a range, each checked against the mapping's length.

use crate::handles::pin;
use crate::mapping::Flush;
use crate::range::{checked, checked_to_end, in_memory};
use crate::status::Result;
use crate::table::Handle;

// The copies below go through raw pointers and may overlap: the caller's buffer may lie in the same
// mapping, and other processes may write to it at the same time.

/// Copies `len` bytes from `offset` on to `to`.
///
/// # Safety
///
/// `to` can be written for `len` bytes.
#[inline]
pub unsafe fn read(handle: Handle, offset: u64, to: *mut u8, len: u64) -> Result<()> {
    let mapping = pin(handle)?;
    let range = in_memory(checked(offset, len, mapping.len() as u64)?);
    // SAFETY: the range lies in the pinned mapping, and the caller answers for `to`.
    unsafe { to.copy_from(mapping.data().add(range.start), range.len()) };
    Ok(())
}

/// Copies `len` bytes from `from` to `offset`.
///
/// # Safety
///
/// `from` can be read for `len` bytes.
#[inline]
pub unsafe fn write(handle: Handle, offset: u64, from: *const u8, len: u64) -> Result<()> {
    let mapping = pin(handle)?;
    mapping.writable()?;
    let range = in_memory(checked(offset, len, mapping.len() as u64)?);
    // SAFETY: the range lies in the pinned, writable mapping, and the caller answers for `from`.
    unsafe { mapping.data().add(range.start).copy_from(from, range.len()) };
    Ok(())
}

/// Sets every byte of a range.
pub fn fill(handle: Handle, offset: u64, len: u64, byte: u8) -> Result<()> {
    let mapping = pin(handle)?;
    mapping.writable()?;
    let range = in_memory(checked_to_end(offset, len, mapping.len() as u64)?);
    // SAFETY: the range lies in the pinned, writable mapping.
    unsafe {
        mapping
            .data()
            .add(range.start)
            .write_bytes(byte, range.len())
    };
    Ok(())
}

/// Copies `len` bytes inside the mapping; the ranges may overlap.
pub fn move_within(handle: Handle, to: u64, from: u64, len: u64) -> Result<()> {
    let mapping = pin(handle)?;
    mapping.writable()?;
    let total = mapping.len() as u64;
    let to = in_memory(checked(to, len, total)?);
    let from = in_memory(checked(from, len, total)?);
    let data = mapping.data();
    // SAFETY: both ranges lie in the pinned, writable mapping.
    unsafe { data.add(to.start).copy_from(data.add(from.start), to.len()) };
    Ok(())
}

/// Writes back the pages that hold a range.
pub fn flush(handle: Handle, offset: u64, len: u64, how: Flush) -> Result<()> {
    let mapping = pin(handle)?;
    let range = checked_to_end(offset, len, mapping.len() as u64)?;
    mapping.flush(in_memory(range), how)
}
