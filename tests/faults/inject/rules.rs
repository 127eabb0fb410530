//! What may be answered beside the errno itself, and what a call that failed may have changed: every
//! exception, and where it is documented or why it is one.

use super::names::{AS_EVER, THAT_ERRNO};
use super::state::Part;

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
    /// Whether the library may answer so.
    pub fn may_answer(&self, answer: &str) -> bool {
        let again = self.errno == "EINTR" && answer == AS_EVER;
        let excepted = |(call, errnos, other, _): &Exception| {
            let errno = errnos.is_empty() || errnos.contains(&self.errno);
            *call == self.call && errno && *other == answer
        };
        let does_without = answer == AS_EVER && self.does_without();
        // What mremap says of a mapping that is several areas by now, which is the library's to know. Where they are
        // moved one by one, it has no cause to say so.
        let each = self.case.ends_with("of several areas");
        let areas = self.call == "mremap" && self.errno == "EFAULT" && !each;
        let itself = answer == THAT_ERRNO && !areas;
        itself || again || does_without || EXCEPTIONS.iter().any(excepted)
    }

    /// Whether the function has another way, or needs the call for nothing that it promises.
    fn does_without(&self) -> bool {
        let others = [
            // Another file's descriptor is left alone: as far as anybody knows, it is none.
            ("memmap_close, locked", "stat"),
            // Pages that can't be given back are filled with zeros.
            ("memmap_resize, shorter without a file", "madvise"),
            // What doesn't say that it is tmpfs counts as on a device.
            ("memmap_create", "fstatfs"),
            ("memmap_resize, longer", "fstatfs"),
            ("memmap_memfd", "fstatfs"),
            ("memmap_shared_open", "fstatfs"),
            // Whether the file was cut can't be asked by a descriptor that others have closed.
            ("memmap_flush", "stat"),
            // A file that can't be made without a name, or given one then, is made by its name.
            ("memmap_create", "stat"),
            ("memmap_create", "linkat"),
            // New pages of locked memory that can't be brought in are locked when they come.
            ("memmap_resize, longer", "mlock"),
            // Pages that can't be made ready aside are mapped in their place.
            ("memmap_recover, with what the options ask", "madvise"),
            ("memmap_recover, with what the options ask", "mremap"),
            ("memmap_recover, with what the options ask", "mmap"),
        ];
        others
            .iter()
            .any(|(case, call)| self.case.starts_with(case) && self.call == *call)
    }

    /// Whether a part may be other than before although the call failed.
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

    /// Whether the address may be another one, and blocks may be left behind the end of the file, although the call
    /// failed.
    pub fn may_move(&self) -> bool {
        // "A call that fails leaves size and contents as they were; the address may be another one. Blocks that it
        // has reserved are given back if nobody else has the file open", which is what fcntl would have told.
        let late = [
            "mlock2",
            "fallocate",
            "pwritev2",
            "fcntl",
            "ftruncate",
            "stat",
        ];
        // The areas are looked at, and moved, when the blocks are there.
        let areas = self.case.ends_with("of several areas");
        self.case.starts_with("memmap_resize, longer") && (areas || late.contains(&self.call))
    }

    /// Whether a part may be other than after a call that succeeded although this one did, too: addresses
    /// that nobody has, and huge pages where the system has none.
    pub fn may_differ(&self, part: Part) -> bool {
        let addresses = self.case == "memmap_close, poisoned" || self.call == "mremap";
        let huge = self.call == "madvise" && self.case.ends_with("in huge pages");
        // A new file that can't be opened by its name goes on as what it was without one, which is how it is listed.
        let unnamed =
            self.case.starts_with("memmap_create") && ["openat", "stat"].contains(&self.call);
        match part {
            Part::Mappings => addresses || unnamed,
            Part::Told => addresses,
            Part::Memory => addresses || huge,
            _ => false,
        }
    }

    /// Whether the same call may fail from then on: a flush that failed is remembered.
    pub fn is_remembered(&self) -> bool {
        let sync = ["fdatasync", "msync"].contains(&self.call);
        self.case.starts_with("memmap_flush") && sync
    }
}
