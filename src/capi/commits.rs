//! Commits.

use super::types::RawRange;
use crate::capi::boundary::{Out, buffer, status};
use crate::handles::table::Handle;
use crate::operations::commits;
use crate::status::Status;

/// `memmap_commit` makes everything that was changed in a mapping of MEMMAP_ATOMIC since the last
/// commit durable in its file: the bytes, however they were stored, and the length.
///
/// When it returns 0, all of it is on the device. After a crash of the process or of the system, at
/// any moment, the next memmap_open with MEMMAP_ATOMIC and MEMMAP_READ_WRITE finds the file as the
/// last commit that returned 0 made it, or as the one that was under way would have, whole. Without
/// changes the call does nothing.
///
/// Until the commit, changes are private to this mapping: other processes and other mappings see
/// the file as it was. They see a commit while it is applied to the file, byte by byte, so they
/// must not read it meanwhile. Nobody else may write to the file or change its length.
///
/// A call that fails changes nothing: memory keeps the changes, memmap_rollback takes them back,
/// and the commit may be tried again, except after a failure of the device. If the log could not be
/// made durable (EIO and others), nobody knows whether that commit is on the device: after a crash
/// the file may be as with it or as without it, whole in either case. This call, memmap_rollback,
/// memmap_checkpoint, memmap_changes and memmap_resize then return the same error until
/// memmap_recover. It writes the acknowledged commits again, and returns 0 when the file is durable
/// without the one that failed, which then will not come back. The changes are still in memory and
/// may be committed. Blocks that a failed call has reserved for a longer file stay behind its end.
/// The same as for the log holds if the commit is durable and writing it to the file fails: this
/// call returns 0, the next ones return the error.
///
/// A store of another thread during the call is in this commit or in the next one. Of a number that
/// is stored meanwhile, a commit may have some bytes and not others; so a program that needs a
/// state commits when no thread is in the middle of a change. Direct I/O (O_DIRECT) into the memory
/// must not be under way.
///
/// The log is the file NAME.commit in the directory of the file, with its permissions. It belongs
/// to the file: do not remove or rename it while the file is open, nor after a crash before the
/// file was opened again. When it has 64 MiB, a commit makes the file durable and begins the log
/// anew; so does memmap_close, unless the device fails.
///
/// Errors: MEMMAP_ERR_UNSUPPORTED for other mappings, and in a child of fork, whose memory is a
/// copy; MEMMAP_ERR_FAULT if anything of the mapping was lost, or if others have changed the length
/// of the file; ENOSPC, EDQUOT, EIO; MEMMAP_ERR_LIMIT beyond RLIMIT_FSIZE; EBADF if other code has
/// closed a descriptor of the mapping; ENOENT or EACCES without /proc.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_commit(handle: Handle) -> Status {
    status(|| commits::commit(handle))
}

/// `memmap_rollback` takes back everything that was changed in a mapping of MEMMAP_ATOMIC since the
/// last commit, and gives the mapping the length of the file. Addresses stay as they are, so the
/// mapping may be pinned: its bytes are the old ones afterwards. Bytes that the mapping had grown by
/// are zero then, for those who have them pinned. A store of another thread during the call may stay
/// or be taken back.
///
/// Errors: as memmap_commit; MEMMAP_ERR_BUSY if another call uses the mapping and does not end soon;
/// MEMMAP_ERR_LIMIT if the number of mappings (vm.max_map_count) is used up.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_rollback(handle: Handle) -> Status {
    status(|| commits::rollback(handle))
}

/// `memmap_checkpoint` makes the file of a mapping of MEMMAP_ATOMIC durable without its log: after
/// it returned 0, programs that do not know of the log may read the file, and the log begins anew.
/// It commits nothing: changes since the last commit stay as they are.
///
/// Errors: as memmap_commit. A failure of the device is remembered as there.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_checkpoint(handle: Handle) -> Status {
    status(|| commits::checkpoint(handle))
}

/// `memmap_changes` finds which bytes of a mapping of MEMMAP_ATOMIC differ from its file: what
/// memmap_commit would write and memmap_rollback would take back. It stores the number of ranges in
/// `*count`, and the first `capacity` of them in `ranges`, in order; NULL `ranges` if `capacity` is
/// 0. A range may contain up to 15 bytes in a row that do not differ.
///
/// Errors: as memmap_commit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_changes(
    handle: Handle,
    ranges: *mut RawRange,
    capacity: u64,
    count: *mut u64,
) -> Status {
    status(|| {
        buffer(ranges, capacity)?;
        // SAFETY: the header requires the pointer to be NULL or valid for its type.
        let count = unsafe { Out::new(count)? };
        let found = commits::changes(handle)?;
        let room = usize::try_from(capacity).unwrap_or(usize::MAX);
        for (i, &(offset, length)) in found.iter().take(room).enumerate() {
            let range = RawRange { offset, length };
            // SAFETY: `ranges` can be written for `capacity` ranges, and `i` is less.
            unsafe { ranges.add(i).write_unaligned(range) };
        }
        count.set(found.len() as u64);
        Ok(())
    })
}
