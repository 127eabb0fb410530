//! Sharing with other processes.

use crate::boundary::{Out, status};
use crate::shared;
use crate::status::Status;
use crate::table::Handle;
use std::ffi::c_int;
use std::os::fd::IntoRawFd;

/// `memmap_fd` answers a descriptor of the mapping's file (O_CLOEXEC), for fstat(2), for SCM_RIGHTS, or for
/// memmap_from_fd in another process. It is a duplicate of the mapping's own, so it allows what that was
/// opened for: reading, and writing for MEMMAP_READ_WRITE.
///
/// `*fd` is the caller's, who must eventually close(2) it; the mapping needs it no more, and it is good
/// after memmap_close.
///
/// Statuses: MEMMAP_ERR_UNSUPPORTED for anonymous memory, and with MEMMAP_NO_DESCRIPTOR; EBADF when somebody
/// closed the mapping's descriptor, also when its number is another file's by now; EMFILE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_fd(handle: Handle, fd: *mut c_int) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(fd)? };
        out.set(shared::descriptor(handle)?.into_raw_fd());
        Ok(())
    })
}
