//! Which file a file is.

/// Which file, as the kernel tells files apart. What can't be known of has numbers that no file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its device.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

impl Identity {
    /// That of a mapping at `address` of which no more is known.
    pub fn unknown(address: usize) -> Identity {
        Identity {
            device: u64::MAX,
            inode: address as u64,
        }
    }

    /// That of the file whose status it is.
    pub fn of(status: &libc::stat64) -> Identity {
        Identity {
            device: status.st_dev,
            inode: status.st_ino,
        }
    }
}
