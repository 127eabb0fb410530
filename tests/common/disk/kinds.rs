//! The file systems that a disk can have.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Command;

/// A file system of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ext4, with a journal of its metadata.
    Ext4,
    /// XFS.
    Xfs,
    /// btrfs.
    Btrfs,
}

impl Kind {
    /// Returns its name for mount(2).
    pub fn name(self) -> &'static CStr {
        match self {
            Kind::Ext4 => c"ext4",
            Kind::Xfs => c"xfs",
            Kind::Btrfs => c"btrfs",
        }
    }

    /// Returns the mount options that only this file system has.
    pub fn mount_options(self) -> &'static CStr {
        match self {
            Kind::Ext4 => c"",
            // Copies of one disk are mounted at the same time.
            Kind::Xfs => c"nouuid",
            Kind::Btrfs => c"nodiscard",
        }
    }

    /// Returns the size of a small disk, which is fast to mount.
    fn disk_size(self) -> u64 {
        match self {
            Kind::Ext4 => 16 << 20,
            Kind::Xfs => 64 << 20,
            Kind::Btrfs => 128 << 20,
        }
    }

    /// Repairs a disk that cannot be mounted, as a machine or its administrator does. Returns whether that succeeded.
    /// The superblocks of ext4 and btrfs are longer than a sector and have one checksum. If one is torn, the checksum
    /// is wrong, and the journal with the whole superblock is not read. Both file systems have copies of it.
    pub fn repair(self, image: &Path) -> bool {
        let (program, arguments): (_, &[&str]) = match self {
            Kind::Ext4 => ("e2fsck", &["-f", "-y"]),
            Kind::Xfs => return false,
            Kind::Btrfs => ("btrfs", &["rescue", "super-recover", "-y"]),
        };
        // Both programs exit with more than 0 if they repaired something.
        let output = Command::new(program).args(arguments).arg(image).output();
        output.is_ok_and(|output| output.status.code().is_some_and(|code| code <= 2))
    }

    /// Creates a disk image with an empty file system. The error is the reason why there can be none.
    pub fn make(self, image: &Path) -> io::Result<()> {
        let name = self.name().to_str().expect("it is ASCII");
        if !std::fs::read_to_string("/proc/filesystems")?.contains(name) {
            return Err(io::Error::other(format!("the kernel has no {name}")));
        }
        File::create_new(image)?.set_len(self.disk_size())?;
        let mut mkfs = Command::new(format!("mkfs.{name}"));
        let quiet: &[&str] = match self {
            // All tables are initialized now, so that later writes are those of the test.
            Kind::Ext4 => &[
                "-q",
                "-N",
                "256",
                "-E",
                "lazy_itable_init=0,lazy_journal_init=0",
            ],
            Kind::Xfs => &["-q", "-d", "agcount=1"],
            Kind::Btrfs => &["-q", "-m", "single"],
        };
        // mkfs.xfs makes so small a file system only if these variables of its test suite are set (mkfs/xfs_mkfs.c).
        mkfs.envs(["TEST_DIR", "TEST_DEV", "QA_CHECK_FS"].map(|name| (name, "1")));
        let output = mkfs.args(quiet).arg(image).output();
        let output = output.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::other(format!("there is no mkfs.{name}")),
            _ => io::Error::other(format!("mkfs.{name} can't be run: {error}")),
        })?;
        match output.status.success() {
            true => Ok(()),
            false => Err(io::Error::other(format!(
                "mkfs.{name}: {}",
                String::from_utf8_lossy(&output.stderr)
            ))),
        }
    }
}
