//! Size.

use crate::capi::boundary::{Out, status};
use crate::handles::table::Handle;
use crate::operations::resize;
use crate::status::Status;

/// `memmap_resize` gives the mapping, and its file with it, the length `new_len`. Bytes that stay keep
/// their contents; bytes that the file did not have are zero, and their blocks are reserved; with
/// MEMMAP_SPARSE that of the last one only.
///
/// Up to the capacity (see memmap_get_info) growing moves nothing and may happen while others hold
/// pins; they see the new bytes when they pin again. Beyond it the mapping may move, and shrinking
/// cuts it: for both it must not be pinned, and calls that use it meanwhile are waited for. Pages that come
/// have what the options ask for (MEMMAP_NO_DUMP, MEMMAP_LOCKED, huge pages, advice), and pages that move keep what they
/// were advised or locked.
///
/// Of a mapping that ends before its file does, only the mapping shrinks: the bytes behind it are not
/// this mapping's, and growing takes them in before it makes the file longer.
///
/// Others may write to the file meanwhile. Growing loses nothing of theirs: it never makes the file shorter, and
/// changes no byte of it. So what somebody wrote through a mapping behind the end of the file, in its last page,
/// may be there when the file has grown; on tmpfs, memfds and shared memory it is. Shrinking cuts what is appended
/// between the look at the size and the cut, an instant: writers that append beside it need a lock (memmap_lock).
/// A call that fails leaves size and contents as they were; the address may be another one. Where the file system has no fallocate(2), new bytes are
/// written as zeros behind the end, and stay there if the call fails for want of space. Blocks that a failed call has
/// reserved are given back if nobody else has the file open; else they stay, behind the end, until the file grows or
/// is cut.
///
/// Statuses: MEMMAP_ERR_BUSY; MEMMAP_ERR_FAULT when anything of the mapping was lost: recover it first; and when the
/// file has become too short for the bytes that stay: memmap_refresh takes the size that it has;
/// MEMMAP_ERR_ACCESS unless the mapping is read-write; MEMMAP_ERR_UNSUPPORTED
/// for devices, with MEMMAP_NO_DESCRIPTOR whatever the access, and on a Linux before 5.13 for growing beyond the
/// capacity what was advised or locked in part; ENOSPC, EDQUOT, EFBIG; EPERM when a seal forbids it;
/// EBADF when somebody closed the mapping's descriptor; MEMMAP_ERR_LIMIT when RLIMIT_FSIZE, RLIMIT_MEMLOCK, address
/// space or memory has no room.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_resize(handle: Handle, new_len: u64) -> Status {
    status(|| resize::resize(handle, new_len))
}

/// `memmap_refresh` takes the size that the file has now, for files that others grow or cut: the
/// mapping reaches from its offset to the end of the file afterwards, and `*len` is its length. The
/// file itself is never touched, so it works on read-only mappings too.
///
/// The rules of memmap_resize hold: in place up to the capacity, else not while pinned. A mapping that was
/// opened with a length reaches to the end of the file afterwards, too; if the file ends before its
/// offset, the length is 0. The size is that at the moment in which the mapping changes, after what is waited for.
///
/// Statuses: MEMMAP_ERR_BUSY; MEMMAP_ERR_FAULT as memmap_resize; MEMMAP_ERR_UNSUPPORTED without a file or
/// its descriptor, and for a character device; EBADF;
/// MEMMAP_ERR_LIMIT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_refresh(handle: Handle, len: *mut u64) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(len)? };
        out.set(resize::refresh(handle)?);
        Ok(())
    })
}
