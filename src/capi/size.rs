//! Size.

use crate::capi::boundary::{Out, status};
use crate::handles::table::Handle;
use crate::operations::resize;
use crate::status::Status;

/// `memmap_resize` sets the length of the mapping, and of its file, to `new_len`. Bytes that remain
/// keep their contents. Bytes that the file did not have are zero. Blocks are reserved for them;
/// with MEMMAP_SPARSE only for the last one.
///
/// Growing up to the capacity (see memmap_get_info) moves nothing. It may happen while the mapping
/// is pinned; a pin made afterwards sees the new bytes. Growing beyond the capacity may move the
/// mapping, and shrinking cuts it: for both the mapping must not be pinned, and the call waits for
/// other calls that use it. New pages have the options of the mapping (MEMMAP_NO_DUMP,
/// MEMMAP_LOCKED, huge pages, advice). Pages that move keep their advice and locks.
///
/// With MEMMAP_ATOMIC only the memory changes its length; the file does with memmap_commit.
///
/// If the mapping ends before its file does, only the mapping shrinks, since the bytes behind it
/// are not the mapping's; growing maps those bytes before it makes the file longer.
///
/// Other writers of the file lose nothing when it grows: the call never makes the file shorter
/// then, and changes none of its bytes. For this reason, bytes that a program wrote through a
/// mapping behind the end of the file, in its last page, may appear when the file has grown; on
/// tmpfs, memfds and shared memory they do. Shrinking discards what is appended between the look at
/// the size and the cut, an instant: use memmap_lock beside writers that append.
///
/// A call that fails leaves size and contents as they were; the address may have changed. On a file
/// system without fallocate(2), new bytes are written as zeros behind the end, and stay there if
/// the call fails for lack of space. Blocks that a failed call has reserved are released if no
/// other process has the file open; otherwise they stay behind the end until the file grows or is
/// cut.
///
/// Errors: MEMMAP_ERR_BUSY; MEMMAP_ERR_FAULT if anything of the mapping was lost (call
/// memmap_recover first), or if the file has become too short for the bytes that remain
/// (memmap_refresh takes the present size); MEMMAP_ERR_ACCESS unless the mapping is read-write;
/// MEMMAP_ERR_UNSUPPORTED for devices, with MEMMAP_NO_DESCRIPTOR whatever the access, and before
/// Linux 5.13 for growing a mapping beyond its capacity if a part of it was advised or locked;
/// ENOSPC; EDQUOT; EFBIG; EPERM if a seal forbids it; EBADF if the mapping's descriptor was closed
/// by other code; MEMMAP_ERR_LIMIT if RLIMIT_FSIZE, RLIMIT_MEMLOCK, address space or memory has no
/// room.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_resize(handle: Handle, new_len: u64) -> Status {
    status(|| resize::resize(handle, new_len))
}

/// `memmap_refresh` sets the length of the mapping to reach from its offset to the present end of
/// the file, and stores that length in `*len`. It is for files that others make longer or shorter.
/// It never changes the file, so it works on read-only mappings too.
///
/// The rules of memmap_resize hold: up to the capacity nothing moves, and otherwise the mapping
/// must not be pinned. A mapping that was opened with a length reaches to the end of the file
/// afterwards, too. If the file ends before the mapping's offset, the length is 0. The size is read
/// at the moment in which the mapping changes, after everything that the call waits for.
///
/// Errors: MEMMAP_ERR_BUSY; MEMMAP_ERR_FAULT as memmap_resize; MEMMAP_ERR_UNSUPPORTED without a
/// file or its descriptor, for a character device, and with MEMMAP_ATOMIC; EBADF; MEMMAP_ERR_LIMIT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_refresh(handle: Handle, len: *mut u64) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(len)? };
        out.set(resize::refresh(handle)?);
        Ok(())
    })
}
