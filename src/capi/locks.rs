//! Range locks.

use super::types::{lock as checked_mode, timeout};
use crate::capi::boundary::status;
use crate::handles::table::Handle;
use crate::locks::lock;
use crate::status::Status;

/// `memmap_lock` locks `len` bytes from `offset` on against everyone else who calls memmap_lock for the
/// same bytes of the file: other processes, and other threads of this one, also those that use the same
/// handle. It is advice: who doesn't ask reads and writes as ever. `mode` is a memmap_lock_mode.
/// MEMMAP_TO_END is to the end of the file and all that it grows by. A length of 0 locks nothing.
///
/// `timeout_ms` is how many milliseconds to wait for others to let go; 0 tries, -1 waits for ever.
///
/// A lock is the handle's and not the thread's: any thread may give it back by memmap_unlock. memmap_close
/// gives all back, and the system does when the process dies, however it dies. A child of fork has none of
/// its parent's locks, and excludes the parent as any other process. The locks are those of fcntl(2),
/// F_OFD_SETLK, and exclude others that are taken so, or by F_SETLK.
///
/// Among those who lock by one handle, who comes first is served first. Between handles and processes there is no
/// order: shared locks that keep coming can keep an exclusive one waiting for ever. Who waits for another process
/// looks again and again, and has the range a sixteenth of the time that it has waited after it came free at the
/// latest, and no more than 5 ms (with hundreds who wait in this process, 100 ms). Meanwhile it has a shared lock of
/// the same bytes 2^62 further on, by which a handle that takes and gives back ranges all the time sees that somebody
/// waits: every 10 ms it leaves a gap then.
///
/// There is no upgrade. Who has a range shared and asks for it exclusive waits for itself: give it back first,
/// and look again at what was read once the other is had. Nor does anything look for processes that
/// wait for each other: lock ranges in one order, or with a timeout.
///
/// The first lock of a handle, also one that fails, opens the file once more, by /proc/thread-self/fd, as what the
/// mapping's own descriptor was opened for; memmap_close closes it.
///
/// Statuses: MEMMAP_ERR_TIMEOUT; MEMMAP_ERR_RANGE when the range lies outside the mapping;
/// MEMMAP_ERR_ACCESS for an exclusive lock unless the file was opened for writing (MEMMAP_READ_WRITE);
/// MEMMAP_ERR_UNSUPPORTED for anonymous memory, and with MEMMAP_NO_DESCRIPTOR; MEMMAP_ERR_HANDLE also when
/// the handle is closed while it waits, for whomever; MEMMAP_ERR_INVALID for an unknown mode or a timeout below -1; EACCES when
/// this process may not open the file any more; ENOENT without /proc; EMFILE; ENOLCK; EBADF when somebody
/// closed a descriptor of the mapping.
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

/// `memmap_unlock` gives back a range that was locked with this `offset` and this `len`, once.
///
/// Statuses: MEMMAP_ERR_INVALID when nothing is locked so; MEMMAP_ERR_RANGE, MEMMAP_ERR_UNSUPPORTED.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_unlock(handle: Handle, offset: u64, len: u64) -> Status {
    status(|| lock::unlock(handle, offset, len))
}
