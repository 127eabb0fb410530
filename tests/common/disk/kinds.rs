//! The file systems that a disk can have.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Command;

/// A file system of the kernel's.
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
    /// As mount(2) calls it.
    pub fn name(self) -> &'static CStr {
        match self {
            Kind::Ext4 => c"ext4",
            Kind::Xfs => c"xfs",
            Kind::Btrfs => c"btrfs",
        }
    }

    /// Options of mount(8) that only this one has.
    pub fn mount_options(self) -> &'static CStr {
        match self {
            Kind::Ext4 => c"",
            // Copies of one disk are mounted at the same time.
            Kind::Xfs => c"nouuid",
            Kind::Btrfs => c"nodiscard",
        }
    }

    /// Bytes of a disk that is small, so that its mount has little to read.
    fn disk_size(self) -> u64 {
        match self {
            Kind::Ext4 => 16 << 20,
            Kind::Xfs => 64 << 20,
            Kind::Btrfs => 128 << 20,
        }
    }

    /// Does to a disk that can't be mounted what a machine, or who looks after it, does then; whether that
    /// helps. Of ext4 and btrfs the superblock is longer than a sector and has one sum: torn, it isn't
    /// right, and the journal that has it whole isn't looked at before. Both have copies.
    pub fn repair(self, image: &Path) -> bool {
        let (program, arguments): (_, &[&str]) = match self {
            Kind::Ext4 => ("e2fsck", &["-f", "-y"]),
            Kind::Xfs => return false,
            Kind::Btrfs => ("btrfs", &["rescue", "super-recover", "-y"]),
        };
        // Both answer more than 0 when there was something to do.
        let output = Command::new(program).args(arguments).arg(image).output();
        output.is_ok_and(|output| output.status.code().is_some_and(|code| code <= 2))
    }

    /// Makes a file that is a disk with an empty file system. The error says why where that can't be.
    pub fn make(self, image: &Path) -> io::Result<()> {
        let name = self.name().to_str().expect("it is ASCII");
        if !std::fs::read_to_string("/proc/filesystems")?.contains(name) {
            return Err(io::Error::other(format!("the kernel has no {name}")));
        }
        File::create_new(image)?.set_len(self.disk_size())?;
        let mut mkfs = Command::new(format!("mkfs.{name}"));
        let quiet: &[&str] = match self {
            // All of the tables now: nothing but the test's own doing is to reach the disk later.
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
        // So small an XFS is made for who says to be its test suite (xfsprogs, mkfs/xfs_mkfs.c).
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
