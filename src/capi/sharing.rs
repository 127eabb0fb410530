//! Sharing with other processes.

use super::types::RawOptions;
use crate::capi::boundary::{Out, path as checked_path, status};
use crate::handles::table::Handle;
use crate::share::seals::{self, Seals};
use crate::share::shm;
use crate::status::Status;
use std::ffi::{c_char, c_int};
use std::os::fd::IntoRawFd;

/// `memmap_shared_open` maps the shared memory object `name`, as shm_open(3): a file in /dev/shm,
/// which exists until memmap_shared_unlink or the shutdown of the system. The name may begin with
/// slashes, and contains no others.
///
/// If `size` is not 0 and the object does not exist, it is created with `size` zero bytes and the
/// permissions of `options->mode` (0 is 0600), and is mapped read-write by default. It has its size
/// before any other process can open it. If `size` is 0, nothing is created (ENOENT), and the
/// default is read-only. An object that exists is mapped with its own size, and keeps its bytes and
/// permissions; MEMMAP_EXCLUSIVE refuses it (EEXIST). If `size` is not 0, the system may refuse an
/// existing object of another user (EACCES; protected_regular in proc_sys_fs(5)), as it does for
/// shm_open with O_CREAT.
///
/// `*out` is a handle that must eventually be passed to memmap_close.
///
/// Errors: MEMMAP_ERR_INVALID for an invalid name; ENAMETOOLONG; EACCES; ELOOP for a symbolic link;
/// ENOSPC if /dev/shm is full; MEMMAP_ERR_NOT_REGULAR; MEMMAP_ERR_LIMIT for more memory than is
/// available, which is not checked with MEMMAP_SPARSE or MEMMAP_OVERCOMMIT; and as memmap_open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_shared_open(
    name: *const c_char,
    size: u64,
    options: *const RawOptions,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointers to be NULL or valid for their types.
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

/// `memmap_shared_unlink` removes the name of a shared memory object. Its mappings remain valid;
/// the memory is freed with the last of them.
///
/// Errors: ENOENT; EACCES; EPERM; MEMMAP_ERR_INVALID for an invalid name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_shared_unlink(name: *const c_char) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        shm::unlink(unsafe { checked_path(name)? })
    })
}

/// `memmap_memfd` maps `size` zero bytes of shared memory that has no name in any file system. A
/// process that receives its descriptor (memmap_fd) maps it with memmap_from_fd. `name` is shown in
/// /proc and need not be unique. The memory is freed with its last user. It can be sealed
/// (memmap_seal).
///
/// `options->mode` (0 is 0600) says who may open the memory again through /proc/self/fd, as the
/// receiver of a read-only descriptor could do for writing.
///
/// `*out` is a handle that must eventually be passed to memmap_close.
///
/// Errors: EINVAL for a name of more than 249 bytes; MEMMAP_ERR_LIMIT for more memory than is
/// available, which is not checked with MEMMAP_SPARSE or MEMMAP_OVERCOMMIT; EMFILE; ENOSPC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_memfd(
    name: *const c_char,
    size: u64,
    options: *const RawOptions,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointers to be NULL or valid for their types.
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

/// `memmap_fd` stores a descriptor of the mapping's file (O_CLOEXEC) in `*fd`, for fstat(2), for
/// SCM_RIGHTS, or for memmap_from_fd in another process. It is a duplicate of the mapping's own
/// descriptor, so it is open for reading, and for writing if the mapping is MEMMAP_READ_WRITE.
///
/// `*fd` is the caller's, who must eventually close(2) it. It stays valid after memmap_close.
///
/// Errors: MEMMAP_ERR_UNSUPPORTED for anonymous memory, and with MEMMAP_NO_DESCRIPTOR; EBADF if the
/// mapping's descriptor was closed by other code, also if its number now belongs to another file;
/// EMFILE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_fd(handle: Handle, fd: *mut c_int) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(fd)? };
        out.set(shm::descriptor(handle)?.into_raw_fd());
        Ok(())
    })
}

/// `memmap_read_only_fd` stores a descriptor that is open for reading only in `*fd`, whatever the
/// mapping's own allows. It is meant for readers: nobody can map it for writing. A process that may
/// open the file for writing can still do so, by its path or by /proc/self/fd: the file's
/// permissions forbid that to other users, MEMMAP_SEAL_FUTURE_WRITE to all.
///
/// `*fd` is the caller's, who must eventually close(2) it.
///
/// Errors: as memmap_fd; EACCES if this process may not read the file any more; ENOENT without
/// /proc.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_read_only_fd(handle: Handle, fd: *mut c_int) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(fd)? };
        out.set(shm::read_only_descriptor(handle)?.into_raw_fd());
        Ok(())
    })
}

/// `memmap_seal` adds seals to the mapping's file, which must be a memfd. `seals` is
/// MEMMAP_SEAL_SHRINK and the others, or'ed. Seals bind every process that has the file, including
/// this one, and are never removed (fcntl(2), F_ADD_SEALS).
///
/// With MEMMAP_SEAL_SHRINK no process can make the file shorter under the mapping. A process that
/// may write to the file can still punch a hole into it, which reads as zeros and raises no fault.
/// MEMMAP_SEAL_FUTURE_WRITE forbids that, and leaves writing to the mappings that exist.
/// MEMMAP_SEAL_WRITE forbids all writing, and needs that no writable mapping exists: take a
/// memmap_fd, close the mapping, map the descriptor read-only and seal that.
///
/// MEMMAP_SEAL_GROW fixes the file's length, not the memory that it occupies: each page of a hole
/// takes memory when it is first read through a mapping, by memmap_find too. A process that
/// receives a file can compare st_blocks of stat(2) with its length, and refuse a length that it
/// does not expect.
///
/// Errors: EPERM if the mapping is not read-write, or the file is sealed against sealing; EBUSY;
/// MEMMAP_ERR_INVALID for an unknown seal; MEMMAP_ERR_UNSUPPORTED for a file that cannot be sealed,
/// and with MEMMAP_NO_DESCRIPTOR; EBADF if the mapping's descriptor was closed by other code.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_seal(handle: Handle, seals: u32) -> Status {
    status(|| seals::seal(handle, Seals(seals)))
}

/// `memmap_get_seals` stores the seals of the mapping's file in `*seals`; 0 for a file that cannot
/// be sealed.
///
/// Errors: MEMMAP_ERR_UNSUPPORTED for anonymous memory, and with MEMMAP_NO_DESCRIPTOR; EBADF.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_get_seals(handle: Handle, seals: *mut u32) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(seals)? };
        out.set(seals::seals(handle)?.0);
        Ok(())
    })
}
