//! A place: a name in a folder that is held. Whatever becomes of the path meanwhile, it is the same folder, and
//! what is asked, made, removed and made durable there is there.

use crate::files::descriptor::{self, ALWAYS, give_name, open_at, open_without_links};
use crate::files::file::File;
use crate::files::identity::Identity;
use crate::files::lease::Lease;
use crate::options::{Flags, Options};
use crate::os::errno::system;
use crate::status::{Error, Result};
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// A name, and its folder.
#[derive(Debug)]
pub struct Place {
    folder: OwnedFd,
    name: CString,
}

/// How sure it is that a file is this call's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sure {
    /// It was made by it.
    Entirely,
    /// There was none, and then there was one that was empty.
    Nearly,
}

impl Place {
    /// The place at the end of `path`, whose folder is looked up here, and never again.
    pub fn of(path: &CStr, options: &Options) -> Result<Place> {
        let (folder, name) = split(path.to_bytes());
        let (folder, name) = (terminated(folder)?, terminated(name)?);
        // O_PATH: nothing is read of it, so passing through is all that has to be permitted.
        let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
        let folder = match options.flags.has(Flags::NO_SYMLINKS) {
            true => open_without_links(&folder, flags)?,
            false => open_at(libc::AT_FDCWD, &folder, flags, 0)?,
        };
        Ok(Place { folder, name })
    }

    /// The place in the same folder whose name has `more` behind it.
    pub fn beside(&self, more: &str) -> Result<Place> {
        let name = [self.name.to_bytes(), more.as_bytes()].concat();
        Ok(Place {
            folder: self.folder.try_clone()?,
            name: terminated(&name)?,
        })
    }

    /// The place of an open file, as far as its name can be told.
    pub fn of_open(file: &File) -> Option<Place> {
        let mut path = vec![0; libc::PATH_MAX as usize];
        let len = file.path(&mut path);
        path.truncate(len);
        let place = Place::of(&CString::new(path).ok()?, &Options::default()).ok()?;
        // The name may be another file's by now.
        let there = place.status(libc::AT_SYMLINK_NOFOLLOW).ok()??;
        (Identity::of(&there) == file.identity).then_some(place)
    }

    fn folder(&self) -> RawFd {
        self.folder.as_raw_fd()
    }

    /// What is there, if anything is: a symbolic link too, unless `flags` follow it.
    pub fn status(&self, flags: i32) -> Result<Option<libc::stat64>> {
        let mut status = MaybeUninit::uninit();
        let (folder, name) = (self.folder(), self.name.as_ptr());
        // SAFETY: the name is terminated, and fstatat fills the struct when it returns 0.
        match system(|| unsafe { libc::fstatat64(folder, name, status.as_mut_ptr(), flags) }) {
            // SAFETY: it did.
            Ok(_) => Ok(Some(unsafe { status.assume_init() })),
            Err(Error::System(libc::ENOENT)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens what is there.
    pub fn open(&self, flags: i32, mode: u32) -> Result<OwnedFd> {
        open_at(self.folder(), &self.name, flags | ALWAYS, mode)
    }

    /// The same, of what exists, where a lease is not waited for.
    pub fn open_once(&self, flags: i32) -> Result<OwnedFd> {
        descriptor::open_once(self.folder(), &self.name, flags | ALWAYS, 0)
    }

    /// A new file of its folder, that has no name and 0 bytes.
    pub fn unnamed(&self, mode: u32) -> Result<File> {
        File::unnamed(self.folder(), c".", mode)
    }

    /// Gives a file without a name this one; EEXIST where there is one.
    pub fn give(&self, fd: RawFd) -> Result<()> {
        give_name(fd, self.folder(), &self.name)
    }

    /// Makes the names of the folder durable (fsync(2): syncing a file does not sync its entry).
    pub fn sync(&self) -> Result<()> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
        let folder = open_at(self.folder(), c".", flags, 0)?;
        match descriptor::sync(folder.as_raw_fd()) {
            // Some file systems cannot sync a folder, and have nothing to sync there.
            Err(Error::System(libc::EINVAL)) => Ok(()),
            result => result,
        }
    }

    /// Removes the file again, if it is the one of that identity and nobody else has it open. While it is open
    /// here no other file can have its number.
    pub fn remove(&self, identity: Identity, sure: Sure) {
        let opened = self.open_once(libc::O_RDONLY | libc::O_NOFOLLOW);
        let Ok((file, _)) = opened.and_then(File::validated) else {
            // It can't be read by who has made it, such as one of mode 0200.
            let there = self.status(libc::AT_SYMLINK_NOFOLLOW).ok().flatten();
            let same = there.is_some_and(|there| Identity::of(&there) == identity);
            if same && sure == Sure::Entirely {
                self.unlink();
            }
            return;
        };
        if file.identity != identity {
            return;
        }
        // Until the lease is given back, who opens the file waits.
        match (Lease::asked(&file), sure) {
            (Err(Error::System(libc::EAGAIN)), _) => {} // Others have it open, and may have written to it.
            (Err(_), Sure::Nearly) => {}
            (Ok(_) | Err(_), _) => self.unlink(),
        }
    }

    fn unlink(&self) {
        // SAFETY: the name is terminated.
        unsafe { libc::unlinkat(self.folder(), self.name.as_ptr(), 0) };
    }
}

/// What refuses a symbolic link at the end of a path, if that is wished.
pub fn no_follow(options: &Options) -> i32 {
    match options.flags.has(Flags::NO_FOLLOW) || options.flags.has(Flags::NO_SYMLINKS) {
        true => libc::O_NOFOLLOW,
        false => 0,
    }
}

/// The folder of a path, and the name in it, with the slashes that it ends with: what they ask for is the
/// system's to say.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let slashes = path.iter().rev().take_while(|byte| **byte == b'/').count();
    let named = &path[..path.len() - slashes];
    match named.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => path.split_at(slash + 1),
        None => (b".", path),
    }
}

fn terminated(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| Error::Invalid)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_path_is_its_folder_and_a_name() {
        let paths: [(&str, &str, &str); 9] = [
            ("name", ".", "name"),
            ("a/name", "a/", "name"),
            ("/name", "/", "name"),
            ("/a//name", "/a//", "name"),
            ("a/name/", "a/", "name/"),
            ("..", ".", ".."),
            ("a/..", "a/", ".."),
            ("//", ".", "//"),
            ("", ".", ""),
        ];
        for (path, folder, name) in paths {
            let wanted = (folder.as_bytes(), name.as_bytes());
            assert_eq!(split(path.as_bytes()), wanted, "{path}");
        }
    }
}
