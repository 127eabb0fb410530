//! Range locks.

use super::types::{lock as checked_mode, timeout};
use crate::capi::boundary::status;
use crate::handles::table::Handle;
use crate::locks::lock;
use crate::status::Status;

/// `memmap_lock` locks `len` bytes, from `offset` on, against every other caller of memmap_lock for
/// the same bytes of the file: other processes, and other threads of this process, including those
/// that use the same handle. The lock is advisory: it does not keep anyone from reading or writing.
/// `mode` is a memmap_lock_mode. MEMMAP_TO_END locks to the end of the file and all that it grows
/// by. A length of 0 locks nothing.
///
/// `timeout_ms` is the longest time to wait for other holders, in milliseconds; 0 does not wait, -1
/// waits without limit.
///
/// A lock belongs to the handle, not to the thread: any thread may release it with memmap_unlock.
/// memmap_close releases all locks of the handle, and the system does when the process ends. A
/// child of fork has none of its parent's locks, and is excluded by them as any other process. The
/// locks are those of fcntl(2), F_OFD_SETLK, and also exclude locks that other programs take by
/// F_OFD_SETLK or F_SETLK.
///
/// Callers that lock through one handle are served in the order of their calls. Between handles and
/// processes there is no order: shared locks that keep coming can keep an exclusive one waiting
/// without limit. A caller that waits for another process polls. It takes the range at the latest a
/// sixteenth of its waiting time after the range came free, and at most 5 ms after it (100 ms if
/// hundreds of callers wait in this process). While it waits it holds a shared lock of the same
/// bytes 2^62 further on, by which a handle that takes and releases ranges continuously learns that
/// someone waits: that handle then leaves a gap every 10 ms.
///
/// A lock cannot be upgraded. Asking for a range exclusively while the same handle holds it shared
/// deadlocks: release it first, and read again what was read once the exclusive lock is held.
/// Deadlocks between processes are not detected: lock ranges in one order everywhere, or with a
/// timeout.
///
/// The first lock of a handle, also one that fails, opens the file once more through
/// /proc/thread-self/fd, with the access of the mapping's own descriptor. memmap_close closes that
/// descriptor.
///
/// Errors: MEMMAP_ERR_TIMEOUT; MEMMAP_ERR_RANGE if the range lies outside the mapping;
/// MEMMAP_ERR_ACCESS for an exclusive lock unless the file was opened for writing
/// (MEMMAP_READ_WRITE); MEMMAP_ERR_UNSUPPORTED for anonymous memory, and with MEMMAP_NO_DESCRIPTOR;
/// MEMMAP_ERR_HANDLE also if the handle is closed during the wait, by any thread;
/// MEMMAP_ERR_INVALID for an unknown mode or a timeout below -1; EACCES if this process may not
/// open the file any more; ENOENT without /proc; EMFILE; ENOLCK; EBADF if a descriptor of the
/// mapping was closed by other code.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_lock(
    handle: Handle,
    offset: u64,
    len: u64,
    mode: u32,
    timeout_ms: i64,
) -> Status {
    status(|| {
        let (mode, timeout) = (checked_mode(mode)?, timeout(timeout_ms)?);
        lock::lock(handle, offset, len, mode, timeout)
    })
}

/// `memmap_unlock` releases, once, a range that was locked with this `offset` and this `len`.
///
/// Errors: MEMMAP_ERR_INVALID if no such lock is held; MEMMAP_ERR_RANGE; MEMMAP_ERR_UNSUPPORTED.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_unlock(handle: Handle, offset: u64, len: u64) -> Status {
    status(|| lock::unlock(handle, offset, len))
}
