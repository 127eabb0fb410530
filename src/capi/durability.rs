//! Durability.

use super::types::flush as checked_mode;
use crate::capi::boundary::status;
use crate::handles::table::Handle;
use crate::operations::access;
use crate::status::Status;

/// `memmap_flush` writes back the changed pages among those that hold `len` bytes from `offset` on
/// (MEMMAP_TO_END: all that follow). `mode` is a memmap_flush_mode.
///
/// When MEMMAP_FLUSH_SYNC returns 0, these bytes, and the file size that they need, are on the
/// device: the kernel treats the call as fdatasync(2) of the range. Its cost grows with the range,
/// so flush what was written rather than the whole mapping. Nothing else makes a write durable;
/// memmap_close does not.
///
/// A MEMMAP_FLUSH_SYNC that fails is remembered, because the kernel reports a write-back error once
/// and may drop the pages. Every later flush of the file (same device and inode), through any
/// mapping that this process had at that time, fails with the same status until memmap_recover
/// acknowledges it for that mapping. For the same reason a MEMMAP_FLUSH_SYNC waits, before it
/// returns, for those of the same file that are under way in other threads: the kernel may have
/// reported to them an error of bytes that this call wrote.
///
/// A read-only mapping may be flushed. MEMMAP_FLUSH_SYNC then makes durable what others wrote to
/// the file, and costs what was written anywhere in it (fdatasync(2)). Without a descriptor
/// (MEMMAP_NO_DESCRIPTOR) it does nothing, as msync(2).
///
/// Errors: EIO, ENOSPC or EDQUOT if the write-back fails; EBUSY from MEMMAP_FLUSH_INVALIDATE of
/// locked memory; MEMMAP_ERR_FAULT if anything of the mapping was lost, and from MEMMAP_FLUSH_SYNC
/// if the file has become shorter than the range (not noticed without a descriptor), in both cases
/// after the rest was written back; MEMMAP_ERR_RANGE; MEMMAP_ERR_ACCESS on a copy-on-write mapping,
/// which never becomes durable; MEMMAP_ERR_UNSUPPORTED for anonymous memory and with MEMMAP_ATOMIC;
/// MEMMAP_ERR_INVALID for an unknown mode; EBADF if the descriptor of a read-only mapping was
/// closed by other code.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_flush(handle: Handle, offset: u64, len: u64, mode: u32) -> Status {
    status(|| access::flush(handle, offset, len, checked_mode(mode)?))
}
