//! Durability.

use super::types::flush as checked_mode;
use crate::capi::boundary::status;
use crate::handles::table::Handle;
use crate::operations::access;
use crate::status::Status;

/// `memmap_flush` writes back what was changed in the pages that hold `len` bytes from `offset` on
/// (MEMMAP_TO_END: all that follow). `mode` is a memmap_flush_mode.
///
/// With MEMMAP_FLUSH_SYNC and status 0 these bytes, and the file size that they need, are on the
/// device: the kernel treats it as fdatasync(2) of the range. It costs what the range costs, so flush
/// what was written and not the whole. Nothing else makes a write durable, closing included.
///
/// A MEMMAP_FLUSH_SYNC that failed is remembered, since the kernel tells it once and may drop the pages:
/// every later flush of the file (device and inode) by any mapping that this process had then fails with the same, until
/// memmap_recover acknowledges it for that mapping. For the same reason a MEMMAP_FLUSH_SYNC waits for those of the same file
/// that are under way in other threads when it is done: the kernel may have told them of bytes that this one wrote.
///
/// A mapping that was opened read-only may be flushed: MEMMAP_FLUSH_SYNC then makes durable what others wrote
/// to the file, and costs what was written anywhere in it (fdatasync(2)); without a descriptor
/// (MEMMAP_NO_DESCRIPTOR) it does what msync(2) does there, which is nothing.
///
/// Statuses: EIO, ENOSPC, EDQUOT when the write-back fails; EBUSY from MEMMAP_FLUSH_INVALIDATE of
/// memory that is locked; MEMMAP_ERR_FAULT when anything of the mapping was lost, and from MEMMAP_FLUSH_SYNC
/// when the file has become shorter than the range (without a descriptor that is not seen), in which cases the rest
/// has been written back; MEMMAP_ERR_RANGE; MEMMAP_ERR_ACCESS on a copy-on-write mapping, of which
/// nothing ever becomes durable; MEMMAP_ERR_UNSUPPORTED for anonymous memory; MEMMAP_ERR_INVALID for an unknown mode;
/// EBADF when somebody closed the descriptor of a read-only mapping.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_flush(handle: Handle, offset: u64, len: u64, mode: u32) -> Status {
    status(|| access::flush(handle, offset, len, checked_mode(mode)?))
}
