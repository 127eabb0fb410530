//! Creation: a file that has come into being whole, or has left nothing behind.

use crate::file::{ALWAYS, File, Kind, no_follow, open};
use crate::options::{Flags, Options};
use crate::status::{Error, Result};
use std::ffi::{CStr, CString, OsStr};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// A file that is being created: if it is new it goes away again when this is dropped unfinished.
pub struct Creation {
    path: CString,
    device: u64,
    inode: u64,
    old_size: u64,
    new: bool,
}

impl Creation {
    /// Opens `path`, making it if need be. What an existing file holds is left alone so far.
    ///
    /// A symbolic link to nothing has what it names made, as O_CREAT does it, but by that name: so it
    /// is known whether the file is new, and where it is to be removed again or made durable.
    pub fn start(path: &CStr, options: &Options) -> Result<(Creation, File)> {
        const LINKS: usize = 40; // As many as the system follows (path_resolution(7)).
        let flags = libc::O_RDWR | no_follow(options);
        let make = flags | ALWAYS | libc::O_CREAT | libc::O_EXCL;
        let mut path = path.to_owned();
        for _ in 0..=LINKS {
            match open(&path, make, options.mode) {
                Ok(fd) => return Creation::of_new(path, fd),
                Err(Error::System(libc::EEXIST)) if !options.flags.has(Flags::EXCLUSIVE) => {}
                Err(Error::System(libc::EISDIR)) => return Err(Error::NotRegular),
                Err(error) => return Err(error),
            }
            match File::open_for(&path, flags) {
                // If it is no link, somebody has removed the file just now.
                Err(Error::System(libc::ENOENT)) => path = target_of(&path).unwrap_or(path),
                existing => return Creation::of(path, existing?, false),
            }
        }
        Err(Error::System(libc::ELOOP))
    }

    /// Of a file that was made just now. It goes again if the system can't say what it is.
    fn of_new(path: CString, fd: OwnedFd) -> Result<(Creation, File)> {
        match File::validated(fd) {
            Ok(file) => Creation::of(path, file, true),
            Err(error) => {
                // SAFETY: the path is terminated.
                unsafe { libc::unlink(path.as_ptr()) };
                Err(error)
            }
        }
    }

    fn of(path: CString, (file, old_size): (File, u64), new: bool) -> Result<(Creation, File)> {
        if file.kind != Kind::Regular {
            return Err(Error::NotRegular); // A device cannot be given a size.
        }
        let (device, inode) = (file.device, file.inode);
        let creation = Creation {
            path,
            device,
            inode,
            old_size,
            new,
        };
        Ok((creation, file))
    }

    /// Gives the file its size, all zero; durable, name included, if the options say so.
    pub fn fill(&self, file: &File, size: u64, flags: Flags) -> Result<()> {
        match self.new {
            true => file.fill(size, flags)?,
            false => file.renew(self.old_size, size, flags)?,
        }
        if flags.has(Flags::DURABLE) {
            file.sync()?;
            sync_folder_of(&self.path)?;
        }
        Ok(())
    }

    /// The file stays.
    pub fn finish(mut self) {
        self.new = false;
    }

    /// Whether the path still names our file, and not one that somebody has put there meanwhile.
    fn still_named(&self) -> bool {
        let mut status = MaybeUninit::<libc::stat64>::uninit();
        // SAFETY: the path is terminated, and lstat fills the struct when it answers 0.
        let answer = unsafe { libc::lstat64(self.path.as_ptr(), status.as_mut_ptr()) };
        // SAFETY: as above.
        let named = (answer == 0).then(|| unsafe { status.assume_init() });
        named.is_some_and(|named| (named.st_dev, named.st_ino) == (self.device, self.inode))
    }
}

impl Drop for Creation {
    fn drop(&mut self) {
        if self.new && self.still_named() {
            // SAFETY: the path is terminated.
            unsafe { libc::unlink(self.path.as_ptr()) };
        }
    }
}

/// What the symbolic link at `path` names, if it is one.
fn target_of(path: &CStr) -> Option<CString> {
    let path = Path::new(OsStr::from_bytes(path.to_bytes()));
    let target = path.read_link().ok()?;
    let target = path
        .parent()
        .map_or(target.clone(), |folder| folder.join(&target));
    CString::new(target.into_os_string().into_vec()).ok()
}

/// Makes the names in the file's folder durable (fsync(2): syncing a file does not sync its entry).
fn sync_folder_of(path: &CStr) -> Result<()> {
    let path = Path::new(OsStr::from_bytes(path.to_bytes()));
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = std::fs::File::open(folder)?;
    folder
        .sync_all()
        .or_else(|error| match error.raw_os_error() {
            // Some file systems cannot sync a folder, and have nothing to sync there.
            Some(libc::EINVAL) => Ok(()),
            _ => Err(error),
        })?;
    Ok(())
}
