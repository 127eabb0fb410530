//! Descriptors: opened so that they cannot block, and what the system says of them.

use crate::os::errno::system;
use crate::status::{Error, Result};
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};

/// A descriptor of ours, closed when dropped. Others may have closed it before, such as a daemon that closes
/// all descriptors: for that an OwnedFd would end the process, in a build with debug assertions.
#[derive(Debug)]
pub struct Descriptor(RawFd);

impl Descriptor {
    /// That of a number.
    pub fn of(fd: RawFd) -> Descriptor {
        Descriptor(fd)
    }

    /// Its number.
    pub fn number(&self) -> RawFd {
        self.0
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: nobody uses it through this any more. Its result changes nothing: it is closed in any case.
        unsafe { libc::close(self.0) };
    }
}

impl From<OwnedFd> for Descriptor {
    fn from(fd: OwnedFd) -> Descriptor {
        Descriptor(fd.into_raw_fd())
    }
}

/// O_NONBLOCK, so that a FIFO without a writer is opened at once; it means nothing to the files that
/// are kept. O_NOCTTY, so that a terminal is refused without becoming ours.
pub const ALWAYS: i32 = libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;

/// Bytes as the system counts them.
pub fn offset(bytes: u64) -> Result<libc::off64_t> {
    libc::off64_t::try_from(bytes).map_err(|_| Error::Limit)
}

/// Opens `path`.
pub fn open(path: &CStr, flags: i32, mode: u32) -> Result<OwnedFd> {
    open_at(libc::AT_FDCWD, path, flags, mode)
}

/// How often a file is opened again that somebody has a lease on: after 1 ms, 2 ms and so on, a second in all.
const TIMES: u32 = 10;

/// Opens `path` from a folder on. A lease is waited for, but not for long: by O_NONBLOCK the system returns
/// EWOULDBLOCK at once and has notified its holder, who may keep it for /proc/sys/fs/lease-break-time (fcntl(2)). Who
/// heeds it gives it up in a moment; this library itself has some for a moment.
pub fn open_at(folder: RawFd, path: &CStr, flags: i32, mode: u32) -> Result<OwnedFd> {
    for time in 0..TIMES {
        match open_once(folder, path, flags, mode) {
            Err(Error::System(libc::EWOULDBLOCK)) => pause(1 << time),
            result => return result,
        }
    }
    open_once(folder, path, flags, mode)
}

/// What openat2(2) is told, in its first version.
#[repr(C)]
struct How {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// Opens `path` where no part of it is a symbolic link, as the system finds it; [`Error::Unsupported`] on a system that can't
/// say, or where a filter of system calls (seccomp(2)) forbids to ask it.
pub fn open_without_links(path: &CStr, flags: i32) -> Result<OwnedFd> {
    let how = How {
        flags: flags as u64,
        mode: 0,
        resolve: libc::RESOLVE_NO_SYMLINKS,
    };
    let (here, call) = (libc::AT_FDCWD, libc::SYS_openat2);
    let size = size_of::<How>();
    // SAFETY: the path is terminated, the struct as long as is said, and nothing of them is kept.
    let opened = system(|| unsafe { libc::syscall(call, here, path.as_ptr(), &how, size) as i32 });
    match opened {
        // SAFETY: openat2 has just given it to us.
        Ok(fd) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        Err(Error::System(libc::ENOSYS | libc::EPERM)) => Err(Error::Unsupported),
        Err(error) => Err(error),
    }
}

fn pause(milliseconds: i64) {
    let time = libc::timespec {
        tv_sec: 0,
        tv_nsec: (milliseconds * 1_000_000) as libc::c_long,
    };
    // A signal may end it early, and then the file is looked at early.
    // SAFETY: the time is there, and nothing is written.
    unsafe { libc::nanosleep(&time, std::ptr::null_mut()) };
}

/// The same, where a lease is not waited for.
pub fn open_once(folder: RawFd, path: &CStr, flags: i32, mode: u32) -> Result<OwnedFd> {
    // SAFETY: the path is terminated, and open keeps nothing of it.
    let fd = system(|| unsafe { libc::openat64(folder, path.as_ptr(), flags, mode) })?;
    // SAFETY: open has just given it to us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A second descriptor of the same open file description.
pub fn duplicate(fd: RawFd) -> Result<OwnedFd> {
    // SAFETY: fcntl takes any number as a descriptor.
    let own = system(|| unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) })?;
    // SAFETY: fcntl has just given it to us.
    Ok(unsafe { OwnedFd::from_raw_fd(own) })
}

/// The name under which procfs has a descriptor of this thread, which may have others than the first thread of this
/// process has (unshare(2), CLONE_FILES).
pub fn link_of(fd: RawFd) -> CString {
    CString::new(format!("/proc/thread-self/fd/{fd}")).expect("there is no NUL in it")
}

/// Gives the file of a descriptor, which has no name so far, one in a folder; EEXIST where there is one.
pub fn give_name(fd: RawFd, folder: RawFd, name: &CStr) -> Result<()> {
    let link = |from: RawFd, path: &CStr, flags: i32| {
        // SAFETY: both paths are terminated.
        system(|| unsafe { libc::linkat(from, path.as_ptr(), folder, name.as_ptr(), flags) })
    };
    match link(fd, c"", libc::AT_EMPTY_PATH) {
        // Before Linux 6.10 that takes a privilege, and by the descriptor's own link it takes procfs (open(2), O_TMPFILE).
        Err(Error::System(libc::ENOENT)) => {
            link(libc::AT_FDCWD, &link_of(fd), libc::AT_SYMLINK_FOLLOW).map(drop)
        }
        result => result.map(drop),
    }
}

/// The seals of a file.
pub fn seals_of(fd: RawFd) -> Result<i32> {
    // SAFETY: fcntl takes any number as a descriptor.
    system(|| unsafe { libc::fcntl(fd, libc::F_GET_SEALS) })
}

/// What the system says of a descriptor.
pub fn status_of(fd: RawFd) -> Result<libc::stat64> {
    let mut status = MaybeUninit::uninit();
    // SAFETY: fstat fills the struct when it returns 0, and reads nothing of ours.
    system(|| unsafe { fstat(fd, status.as_mut_ptr()) })?;
    // SAFETY: it did.
    Ok(unsafe { status.assume_init() })
}

/// What the system says of the file system that a file is on.
pub fn file_system_of(fd: RawFd) -> Result<libc::statfs64> {
    let mut fs = MaybeUninit::uninit();
    // SAFETY: fstatfs fills the struct when it returns 0.
    system(|| unsafe { libc::fstatfs64(fd, fs.as_mut_ptr()) })?;
    // SAFETY: it did.
    Ok(unsafe { fs.assume_init() })
}

/// The C library's asks newfstatat(2) with an empty path, which the kernel has to look at first: a tenth
/// slower, and every opening asks once. Here its struct is the kernel's.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
unsafe fn fstat(fd: RawFd, status: *mut libc::stat64) -> i32 {
    // SAFETY: `status` can be written for one struct.
    unsafe { libc::syscall(libc::SYS_fstat, fd, status) as i32 }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use libc::fstat64 as fstat;

/// Makes size and contents of a file durable, or the names of a folder.
pub fn sync(fd: RawFd) -> Result<()> {
    // SAFETY: no memory is handed over.
    system(|| unsafe { libc::fsync(fd) }).map(drop)
}
