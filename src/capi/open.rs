//! Opening and closing.

use super::types::RawOptions;
use crate::capi::boundary::{Out, path as checked_path, status};
use crate::handles::table::Handle;
use crate::operations::close::close;
use crate::operations::open;
use crate::status::Status;
use std::ffi::{c_char, c_int};

/// `memmap_open` opens the file at `path` and maps it, by default read-only and whole.
///
/// An empty file is mapped with length 0. The path is resolved once, by the system. The call does
/// not wait for a FIFO or a terminal; it refuses both at once. It waits at most a second for a
/// lease (fcntl(2)) to be given up, and then fails with EWOULDBLOCK; the kernel has notified the
/// holder. It waits as long as the system does when it resolves a path, for example on a network
/// file system. The mapping keeps a descriptor of its own (O_CLOEXEC), unless MEMMAP_NO_DESCRIPTOR
/// is given.
///
/// `*out` is a handle that must eventually be passed to memmap_close. `path` and `options` are not
/// kept after the call; NULL options are the defaults.
///
/// Errors: an errno of open(2) such as ENOENT, EACCES, EROFS, ELOOP, ENAMETOOLONG, EMFILE or
/// EWOULDBLOCK; ENODEV if the file system or device cannot be mapped; EACCES for MEMMAP_EXECUTABLE
/// on a file system mounted noexec; MEMMAP_ERR_NOT_REGULAR if the file is neither a regular file
/// nor a block device; MEMMAP_ERR_RANGE if the offset, or the offset plus the length, lies past the
/// end of the file; MEMMAP_ERR_LIMIT if address space or the number of mappings (vm.max_map_count)
/// is used up; MEMMAP_ERR_INVALID for options that have no meaning here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_open(
    path: *const c_char,
    options: *const RawOptions,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointers to be NULL or valid for their types.
        let (path, options, out) = unsafe {
            (
                checked_path(path)?,
                RawOptions::take(options)?,
                Out::new(out)?,
            )
        };
        out.set(open::open(path, &options)?);
        Ok(())
    })
}

/// `memmap_create` creates the file at `path` with `size` zero bytes and maps it, by default
/// read-write.
///
/// A file that exists is emptied first and keeps its inode and permissions, unless MEMMAP_EXCLUSIVE
/// is given: then the call fails with EEXIST, for a symbolic link too. Emptying a file removes its
/// pages from every other mapping of it, and in a directory that others can write to, such as /tmp,
/// the file may belong to another user. Use MEMMAP_EXCLUSIVE unless emptying is intended.
///
/// A new file gets its name after its size, so nobody sees it before. Where the file system has no
/// files without a name (O_TMPFILE), or the last component is a symbolic link whose target is
/// created, it has the name from the start. The directory is resolved once, at the beginning: the
/// file is created, made durable or removed in that directory, even if the path changes meanwhile.
/// The system follows symbolic links, unless MEMMAP_NO_FOLLOW or MEMMAP_NO_SYMLINKS refuses them,
/// and it refuses another user's file or link in a sticky directory (EACCES; protected_regular and
/// protected_symlinks in proc_sys_fs(5)).
///
/// Blocks are reserved for all bytes with fallocate(2), so a full disk is ENOSPC now rather than
/// SIGBUS later. On a file system without fallocate zeros are written instead. MEMMAP_SPARSE
/// reserves nothing.
///
/// A call that fails leaves no new file behind, unless another process has opened it by then. If
/// space or a limit was missing, an existing file keeps its contents, except on tmpfs and where
/// there is no fallocate, where they may be lost; with MEMMAP_SPARSE only a limit is noticed
/// beforehand. Blocks reserved behind the end of an existing file stay there while another process
/// has it open.
///
/// `*out` is a handle that must eventually be passed to memmap_close. `path` and `options` are not
/// kept after the call; NULL options are the defaults: mode 0600, and a name that is not yet
/// durable (see MEMMAP_DURABLE).
///
/// Errors: as memmap_open, but a block device is MEMMAP_ERR_NOT_REGULAR too; ENOSPC or EDQUOT;
/// EEXIST with MEMMAP_EXCLUSIVE; EFBIG if the file system has no files of that size;
/// MEMMAP_ERR_LIMIT if RLIMIT_FSIZE or the address space has no room for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_create(
    path: *const c_char,
    size: u64,
    options: *const RawOptions,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointers to be NULL or valid for their types.
        let (path, options, out) = unsafe {
            (
                checked_path(path)?,
                RawOptions::take(options)?,
                Out::new(out)?,
            )
        };
        out.set(open::create(path, size, &options)?);
        Ok(())
    })
}

/// `memmap_from_fd` maps the file of the descriptor `fd`, by default read-only and whole. The
/// descriptor remains the caller's; the mapping makes one of its own (O_CLOEXEC).
///
/// A character device can be mapped if `options->length` says how much of it.
///
/// `*out` is a handle that must eventually be passed to memmap_close.
///
/// Errors: EBADF, also for a descriptor opened with O_PATH; EACCES if the descriptor was opened for
/// less than the access asked for (every access needs reading, so O_WRONLY never suffices); EPERM
/// if a seal forbids it; MEMMAP_ERR_NOT_REGULAR also for a character device without a length; and
/// as memmap_open from ENODEV on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_from_fd(
    fd: c_int,
    options: *const RawOptions,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointers to be NULL or valid for their types.
        let (options, out) = unsafe { (RawOptions::take(options)?, Out::new(out)?) };
        out.set(open::from_fd(fd, &options)?);
        Ok(())
    })
}

/// `memmap_anonymous` maps `size` zero bytes without a file, private to this process: a child of
/// fork gets a copy. The access can only be MEMMAP_READ_WRITE, the default.
///
/// `*out` is a handle that must eventually be passed to memmap_close.
///
/// Errors: MEMMAP_ERR_LIMIT if memory or address space has no room for it; MEMMAP_ERR_INVALID for
/// options that have no meaning without a file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_anonymous(
    size: u64,
    options: *const RawOptions,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointers to be NULL or valid for their types.
        let (options, out) = unsafe { (RawOptions::take(options)?, Out::new(out)?) };
        out.set(open::anonymous(size, &options)?);
        Ok(())
    })
}

/// `memmap_close` makes the handle invalid at once, for every thread, and unmaps the memory as soon
/// as no pin and no running call uses it: at once, or at the last memmap_unpin.
///
/// It flushes nothing and cannot report that a write failed; see memmap_flush. With MEMMAP_ATOMIC it
/// discards what was not committed, and does what memmap_checkpoint does. It closes the
/// mapping's own descriptor: a program that closes all descriptors, as daemons do when they start,
/// closes its mappings first.
///
/// Errors: MEMMAP_ERR_HANDLE, so closing a handle twice is a harmless error.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_close(handle: Handle) -> Status {
    status(|| close(handle))
}
