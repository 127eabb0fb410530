//! Opening and closing.

use super::types::RawOptions;
use crate::capi::boundary::{Out, path as checked_path, status};
use crate::handles::table::Handle;
use crate::operations::open;
use crate::registry::live;
use crate::status::Status;
use std::ffi::{c_char, c_int};

/// `memmap_open` opens the file at `path` and maps it, by default read-only and whole.
///
/// An empty file maps, with length 0. The call waits for no FIFO and no terminal, which are refused at once, and for a
/// lease (fcntl(2)) no longer than a second: then it is EWOULDBLOCK, and who has the lease has been told to give it up. What
/// the system itself waits for when it looks a path up, such as a network file system, is waited for.
/// The path is looked up once, by the system.
/// The mapping keeps a descriptor of its own (O_CLOEXEC) unless MEMMAP_NO_DESCRIPTOR is asked for.
///
/// `*out` is a handle that must eventually be given to memmap_close. `path` and `options` are not
/// kept; NULL options are the defaults.
///
/// Statuses: an errno of open(2) such as ENOENT, EACCES, EROFS, ELOOP, ENAMETOOLONG, EMFILE or EWOULDBLOCK; ENODEV when
/// the file system or device cannot be mapped; EACCES for MEMMAP_EXECUTABLE on a file system mounted
/// noexec; MEMMAP_ERR_NOT_REGULAR for what is neither a regular file nor a block device; MEMMAP_ERR_RANGE when the offset or the offset
/// plus the length lies past the end of the file; MEMMAP_ERR_LIMIT when address space or the number
/// of mappings (vm.max_map_count) is used up; MEMMAP_ERR_INVALID for options that mean nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_open(
    path: *const c_char,
    options: *const RawOptions,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the caller's, for all three.
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
/// read-write. A file that exists is emptied first, keeping its inode and permissions, unless
/// MEMMAP_EXCLUSIVE refuses it (EEXIST, for a symbolic link too). Emptying a file that is mapped elsewhere
/// takes the pages from under those mappings, and in a folder that others can write to, such as /tmp, the
/// file may be somebody else's: use MEMMAP_EXCLUSIVE unless emptying is what is wanted.
///
/// A new file gets its name when it has its size, so that nobody sees it before; where the file system
/// has no files without a name (O_TMPFILE), or what a symbolic link leads to is made, it has the name from the beginning.
/// The folder is looked up once, at first: whatever becomes of the path meanwhile, it is that folder in which the file is
/// made, made durable, or removed again. It is the system that follows symbolic links, unless MEMMAP_NO_FOLLOW or
/// MEMMAP_NO_SYMLINKS refuses
/// them, and that refuses another user's file or link in a folder for everybody (EACCES; protected_regular and
/// protected_symlinks in proc_sys_fs(5)).
///
/// Real blocks are reserved for all bytes with fallocate(2), so a full disk is ENOSPC now and not
/// SIGBUS later. A file system without fallocate has zeros written instead. MEMMAP_SPARSE reserves
/// nothing. A call that fails leaves no new file behind, unless somebody else has it open by then; what an existing file held is kept when space
/// or a limit is what was missing (on tmpfs, and where there is no fallocate, it may be gone; with
/// MEMMAP_SPARSE only a limit is noticed beforehand); blocks that it has reserved behind the end of such a file stay
/// there while somebody else has it open.
///
/// `*out` is a handle that must eventually be given to memmap_close. `path` and `options` are not
/// kept; NULL options are the defaults: mode 0600, and the name not yet durable (MEMMAP_DURABLE).
///
/// Statuses: as memmap_open, but a block device is MEMMAP_ERR_NOT_REGULAR too; ENOSPC or EDQUOT; EEXIST
/// with MEMMAP_EXCLUSIVE; EFBIG when the file system has no files of that size; MEMMAP_ERR_LIMIT
/// when RLIMIT_FSIZE or the address space has no room for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_create(
    path: *const c_char,
    size: u64,
    options: *const RawOptions,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the caller's, for all three.
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

/// `memmap_from_fd` maps the file that the descriptor `fd` names, by default read-only and whole.
/// The descriptor stays the caller's; the mapping makes one of its own (O_CLOEXEC).
///
/// A character device is mapped too, if `options->length` says how much of it.
///
/// `*out` is a handle that must eventually be given to memmap_close.
///
/// Statuses: EBADF, also for a descriptor opened with O_PATH; EACCES when the descriptor was opened for
/// less than the access asked for (every access takes reading, so O_WRONLY never does); EPERM when a
/// seal forbids it; MEMMAP_ERR_NOT_REGULAR for a character device without a length, too; and as memmap_open
/// from ENODEV on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_from_fd(
    fd: c_int,
    options: *const RawOptions,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the caller's, for both.
        let (options, out) = unsafe { (RawOptions::take(options)?, Out::new(out)?) };
        out.set(open::from_fd(fd, &options)?);
        Ok(())
    })
}

/// `memmap_anonymous` maps `size` zero bytes without a file, private to this process: a fork copies
/// them. The access can only be MEMMAP_READ_WRITE, the default.
///
/// `*out` is a handle that must eventually be given to memmap_close.
///
/// Statuses: MEMMAP_ERR_LIMIT when memory or address space has no room for it; MEMMAP_ERR_INVALID for
/// options that mean nothing without a file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_anonymous(
    size: u64,
    options: *const RawOptions,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the caller's, for both.
        let (options, out) = unsafe { (RawOptions::take(options)?, Out::new(out)?) };
        out.set(open::anonymous(size, &options)?);
        Ok(())
    })
}

/// `memmap_close` makes the handle invalid at once, for every thread, and unmaps the memory when no
/// pin and no running call needs it any more: now, or at the last memmap_unpin.
///
/// It flushes nothing and cannot report that a write failed; see memmap_flush. It closes the mapping's
/// own descriptor: a program that closes all descriptors, as daemons do when they start, closes its
/// mappings first.
///
/// Statuses: MEMMAP_ERR_HANDLE, so closing twice is an error and harmless.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_close(handle: Handle) -> Status {
    status(|| live::close(handle))
}
