//! What may be answered beside the errno itself, and what a call that failed may have changed: every
//! exception, and where it is documented or why it is one.

use super::names::{AS_EVER, THAT_ERRNO};

/// A system call that failed.
pub struct Failed<'n> {
    pub case: &'n str,
    pub call: &'n str,
    pub errno: &'n str,
}

/// One exception: the call, its errnos, the answer, and why.
type Exception = (
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static str,
);

const ANY: &[&str] = &[];
/// Limits of the system, and the end of a range that no file has.
const MAPPING_LIMITS: &[&str] = &["EAGAIN", "ENOMEM", "EOVERFLOW"];

const EXCEPTIONS: &[Exception] = &[
    (
        "openat",
        &["EISDIR", "ENODEV", "ENXIO"],
        "MEMMAP_ERR_NOT_REGULAR",
        "it is none",
    ),
    (
        "openat",
        &["EWOULDBLOCK"],
        AS_EVER,
        "somebody has a lease, which is waited for",
    ),
    (
        "openat",
        &["EEXIST", "ENOENT"],
        AS_EVER,
        "somebody has made or removed it just now",
    ),
    ("stat", &["ENOENT"], AS_EVER, "the same"),
    ("linkat", &["EEXIST"], AS_EVER, "the same"),
    (
        "mmap",
        &["EEXIST"],
        AS_EVER,
        "the same, which mmap never says of such mappings",
    ),
    (
        "openat",
        ANY,
        AS_EVER,
        "of procfs and sysfs: what isn't known is no limit",
    ),
    ("statx", ANY, AS_EVER, "the same"),
    (
        "lseek",
        ANY,
        AS_EVER,
        "the same; of locks: device and inode tell a descriptor too",
    ),
    ("read", ANY, AS_EVER, "the same"),
    (
        "close",
        ANY,
        AS_EVER,
        "it is closed all the same (close(2), NOTES)",
    ),
    (
        "munmap",
        ANY,
        AS_EVER,
        "memory stays mapped that nobody has",
    ),
    (
        "mremap",
        ANY,
        AS_EVER,
        "making a mapping shorter: address space stays that nobody has",
    ),
    ("mmap", MAPPING_LIMITS, "MEMMAP_ERR_LIMIT", "memmap_open"),
    (
        "mremap",
        MAPPING_LIMITS,
        "MEMMAP_ERR_LIMIT",
        "memmap_resize",
    ),
    (
        "mmap",
        ANY,
        AS_EVER,
        "what can't be kept as poison is unmapped",
    ),
    (
        "readlink",
        ANY,
        AS_EVER,
        "poison whose file has no name; what is no symbolic link",
    ),
    (
        "fallocate",
        &["ENOSYS", "EOPNOTSUPP"],
        AS_EVER,
        "memmap_create: zeros are written instead",
    ),
    ("fadvise64", ANY, AS_EVER, "advice"),
    (
        "madvise",
        &["EINVAL"],
        AS_EVER,
        "huge pages where there are none; touching pages instead",
    ),
    (
        "madvise",
        &["EINVAL"],
        "MEMMAP_ERR_UNSUPPORTED",
        "memmap_advise",
    ),
    (
        "madvise",
        &["ENOMEM"],
        "MEMMAP_ERR_LIMIT",
        "memmap_prefault",
    ),
    (
        "madvise",
        &["EFAULT"],
        "MEMMAP_ERR_FAULT",
        "memmap_prefault",
    ),
    (
        "mlock",
        &["EAGAIN", "ENOMEM", "EPERM"],
        "MEMMAP_ERR_LIMIT",
        "memmap_lock_memory",
    ),
    (
        "mlock2",
        &["EAGAIN", "ENOMEM", "EPERM"],
        "MEMMAP_ERR_LIMIT",
        "memmap_resize",
    ),
    ("futex", &["EFAULT"], "MEMMAP_ERR_FAULT", "memmap_wait"),
    (
        "futex",
        &["EAGAIN"],
        AS_EVER,
        "memmap_wait: it is time to look again",
    ),
    ("futex", &["EAGAIN", "EINTR"], "ok", "the same"),
    ("futex", &["ETIMEDOUT"], "MEMMAP_ERR_TIMEOUT", "memmap_wait"),
    ("futex", ANY, AS_EVER, "waking those who wait for a range"),
    (
        "fcntl",
        &["EINVAL"],
        "MEMMAP_ERR_UNSUPPORTED",
        "memmap_seal",
    ),
    (
        "fcntl",
        &["EINVAL"],
        "MEMMAP_ERR_UNSEALED",
        "memmap_from_fd",
    ),
    ("fcntl", &["EINVAL"], AS_EVER, "memmap_get_seals"),
    (
        "fcntl",
        &["EACCES", "EAGAIN"],
        "MEMMAP_ERR_TIMEOUT",
        "memmap_lock",
    ),
    (
        "fcntl",
        ANY,
        AS_EVER,
        "letting go what was locked, of which the descriptor is closed next",
    ),
    (
        "fsync",
        &["EINVAL"],
        AS_EVER,
        "a folder that can't be synced has nothing to sync",
    ),
];

impl Failed<'_> {
    /// Whether the library may answer so.
    pub fn may_answer(&self, answer: &str) -> bool {
        let again = self.errno == "EINTR" && answer == AS_EVER;
        let excepted = |(call, errnos, other, _): &Exception| {
            let errno = errnos.is_empty() || errnos.contains(&self.errno);
            *call == self.call && errno && *other == answer
        };
        // Another file's descriptor is left alone: as far as anybody knows, it is none.
        let closing =
            self.case == "memmap_close, locked" && self.call == "stat" && answer == AS_EVER;
        // Pages that can't be given back are filled with zeros instead.
        let zeroed = self.case == "memmap_resize, shorter without a file"
            && self.call == "madvise"
            && answer == AS_EVER;
        let excepted_here = closing || zeroed || again;
        answer == THAT_ERRNO || excepted_here || EXCEPTIONS.iter().any(excepted)
    }

    /// Whether something may be other than before although the call failed.
    pub fn may_change(&self) -> bool {
        match self.case.split_once(',') {
            // "What an existing file held is kept when space or a limit is what was missing (on tmpfs, and
            // where there is no fallocate, it may be gone; with MEMMAP_SPARSE only a limit is noticed
            // beforehand)."
            Some(("memmap_create", how)) if how.starts_with(" over a file") => {
                let space = ["EDQUOT", "EFBIG", "ENOSPC"].contains(&self.errno);
                !(space && how == " over a file") || self.call == "ftruncate"
            }
            // "The first lock of a handle, also one that fails, opens the file once more".
            _ => self.case.starts_with("memmap_lock") && self.call != "openat",
        }
    }

    /// Whether the address may be another one, and blocks may be left behind the end of the file, although the call
    /// failed.
    pub fn may_move(&self) -> bool {
        // "A call that fails leaves size and contents as they were; the address may be another one. Blocks that it
        // has reserved are given back if nobody else has the file open", which is what fcntl would have told.
        let late = ["fallocate", "pwritev2", "fcntl", "ftruncate", "stat"];
        self.case.starts_with("memmap_resize, longer") && late.contains(&self.call)
    }

    /// Whether something may be other than after a call that succeeded although this one did, too.
    pub fn may_differ(&self) -> bool {
        self.case == "memmap_close, poisoned" || self.call == "mremap"
    }

    /// Whether the same call may fail from then on: a flush that failed is remembered.
    pub fn is_remembered(&self) -> bool {
        let sync = ["fdatasync", "msync"].contains(&self.call);
        self.case.starts_with("memmap_flush") && sync
    }
}
