//! Sharing with other processes.

use super::types::RawOptions;
use crate::capi::boundary::{Out, path as checked_path, status};
use crate::handles::table::Handle;
use crate::share::seals::{self, Seals};
use crate::share::shm;
use crate::status::Status;
use std::ffi::{c_char, c_int};
use std::os::fd::IntoRawFd;

/// `memmap_shared_open` maps the shared memory called `name`, as shm_open(3) has it: a file below /dev/shm,
/// which stays until memmap_shared_unlink or the end of the system. The name may begin with slashes, and
/// has no others.
///
/// With a `size` that is not 0, memory that isn't there is made: `size` zero bytes with the permissions of
/// `options->mode` (0 is 0600, so this user's alone), mapped read-write by default. It has its size
/// before anybody else can open it. With size 0 nothing is made (ENOENT), and the default is read-only.
/// Memory that is there is mapped with its own size, and keeps its bytes and permissions; MEMMAP_EXCLUSIVE
/// refuses it (EEXIST). With a `size` that is not 0 the system may refuse memory of another user that is there (EACCES;
/// protected_regular in proc_sys_fs(5)), as it does for shm_open with O_CREAT.
///
/// `*out` is a handle that must eventually be given to memmap_close.
///
/// Statuses: MEMMAP_ERR_INVALID for a name that is none; ENAMETOOLONG; EACCES; ELOOP for a symbolic link;
/// ENOSPC when /dev/shm is full; MEMMAP_ERR_NOT_REGULAR; MEMMAP_ERR_LIMIT for more memory than is
/// available, which is not asked with MEMMAP_SPARSE or MEMMAP_OVERCOMMIT; and as memmap_open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_shared_open(
    name: *const c_char,
    size: u64,
    options: *const RawOptions,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the caller's, for all three.
        let (name, options, out) = unsafe {
            (
                checked_path(name)?,
                RawOptions::take(options)?,
                Out::new(out)?,
            )
        };
        out.set(shm::open(name, size, &options)?);
        Ok(())
    })
}

/// `memmap_shared_unlink` removes the name of shared memory. Those who have it mapped keep it, and it goes
/// with the last of them.
///
/// Statuses: ENOENT, EACCES, EPERM; MEMMAP_ERR_INVALID for a name that is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_shared_unlink(name: *const c_char) -> Status {
    status(|| {
        // SAFETY: the caller's.
        shm::unlink(unsafe { checked_path(name)? })
    })
}

/// `memmap_memfd` maps `size` zero bytes of shared memory that has no name anywhere: whoever is handed its
/// descriptor (memmap_fd) maps it with memmap_from_fd. `name` is what /proc calls it, and need not
/// be unique. It goes with its last user, and it can be sealed (memmap_seal).
///
/// `options->mode` (0 is 0600) says who may open it again through /proc/self/fd, as the receiver of a read-only
/// descriptor would for writing.
///
/// `*out` is a handle that must eventually be given to memmap_close.
///
/// Statuses: EINVAL for a name of more than 249 bytes; MEMMAP_ERR_LIMIT for more memory than is available,
/// which is not asked with MEMMAP_SPARSE or MEMMAP_OVERCOMMIT; EMFILE, ENOSPC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_memfd(
    name: *const c_char,
    size: u64,
    options: *const RawOptions,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the caller's, for all three.
        let (name, options, out) = unsafe {
            (
                checked_path(name)?,
                RawOptions::take(options)?,
                Out::new(out)?,
            )
        };
        out.set(shm::memfd(name, size, &options)?);
        Ok(())
    })
}

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
        out.set(shm::descriptor(handle)?.into_raw_fd());
        Ok(())
    })
}

/// `memmap_read_only_fd` answers a descriptor that allows reading only, whatever the mapping's own allows:
/// what to hand to readers. Nobody can map it for writing. Who may open the file for writing may still do
/// that, by its path or by /proc/self/fd: its permissions forbid it to other users, MEMMAP_SEAL_FUTURE_WRITE
/// to all.
///
/// `*fd` is the caller's, who must eventually close(2) it.
///
/// Statuses: as memmap_fd; EACCES when this process may not read the file any more; ENOENT without /proc.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_read_only_fd(handle: Handle, fd: *mut c_int) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(fd)? };
        out.set(shm::read_only_descriptor(handle)?.into_raw_fd());
        Ok(())
    })
}

/// `memmap_seal` adds seals, MEMMAP_SEAL_SHRINK and the others or'ed, to the mapping's file, which is
/// a memfd. They bind everybody who has the file, this process too, and are never taken away.
///
/// With MEMMAP_SEAL_SHRINK no peer can cut the file under the mapping. Who may write to it may still punch a hole into it,
/// which reads as zeros and is no fault: nothing tells of it. MEMMAP_SEAL_FUTURE_WRITE forbids that, and leaves writing to
/// the mappings that are there now. MEMMAP_SEAL_WRITE ends it for all, and takes that nobody has it mapped for writing:
/// take a memmap_fd, close the mapping, map the descriptor read-only and seal that.
///
/// MEMMAP_SEAL_GROW keeps the file's length, not the memory that it takes: each page of a hole takes some when somebody
/// first reads it through a mapping, memmap_find too. Who gets a file of a peer's can compare st_blocks of stat(2) with
/// its length, and refuse what is longer than they want.
///
/// Statuses: EPERM when the mapping is not read-write or the file is sealed against sealing; EBUSY;
/// MEMMAP_ERR_INVALID for an unknown seal; MEMMAP_ERR_UNSUPPORTED for what can't be sealed, and with
/// MEMMAP_NO_DESCRIPTOR; EBADF when somebody closed the mapping's descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_seal(handle: Handle, seals: u32) -> Status {
    status(|| seals::seal(handle, Seals(seals)))
}

/// `memmap_get_seals` answers which seals the mapping's file has; 0 for what can't be sealed.
///
/// Statuses: MEMMAP_ERR_UNSUPPORTED for anonymous memory, and with MEMMAP_NO_DESCRIPTOR; EBADF.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_get_seals(handle: Handle, seals: *mut u32) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(seals)? };
        out.set(seals::seals(handle)?.0);
        Ok(())
    })
}
