//! The statuses that a function may return instead of the errno itself, and what a failed call may have changed: every
//! exception, with its documentation or its reason.

use super::names::{AS_EVER, THAT_ERRNO};
use super::state::Part;

/// A system call that failed.
pub struct Failed<'n> {
    pub case: &'n str,
    pub call: &'n str,
    pub errno: &'n str,
}

/// One exception: the call, its errnos, the status, and the reason.
type Exception = (
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static str,
);

const ANY: &[&str] = &[];
/// Limits of the system, and ranges that end behind every file.
const MAPPING_LIMITS: &[&str] = &["EAGAIN", "ENOMEM", "EOVERFLOW"];

const EXCEPTIONS: &[Exception] = &[
    (
        "rt_sigaction",
        ANY,
        AS_EVER,
        "memmap_guard_active, which has no status",
    ),
    (
        "openat",
        &["EISDIR", "ENODEV", "ENXIO"],
        "MEMMAP_ERR_NOT_REGULAR",
        "it is none",
    ),
    (
        "openat2",
        &["EPERM"],
        "MEMMAP_ERR_UNSUPPORTED",
        "MEMMAP_NO_SYMLINKS, where a filter forbids it",
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
    (
        "clock_nanosleep",
        ANY,
        AS_EVER,
        "then a lease is looked at again a moment earlier",
    ),
    ("linkat", &["EEXIST"], AS_EVER, "the same"),
    (
        "linkat",
        &["ENOENT"],
        AS_EVER,
        "what has no name is linked by procfs then",
    ),
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
        "mremap",
        &["EINVAL"],
        "MEMMAP_ERR_UNSUPPORTED",
        "memmap_resize, of several areas: before Linux 5.13",
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
    /// Returns whether the function may return that status.
    pub fn may_answer(&self, answer: &str) -> bool {
        let again = self.errno == "EINTR" && answer == AS_EVER;
        let excepted = |(call, errnos, other, _): &Exception| {
            let errno = errnos.is_empty() || errnos.contains(&self.errno);
            *call == self.call && errno && *other == answer
        };
        let does_without = answer == AS_EVER && self.does_without();
        // mremap fails with this errno for a mapping that consists of several areas. The library moves those one by
        // one, and then mremap cannot fail so.
        let each = self.case.ends_with("of several areas");
        let areas = self.call == "mremap" && self.errno == "EFAULT" && !each;
        let itself = answer == THAT_ERRNO && !areas;
        itself || again || does_without || EXCEPTIONS.iter().any(excepted)
    }

    /// Returns whether the function has an alternative to the call, or does not need it for what it promises.
    fn does_without(&self) -> bool {
        let others = [
            // Where the system cannot tell which pages were stored to, all private pages are compared.
            ("memmap_commit", "ioctl"),
            ("memmap_changes", "ioctl"),
            ("memmap_rollback", "ioctl"),
            // "The same holds if the commit is durable and writing it to the file fails: this call returns 0".
            ("memmap_commit", "pwrite64"),
            ("memmap_commit, longer", "fallocate"),
            ("memmap_commit, longer", "pwritev2"),
            ("memmap_commit, longer", "fstatfs"),
            ("memmap_commit, shorter", "ftruncate"),
            // Memory that may be locked is asked for in another way.
            ("memmap_rollback", "madvise"),
            // A descriptor that cannot be identified is left open, since it may belong to another file.
            ("memmap_close, locked", "stat"),
            // Pages that cannot be released are filled with zeros.
            ("memmap_resize, shorter without a file", "madvise"),
            // A file system that is not reported as tmpfs counts as one on a device.
            ("memmap_create", "fstatfs"),
            ("memmap_resize, longer", "fstatfs"),
            ("memmap_memfd", "fstatfs"),
            ("memmap_shared_open", "fstatfs"),
            // A descriptor that other code has closed cannot be used to read the size of the file.
            ("memmap_flush", "stat"),
            // If the file cannot be created without a name, or be linked to one, it is created by its name.
            ("memmap_create", "stat"),
            ("memmap_create", "linkat"),
            // New pages of locked memory that cannot be populated are locked when they are touched.
            ("memmap_resize, longer", "mlock"),
            // Pages that cannot be prepared elsewhere are mapped in place.
            ("memmap_recover, with what the options ask", "madvise"),
            ("memmap_recover, with what the options ask", "mremap"),
            ("memmap_recover, with what the options ask", "mmap"),
        ];
        others
            .iter()
            .any(|(case, call)| self.case.starts_with(case) && self.call == *call)
    }

    /// Returns whether a failed call may have changed a part of the state.
    pub fn may_change(&self, part: Part) -> bool {
        match self.case.split_once(',') {
            // "What an existing file held is kept when space or a limit is what was missing (on tmpfs, and
            // where there is no fallocate, it may be gone; with MEMMAP_SPARSE only a limit is noticed
            // beforehand)."
            Some(("memmap_create", how)) if how.starts_with(" over a file") => {
                let space = ["EDQUOT", "EFBIG", "ENOSPC"].contains(&self.errno);
                let kept = space && how == " over a file" && self.call != "ftruncate";
                part == Part::Files && !kept
            }
            // "The first lock of a handle, also one that fails, opens the file once more".
            _ if part == Part::Descriptors => {
                self.case.starts_with("memmap_lock") && self.call != "openat"
            }
            _ => {
                // "MEMMAP_ERR_LIMIT, also when RLIMIT_MEMLOCK or memory has no room [...]: it stays lost then."
                let back = self.case.starts_with("memmap_recover") && self.call == "mlock";
                back && [Part::Mappings, Part::Memory].contains(&part)
            }
        }
    }

    /// Returns whether a failed call may have moved the mapping, and may leave blocks behind the end of the file.
    pub fn may_move(&self) -> bool {
        // "A call that fails leaves size and contents as they were; the address may be another one. Blocks that it
        // has reserved are given back if nobody else has the file open", which a successful fcntl would have shown.
        let late = [
            "mlock2",
            "fallocate",
            "pwritev2",
            "fcntl",
            "ftruncate",
            "stat",
        ];
        // The areas are examined and moved after the blocks were reserved.
        let areas = self.case.ends_with("of several areas");
        // "Blocks that a failed call has reserved for a longer file stay behind its end."
        self.case.starts_with("memmap_resize, longer") && (areas || late.contains(&self.call))
            || self.case == "memmap_commit, longer"
    }

    /// Returns whether a part of the state may differ from that after a call without failures, although this call
    /// succeeded as well: addresses, and huge pages if the system has none.
    pub fn may_differ(&self, part: Part) -> bool {
        let addresses = self.case == "memmap_close, poisoned" || self.call == "mremap";
        let huge = self.call == "madvise" && self.case.ends_with("in huge pages");
        // A new file that cannot be opened by its name is listed as the file without a name that it was before.
        let unnamed =
            self.case.starts_with("memmap_create") && ["openat", "stat"].contains(&self.call);
        // Stores are not watched any more where the system cannot tell of them: all private pages are compared.
        let tells = ["memmap_commit", "memmap_rollback", "memmap_changes"];
        let unwatched = ["ioctl", "close"].contains(&self.call)
            && tells.iter().any(|case| self.case.starts_with(case));
        match part {
            Part::Descriptors | Part::Memory if unwatched => true,
            // What is durable in the log, and not in the file so far.
            Part::Files | Part::Memory if self.case.starts_with("memmap_commit") => {
                ["pwrite64", "pwritev2", "fallocate", "ftruncate"].contains(&self.call)
            }
            Part::Mappings => addresses || unnamed,
            Part::Told => addresses,
            Part::Memory => addresses || huge,
            _ => false,
        }
    }

    /// Returns whether later calls may fail too: a failed flush is remembered.
    pub fn is_remembered(&self) -> bool {
        let sync = ["fdatasync", "msync"].contains(&self.call);
        // "The same holds if the commit is durable and writing it to the file fails".
        let applying = ["pwrite64", "pwritev2", "ftruncate", "fallocate"].contains(&self.call);
        let commit = self.case.starts_with("memmap_commit") && applying;
        let header = self.case.starts_with("memmap_checkpoint") && self.call == "pwrite64";
        let syncs = ["memmap_flush", "memmap_commit", "memmap_checkpoint"];
        let synced = sync && syncs.iter().any(|case| self.case.starts_with(case));
        synced || commit || header
    }
}
