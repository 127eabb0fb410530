//! What a caller asks of a mapping, checked.

use crate::os::advice::Advice;
use crate::status::{Error, Result};
use std::ops::BitOr;

/// What a mapping allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// The least that the call needs: read-only to open, read-write to create and for anonymous
    /// memory.
    #[default]
    Default,
    /// Reading.
    ReadOnly,
    /// Reading and writing. Writes reach the file and every other mapping of it.
    ReadWrite,
    /// Reading and writing. Writes stay in this mapping and never reach the file.
    CopyOnWrite,
}

/// Flag of memmap_create: fail with EEXIST if the file exists.
pub const EXCLUSIVE: u32 = 1 << 0;
/// Flag: do not reserve blocks for new bytes of the file; where memmap_resize makes it longer, only
/// the last byte gets one. A full disk is then met by the program that first writes there, as
/// SIGBUS (or MEMMAP_ERR_FAULT, see memmap_guard_install), instead of by memmap_create or
/// memmap_resize, as ENOSPC.
pub const SPARSE: u32 = 1 << 1;
/// Flag of memmap_create: make the size and the name of the file durable before the call returns
/// (fsync of the file and of its directory), so that they survive a power cut.
pub const DURABLE: u32 = 1 << 2;
/// Flag of memmap_open and memmap_create: fail with ELOOP if the last component of the path is a
/// symbolic link. Links in other components are followed; MEMMAP_NO_SYMLINKS refuses them too.
pub const NO_FOLLOW: u32 = 1 << 3;
/// Flag: keep no descriptor of the file after mapping it, for programs with more mappings than
/// RLIMIT_NOFILE allows descriptors. memmap_resize and memmap_refresh then fail with
/// MEMMAP_ERR_UNSUPPORTED, and so does memmap_recover if pages were lost.
pub const NO_DESCRIPTOR: u32 = 1 << 4;
/// Flag: map the file executable (PROT_EXEC).
pub const EXECUTABLE: u32 = 1 << 5;
/// Flag: with MEMMAP_EXECUTABLE, allow the mapping to be writable too.
pub const WRITE_AND_EXECUTE: u32 = 1 << 6;
/// Flag: take memory even if the system has less available, for memory of which most is never
/// touched. Without it, anonymous, prefaulted and locked memory of more than is available fails
/// with MEMMAP_ERR_LIMIT, before the kernel's OOM killer acts. Up to 16 MiB nothing is checked.
pub const OVERCOMMIT: u32 = 1 << 7;

/// Flag: bring all pages into memory before the call returns, so that the first access does not
/// wait: for writing where the bytes are new (memmap_create, memmap_anonymous), otherwise for
/// reading.
pub const PREFAULT: u32 = 1 << 8;
/// Flag: use huge pages where the system has them for this kind of memory: transparent ones, for
/// anonymous and shared memory. Where it has none, the mapping is made without.
pub const HUGE_PAGES: u32 = 1 << 9;
/// Flag: reserve no swap space (MAP_NORESERVE), for memory of which little is ever touched.
pub const NO_RESERVE: u32 = 1 << 10;
/// Flag: leave the mapping out of core dumps. It applies to every page that the mapping ever has,
/// as HUGE_PAGES, LOCKED and the advice of the options do: to pages that the mapping grows by, to
/// the zero pages of the guard, and to pages that memmap_recover maps back. The guard's zero pages
/// are in no core dump, whatever the flags.
pub const NO_DUMP: u32 = 1 << 11;
/// Flag: keep all pages in memory (mlock(2)). The call fails with MEMMAP_ERR_LIMIT beyond
/// RLIMIT_MEMLOCK. The guard's zero pages are locked as they are touched.
pub const LOCKED: u32 = 1 << 12;
/// Flag of memmap_from_fd: fail with MEMMAP_ERR_UNSEALED if the file is not sealed against
/// shrinking. A file that is sealed cannot be cut under the mapping by any process that has its
/// descriptor. Its contents may still change, and may be zeroed without a fault, unless it is
/// sealed against writing too, which memmap_get_seals reports. See memmap_seal.
pub const SEALED: u32 = 1 << 13;
/// Flag of memmap_open and memmap_create: fail with ELOOP if any component of the path is a
/// symbolic link, for a path through directories that others can write to. It needs openat2(2),
/// Linux 5.6; the call fails with MEMMAP_ERR_UNSUPPORTED without it.
pub const NO_SYMLINKS: u32 = 1 << 14;

/// Flag of memmap_open and memmap_create, with MEMMAP_READ_WRITE: what is written to the mapping
/// stays in this process until memmap_commit, which makes all of it durable in the file at once, or
/// nothing. memmap_open follows no symbolic link at the end of the path then (ELOOP), and fails
/// with MEMMAP_ERR_BUSY if the file is open so already, in any process. memmap_create fails with
/// EEXIST if the file exists, and makes the name durable. An offset, a length, MEMMAP_SPARSE,
/// MEMMAP_NO_DESCRIPTOR, MEMMAP_LOCKED and MEMMAP_EXECUTABLE are MEMMAP_ERR_INVALID;
/// MEMMAP_READ_ONLY, a file with several names and one on hugetlbfs are MEMMAP_ERR_UNSUPPORTED.
/// Opening fails with MEMMAP_ERR_CORRUPT if the file NAME.commit is no log, or has commits of
/// another file.
pub const ATOMIC: u32 = 1 << 15;

/// A set of flags for opening a mapping; its constants are the flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// Create: refuse a file that exists.
    pub const EXCLUSIVE: Flags = Flags(EXCLUSIVE);
    /// Create, resize: leave holes instead of reserving blocks.
    pub const SPARSE: Flags = Flags(SPARSE);
    /// Create: make the new name durable too.
    pub const DURABLE: Flags = Flags(DURABLE);
    /// Open, create: refuse a symbolic link at the end of the path.
    pub const NO_FOLLOW: Flags = Flags(NO_FOLLOW);
    /// Keep no descriptor of the file after mapping it.
    pub const NO_DESCRIPTOR: Flags = Flags(NO_DESCRIPTOR);
    /// Map code.
    pub const EXECUTABLE: Flags = Flags(EXECUTABLE);
    /// Allow what is executable to be written too.
    pub const WRITE_AND_EXECUTE: Flags = Flags(WRITE_AND_EXECUTE);
    /// Anonymous: take more memory than is available.
    pub const OVERCOMMIT: Flags = Flags(OVERCOMMIT);
    /// Bring all pages in at once.
    pub const PREFAULT: Flags = Flags(PREFAULT);
    /// Use huge pages where there are any.
    pub const HUGE_PAGES: Flags = Flags(HUGE_PAGES);
    /// Reserve no swap space.
    pub const NO_RESERVE: Flags = Flags(NO_RESERVE);
    /// Leave the mapping out of core dumps.
    pub const NO_DUMP: Flags = Flags(NO_DUMP);
    /// Keep all pages in memory.
    pub const LOCKED: Flags = Flags(LOCKED);
    /// From a descriptor: refuse what is not sealed against shrinking.
    pub const SEALED: Flags = Flags(SEALED);
    /// Open, create: refuse a symbolic link anywhere in the path.
    pub const NO_SYMLINKS: Flags = Flags(NO_SYMLINKS);
    /// Open, create: changes reach the file by commits.
    pub const ATOMIC: Flags = Flags(ATOMIC);

    /// Whether all of `other` is in here.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// How to open or create a mapping. [`Options::default`] is read-only for what exists and read-write
/// for what is new, all of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What the mapping allows.
    pub access: Access,
    /// Wishes.
    pub flags: Flags,
    /// Permission bits of a created file, 0 for 0600; the umask applies.
    pub mode: u32,
    /// Where in the file the mapping begins, in bytes.
    pub offset: u64,
    /// How many bytes to map, 0 for all up to the end of the file.
    pub length: u64,
    /// Bytes of address space to keep, so that the mapping grows up to there without moving.
    pub capacity: u64,
    /// What the program will do with the pages.
    pub advice: Advice,
}

/// The calls that take options: each has a use for some of them, and refuses the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Open an existing file.
    Open,
    /// Create a file.
    Create,
    /// Map a descriptor.
    FromFd,
    /// Map memory without a file.
    Anonymous,
    /// Open named shared memory.
    SharedOpen,
    /// Create named shared memory, or open it.
    SharedCreate,
    /// Create shared memory without a name.
    Memfd,
}

impl Call {
    fn flags(self) -> Flags {
        let any = Flags::EXECUTABLE
            | Flags::WRITE_AND_EXECUTE
            | Flags::PREFAULT
            | Flags::HUGE_PAGES
            | Flags::NO_RESERVE
            | Flags::NO_DUMP
            | Flags::LOCKED
            | Flags::OVERCOMMIT;
        match self {
            Call::Open => {
                Call::SharedOpen.flags() | Flags::NO_FOLLOW | Flags::NO_SYMLINKS | Flags::ATOMIC
            }
            Call::Create => Call::Open.flags() | Flags::EXCLUSIVE | Flags::DURABLE,
            Call::FromFd => Call::SharedOpen.flags() | Flags::SEALED,
            Call::Anonymous => any,
            Call::SharedOpen | Call::Memfd => any | Flags::NO_DESCRIPTOR | Flags::SPARSE,
            Call::SharedCreate => Call::SharedOpen.flags() | Flags::EXCLUSIVE,
        }
    }

    /// Whether there may be a new file afterwards.
    fn creates(self) -> bool {
        matches!(self, Call::Create | Call::SharedCreate | Call::Memfd)
    }
}

impl Options {
    /// The options as `call` takes them: default access and mode filled in, and everything that it
    /// has no use for refused as [`Error::Invalid`].
    pub fn checked(mut self, call: Call) -> Result<Options> {
        let creates = call.creates();
        let useless_mode = self.mode != 0 && !creates || self.mode & !0o777 != 0;
        let useless_window = call == Call::Anonymous && (self.offset != 0 || self.length != 0);
        if !call.flags().has(self.flags) || useless_mode || useless_window {
            return Err(Error::Invalid);
        }
        if self.access == Access::Default {
            self.access = match creates || call == Call::Anonymous {
                true => Access::ReadWrite,
                false => Access::ReadOnly,
            };
        }
        let writable = self.access != Access::ReadOnly;
        // Memory that is nobody else's and can't be written is a mistake; so is a private copy of it.
        let useless_memory = call == Call::Anonymous && self.access != Access::ReadWrite;
        let executable = self.flags.has(Flags::EXECUTABLE);
        let both = self.flags.has(Flags::WRITE_AND_EXECUTE);
        if useless_memory || executable && writable && !both || both && !(executable && writable) {
            return Err(Error::Invalid);
        }
        if self.flags.has(Flags::ATOMIC) {
            self.refuse_what_cannot_be_committed()?;
        }
        if creates && self.flags.has(Flags::ATOMIC) {
            // What is there may have commits in its log; and a commit is durable, so the name is too.
            self.flags = self.flags | Flags::EXCLUSIVE | Flags::DURABLE;
        }
        if creates && self.mode == 0 {
            self.mode = 0o600;
        }
        Ok(self)
    }

    /// Commits are of a whole file, by a descriptor, with blocks for every byte; and pages that are locked in memory could
    /// not be taken back.
    fn refuse_what_cannot_be_committed(&self) -> Result<()> {
        let without = [
            Flags::NO_DESCRIPTOR,
            Flags::SPARSE,
            Flags::EXECUTABLE,
            Flags::LOCKED,
        ];
        let has_any = without.iter().any(|flag| self.flags.has(*flag));
        match self.access {
            Access::CopyOnWrite => Err(Error::Invalid),
            _ if has_any || self.offset != 0 || self.length != 0 => Err(Error::Invalid),
            Access::ReadWrite => Ok(()),
            _ => Err(Error::Unsupported),
        }
    }

    /// Whether what is written to the memory reaches nobody else by itself.
    pub fn keeps_to_itself(&self) -> bool {
        self.access == Access::CopyOnWrite
            || self.access == Access::ReadWrite && self.flags.has(Flags::ATOMIC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_flags(flags: Flags) -> Options {
        Options {
            flags,
            ..Options::default()
        }
    }

    #[test]
    fn the_default_access_is_the_least_that_the_call_is_for() {
        let access = |call| {
            Options::default()
                .checked(call)
                .map(|options| options.access)
        };
        assert_eq!(access(Call::Open), Ok(Access::ReadOnly));
        assert_eq!(access(Call::FromFd), Ok(Access::ReadOnly));
        assert_eq!(access(Call::Create), Ok(Access::ReadWrite));
        assert_eq!(access(Call::Anonymous), Ok(Access::ReadWrite));
    }

    #[test]
    fn a_flag_that_the_call_has_no_use_for_is_invalid() {
        for (call, flags) in [
            (Call::Open, Flags::EXCLUSIVE),
            (Call::Open, Flags::DURABLE),
            (Call::FromFd, Flags::NO_FOLLOW),
            (Call::SharedOpen, Flags::NO_SYMLINKS),
            (Call::Anonymous, Flags::SPARSE),
            (Call::Anonymous, Flags::NO_DESCRIPTOR),
            (Call::Open, Flags::SEALED),
            (Call::SharedOpen, Flags::EXCLUSIVE),
            (Call::SharedCreate, Flags::DURABLE),
            (Call::Memfd, Flags::EXCLUSIVE),
            (Call::Create, Flags(1 << 31)),
        ] {
            assert!(
                matches!(with_flags(flags).checked(call), Err(Error::Invalid)),
                "{call:?} {flags:?}"
            );
        }
    }

    #[test]
    fn writable_code_takes_a_second_flag() {
        let options = |access, flags| Options {
            access,
            flags,
            ..Options::default()
        };
        let both = Flags::EXECUTABLE | Flags::WRITE_AND_EXECUTE;
        assert!(
            options(Access::ReadOnly, Flags::EXECUTABLE)
                .checked(Call::Open)
                .is_ok()
        );
        assert!(
            options(Access::ReadWrite, Flags::EXECUTABLE)
                .checked(Call::Open)
                .is_err()
        );
        assert!(options(Access::ReadWrite, both).checked(Call::Open).is_ok());
        assert!(options(Access::ReadOnly, both).checked(Call::Open).is_err());
    }

    #[test]
    fn a_mode_is_for_creation_and_of_permission_bits() {
        let mode = |mode| Options {
            mode,
            ..Options::default()
        };
        assert!(mode(0o600).checked(Call::Open).is_err());
        assert!(mode(0o4600).checked(Call::Create).is_err());
        assert_eq!(
            mode(0o640)
                .checked(Call::Create)
                .map(|options| options.mode),
            Ok(0o640)
        );
        assert_eq!(
            mode(0).checked(Call::Create).map(|options| options.mode),
            Ok(0o600)
        );
    }
}
