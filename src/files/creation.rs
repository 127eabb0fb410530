//! Creation: a file that has come into being whole, or has left nothing behind.

use crate::files::descriptor::status_of;
use crate::files::file::{File, Kind};
use crate::files::identity::Identity;
use crate::files::place::{Place, Sure, no_follow};
use crate::options::{Flags, Options};
use crate::status::{Error, Result};
use std::os::fd::{AsRawFd, OwnedFd};

/// A file that is being created: if it is new it goes away again when this is dropped unfinished, which has to be
/// after everything else that has it open.
pub struct Creation {
    place: Place,
    /// What was there at first.
    there: There,
    /// What goes away again.
    made: Option<(Identity, Sure)>,
    old_size: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum There {
    Nothing,
    Link,
    Other,
}

impl Creation {
    /// Looks at what is there. It may be another thing a moment later, and nothing depends on it but which way
    /// is tried first.
    pub fn at(place: Place) -> Result<Creation> {
        let there = match place.status(libc::AT_SYMLINK_NOFOLLOW)? {
            None => There::Nothing,
            Some(status) if status.st_mode & libc::S_IFMT == libc::S_IFLNK => There::Link,
            Some(_) => There::Other,
        };
        Ok(Creation {
            place,
            there,
            made: None,
            old_size: 0,
        })
    }

    /// A new file that has no name so far, if nothing is there and the file system has such files. Nobody sees it
    /// before it is whole.
    pub fn unnamed(&self, options: &Options) -> Option<File> {
        match self.there {
            There::Nothing => self.place.unnamed(options.mode).ok(),
            There::Link | There::Other => None,
        }
    }

    /// Gives the file without a name that of the path; None if that can't be had.
    ///
    /// It is opened once more, by its name, since the kernel would call what is mapped by the other descriptor deleted for
    /// ever (in /proc/PID/maps). Where it can't be opened, such as with a mode of 0200, or is another's by now, that is
    /// all there is to it.
    pub fn name(&mut self, file: File) -> Option<File> {
        self.place.give(file.fd()).ok()?;
        let file = self.made(file, Sure::Entirely);
        let again = self.place.open_once(libc::O_RDWR | libc::O_NOFOLLOW);
        match again.and_then(File::validated) {
            Ok((again, _)) if again.identity == file.identity => Some(again),
            _ => Some(file),
        }
    }

    /// Makes the file by its name, or opens what is there, whose contents are left alone so far. It is the system
    /// that follows a symbolic link, or doesn't; and it is told by O_CREAT what this is about, for which it has rules
    /// in folders that everybody can write to (proc_sys_fs(5), protected_regular).
    pub fn by_name(&mut self, options: &Options) -> Result<File> {
        let exclusive = options.flags.has(Flags::EXCLUSIVE);
        let make = libc::O_RDWR | libc::O_CREAT;
        if exclusive || self.there == There::Nothing {
            match self.place.open(make | libc::O_EXCL, options.mode) {
                Ok(fd) => return self.of_new(fd),
                Err(Error::System(libc::EEXIST)) if !exclusive => {}
                Err(Error::System(libc::EISDIR)) => return Err(Error::NotRegular),
                Err(error) => return Err(error),
            }
        }
        let leads_nowhere =
            self.there == There::Link && self.place.status(0).is_ok_and(|s| s.is_none());
        let fd = self.place.open(make | no_follow(options), options.mode);
        let (file, old_size) = File::of_path(fd)?;
        if file.kind != Kind::Regular {
            return Err(Error::NotRegular); // A device cannot be given a size.
        }
        self.old_size = old_size;
        if let (There::Link, Some(place)) = (self.there, Place::of_open(&file)) {
            self.place = place; // Where its own name is, to be made durable or removed.
        }
        match leads_nowhere && old_size == 0 {
            true => Ok(self.made(file, Sure::Nearly)),
            false => Ok(file),
        }
    }

    /// Of a file that was made just now. It goes again if the system can't say what it is, if it says so the next time.
    fn of_new(&mut self, fd: OwnedFd) -> Result<File> {
        match File::known(fd) {
            Ok((file, _)) => Ok(self.made(file, Sure::Entirely)),
            Err((error, fd)) => {
                let status = status_of(fd.as_raw_fd()).ok();
                self.made = status.map(|status| (Identity::of(&status), Sure::Entirely));
                Err(error)
            }
        }
    }

    fn made(&mut self, file: File, sure: Sure) -> File {
        self.made = Some((file.identity, sure));
        file
    }

    /// Gives the file its size, all zero.
    pub fn fill(&self, file: &File, size: u64, flags: Flags) -> Result<()> {
        match self.made {
            Some((_, Sure::Entirely)) => file.fill(size, flags),
            _ => file.renew(self.old_size, size, flags),
        }
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Makes the name durable.
    pub fn sync_name(&self) -> Result<()> {
        self.place.sync()
    }

    /// The file stays.
    pub fn finish(mut self) {
        self.made = None;
    }
}

impl Drop for Creation {
    fn drop(&mut self) {
        if let Some((identity, sure)) = self.made {
            self.place.remove(identity, sure);
        }
    }
}
