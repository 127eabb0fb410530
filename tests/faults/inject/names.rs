//! The names of system calls, of errnos and of statuses, and which errnos the manual lists for a call.

use libc as c;

macro_rules! named {
    ($($name:ident)*) => { &[$((stringify!($name), c::$name as i32)),*] };
}

const CALLS: &[(&str, i32)] = named! {
    SYS_openat SYS_openat2 SYS_fstatfs SYS_fcntl SYS_fallocate SYS_ftruncate SYS_mmap
    SYS_munmap SYS_mremap SYS_mprotect SYS_msync SYS_madvise SYS_mincore SYS_mlock SYS_mlock2 SYS_munlock SYS_fsync
    SYS_fdatasync SYS_fadvise64 SYS_pwrite64 SYS_pwritev2 SYS_unlink SYS_unlinkat SYS_linkat SYS_readlink SYS_statx
    SYS_memfd_create SYS_fchmod SYS_prlimit64 SYS_ioctl SYS_futex SYS_rt_sigaction
    SYS_rt_sigprocmask SYS_pread64 SYS_flock SYS_userfaultfd SYS_getrandom SYS_fchown SYS_read SYS_write SYS_lseek SYS_close SYS_clock_nanosleep
};

const ERRNOS: &[(&str, i32)] = named! {
    EACCES EAGAIN EBADF EBUSY EDEADLK EDESTADDRREQ EDQUOT EEXIST EFAULT EFBIG EHWPOISON EINTR EINVAL EIO
    EISDIR ELOOP EMFILE EMLINK ENAMETOOLONG ENFILE ENODEV ENOENT ENOLCK ENOMEM ENOSPC ENOSYS ENOTDIR
    ENOTSUP ENOTTY ENXIO EOPNOTSUPP EOVERFLOW EPERM EPIPE EROFS ESPIPE ESRCH ETIMEDOUT ETXTBSY
    EWOULDBLOCK EXDEV
};

const STATUSES: [&str; 13] = [
    "ok",
    "MEMMAP_ERR_INVALID",
    "MEMMAP_ERR_HANDLE",
    "MEMMAP_ERR_RANGE",
    "MEMMAP_ERR_ACCESS",
    "MEMMAP_ERR_NOT_REGULAR",
    "MEMMAP_ERR_FAULT",
    "MEMMAP_ERR_LIMIT",
    "MEMMAP_ERR_BUSY",
    "MEMMAP_ERR_TIMEOUT",
    "MEMMAP_ERR_UNSUPPORTED",
    "MEMMAP_ERR_UNSEALED",
    "MEMMAP_ERR_CORRUPT",
];

/// Returns the name of a system call. A new one must be added here, and its errnos to errnos.txt by errnos.py.
pub fn call(number: i32) -> &'static str {
    // C libraries use one or the other; both have the same errnos.
    if [c::SYS_fstat, c::SYS_lstat, c::SYS_newfstatat].contains(&number.into()) {
        return "stat";
    }
    let known = CALLS.iter().find(|(_, other)| *other == number);
    let (name, _) =
        known.unwrap_or_else(|| panic!("system call {number} is new here: see names.rs"));
    &name["SYS_".len()..]
}

/// Returns the errnos that the manual lists for a call.
pub fn errnos_of(call: &str) -> Vec<(&'static str, i32)> {
    if call == "rt_sigprocmask" {
        return Vec::new(); // Their errnos are about arguments only, and failing to restore a mask is fatal.
    }
    let mut lines = include_str!("errnos.txt").lines();
    let line = lines.find_map(|line| line.strip_prefix(call)?.strip_prefix(' '));
    let line = line.unwrap_or_else(|| panic!("errnos.txt has no {call}: see errnos.py"));
    let named = |name: &str| {
        let known = ERRNOS.iter().find(|(other, _)| *other == name);
        *known.unwrap_or_else(|| panic!("no errno is called {name}"))
    };
    let mut all: Vec<_> = line.split(' ').map(named).collect();
    all.sort_by_key(|(_, errno)| *errno);
    all.dedup_by_key(|(_, errno)| *errno); // Some have two names.
    all
}

/// Stands for the errno that the system call failed with.
pub const THAT_ERRNO: &str = "that errno";
/// Stands for the result without a failure.
pub const AS_EVER: &str = "as ever";

/// Returns the name of a status.
pub fn status(status: i32) -> String {
    match usize::try_from(-i64::from(status))
        .ok()
        .and_then(|own| STATUSES.get(own))
    {
        Some(name) => (*name).to_owned(),
        None => format!("errno {status}"),
    }
}
