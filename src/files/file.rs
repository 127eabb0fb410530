//! The file behind a mapping: what it is, and what is asked of it by its descriptor.

use crate::files::descriptor::{
    self, ALWAYS, Descriptor, duplicate, file_system_of, link_of, offset, open, open_at, seals_of,
    status_of,
};
use crate::files::identity::Identity;
use crate::os::errno::system;
use crate::os::page_size::page_size;
use crate::status::{Error, Result};
use crate::threads::fork;
use std::ffi::CStr;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// What is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file, shared memory and memfds included.
    Regular,
    /// A block device: sized, but not to be resized.
    Block,
    /// A character device: without a size.
    Character,
}

/// An open file and what it was when it was opened.
#[derive(Debug)]
pub struct File {
    fd: Descriptor,
    /// Which one, as its status has it.
    pub identity: Identity,
    /// What it is.
    pub kind: Kind,
    /// The unit in which it is mapped, in bytes.
    pub page_size: usize,
    /// The number of forks, and one more, when it was opened by a description that nobody else has; 0 when
    /// others may have it.
    sole: AtomicU32,
    /// Whether it is on tmpfs: 0 before that was asked, then 1 for no and 2 for yes.
    memory: AtomicU8,
}

impl From<File> for OwnedFd {
    fn from(file: File) -> OwnedFd {
        let fd = ManuallyDrop::new(file.fd).number();
        // SAFETY: it is open, and from here on the caller's.
        unsafe { OwnedFd::from_raw_fd(fd) }
    }
}

impl File {
    /// What has been opened by its path, if it is something that is mapped.
    pub fn of_path(opened: Result<OwnedFd>) -> Result<(File, u64)> {
        let fd = match opened {
            // Directories for writing (EISDIR), sockets (ENXIO), devices without a driver (ENODEV).
            Err(Error::System(libc::EISDIR | libc::ENXIO | libc::ENODEV)) => {
                return Err(Error::NotRegular);
            }
            other => other?,
        };
        let (file, size) = File::validated(fd)?;
        match file.kind {
            Kind::Character => Err(Error::NotRegular),
            _ => Ok((file, size)),
        }
    }

    /// A descriptor of our own for what `fd` names, with its size (0 for a character device).
    pub fn from_fd(fd: RawFd) -> Result<(File, u64)> {
        File::received(duplicate(fd)?)
    }

    /// What somebody else has opened.
    fn received(fd: OwnedFd) -> Result<(File, u64)> {
        let (file, size) = File::validated(fd)?;
        file.share_description();
        Ok((file, size))
    }

    /// The same for what is sealed against shrinking, which is asked before its size is: no seal is ever
    /// taken away.
    pub fn from_sealed_fd(fd: RawFd) -> Result<(File, u64)> {
        let own = duplicate(fd)?;
        match seals_of(own.as_raw_fd()) {
            Ok(seals) if seals & libc::F_SEAL_SHRINK != 0 => File::received(own),
            // EINVAL is what files say that can't be sealed (fcntl(2)).
            Ok(_) | Err(Error::System(libc::EINVAL)) => Err(Error::Unsealed),
            Err(error) => Err(error),
        }
    }

    /// A new file in `folder` that has no name and 0 bytes.
    pub fn unnamed(from: RawFd, folder: &CStr, mode: u32) -> Result<File> {
        let flags = libc::O_TMPFILE | libc::O_RDWR | libc::O_CLOEXEC;
        File::validated(open_at(from, folder, flags, mode)?).map(|(file, _)| file)
    }

    /// A new file of memory, with 0 bytes, that can be sealed.
    pub fn memory(name: &CStr, mode: u32) -> Result<File> {
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // SAFETY: the name is terminated, and copied.
        let fd = system(|| unsafe { libc::memfd_create(name.as_ptr(), flags) })?;
        // SAFETY: memfd_create has just given it to us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // It comes with 0777: who is handed a read-only descriptor could open it again for writing.
        // SAFETY: no memory is handed over.
        system(|| unsafe { libc::fchmod(fd.as_raw_fd(), mode) })?;
        File::validated(fd).map(|(file, _)| file)
    }

    /// What has just been opened, with its size.
    pub fn validated(fd: OwnedFd) -> Result<(File, u64)> {
        File::known(fd).map_err(|(error, _)| error)
    }

    /// The same; the descriptor again if nothing is known of it.
    pub fn known(fd: OwnedFd) -> std::result::Result<(File, u64), (Error, OwnedFd)> {
        let (mut file, size) = match File::lent(fd.as_raw_fd()) {
            Ok(known) => known,
            Err(error) => return Err((error, fd)),
        };
        let _ = fd.into_raw_fd(); // From here on it is the file's.
        file.sole = AtomicU32::new(fork::count().wrapping_add(1));
        Ok((ManuallyDrop::into_inner(file), size))
    }

    /// What `fd` names, with its size (0 for a character device). The descriptor stays the caller's.
    pub fn lent(fd: RawFd) -> Result<(ManuallyDrop<File>, u64)> {
        let status = status_of(fd)?;
        let kind = match status.st_mode & libc::S_IFMT {
            libc::S_IFREG => Kind::Regular,
            libc::S_IFBLK => Kind::Block,
            libc::S_IFCHR => Kind::Character,
            _ => return Err(Error::NotRegular),
        };
        let file = ManuallyDrop::new(File {
            identity: Identity::of(&status),
            kind,
            page_size: page_size_of(fd, &status),
            sole: AtomicU32::new(0),
            memory: AtomicU8::new(0),
            fd: Descriptor::of(fd), // Never closed by this, unless who owns it takes the file.
        });
        let size = file.size_in(&status)?;
        Ok((file, size))
    }

    fn size_in(&self, status: &libc::stat64) -> Result<u64> {
        match self.kind {
            Kind::Regular => Ok(status.st_size as u64),
            Kind::Character => Ok(0),
            Kind::Block => {
                // BLKGETSIZE64 of <linux/fs.h>, which the libc crate does not name.
                let request = libc::_IOR::<usize>(0x12, 114);
                let mut bytes = 0u64;
                // SAFETY: this request writes one 64-bit number.
                system(|| unsafe { libc::ioctl(self.fd(), request, &mut bytes) })?;
                Ok(bytes)
            }
        }
    }

    /// The descriptor, for mapping.
    pub fn fd(&self) -> RawFd {
        self.fd.number()
    }

    /// Writes the path that the file has now into `text`; how long it is. A signal handler may call it.
    pub fn path(&self, text: &mut [u8]) -> usize {
        let mut link = [0u8; 40];
        // It fits; if it didn't, there would be no such link, and so no path.
        let _ = write!(&mut link[..], "/proc/thread-self/fd/{}\0", self.fd());
        // SAFETY: the link is terminated, and the text as long as it says.
        let len =
            unsafe { libc::readlink(link.as_ptr().cast(), text.as_mut_ptr().cast(), text.len()) };
        usize::try_from(len).unwrap_or(0)
    }

    /// The size that the file has now.
    ///
    /// A program that closes all descriptors may have closed ours, and its number may be another
    /// file's by now: that is EBADF, and nothing is ever done to the wrong file.
    pub fn size(&self) -> Result<u64> {
        self.size_in(&self.status_by(self.fd())?)
    }

    /// Whether it is the one's that this thread opens files as.
    pub fn is_of_this_user(&self) -> Result<bool> {
        // SAFETY: it takes nothing and always succeeds.
        Ok(self.status_by(self.fd())?.st_uid == unsafe { libc::geteuid() })
    }

    /// How many bytes of blocks the file has, also behind its end.
    pub fn allocated(&self) -> Result<u64> {
        let status = self.status_by(self.fd())?;
        Ok((status.st_blocks as u64).saturating_mul(512)) // The unit of st_blocks (stat(3type)).
    }

    /// What the system says of the file system that the file is on.
    pub fn file_system(&self) -> Result<libc::statfs64> {
        file_system_of(self.fd())
    }

    /// Whether the file is on tmpfs: shared memory, a memfd, or a file that was put there. Where the system doesn't
    /// say it counts as on a device.
    pub fn is_memory(&self) -> bool {
        // Relaxed, both: a number, the same for every thread that asks at the same time.
        let known = self.memory.load(Ordering::Relaxed);
        if known != 0 {
            return known == 2;
        }
        let memory = self
            .file_system()
            .is_ok_and(|fs| fs.f_type == libc::TMPFS_MAGIC);
        self.memory.store(1 + u8::from(memory), Ordering::Relaxed);
        memory
    }

    /// Whether nobody else has the open file description: it was opened here, no duplicate was handed out, and no
    /// child was forked that has it too.
    pub fn is_sole(&self) -> bool {
        // Relaxed, here and below: a number.
        self.sole.load(Ordering::Relaxed) == fork::count().wrapping_add(1)
    }

    fn share_description(&self) {
        self.sole.store(0, Ordering::Relaxed);
    }

    /// What the system says of our file by `fd`; EBADF when that is another one.
    fn status_by(&self, fd: RawFd) -> Result<libc::stat64> {
        let status = status_of(fd)?;
        match self.is_of(&status) {
            true => Ok(status),
            false => Err(Error::System(libc::EBADF)),
        }
    }

    fn is_of(&self, status: &libc::stat64) -> bool {
        Identity::of(status) == self.identity
    }

    /// Whether the descriptor is known to be another file's by now, which is not ours to close.
    pub fn is_anothers(&self) -> bool {
        status_of(self.fd()).is_ok_and(|status| !self.is_of(&status))
    }

    /// A second descriptor of the same open file description. It is the duplicate that is compared: what
    /// becomes of ours meanwhile, nobody gets another file.
    pub fn duplicate(&self) -> Result<OwnedFd> {
        self.share_description();
        let duplicate = duplicate(self.fd())?;
        self.status_by(duplicate.as_raw_fd())?;
        Ok(duplicate)
    }

    /// The same file, opened again: with an open file description of its own. The system asks for
    /// permission as for any opening.
    pub fn opened_again(&self, access: i32) -> Result<File> {
        let again = File {
            fd: open(&link_of(self.fd()), access | ALWAYS, 0)?.into(),
            sole: AtomicU32::new(0),
            memory: AtomicU8::new(0),
            ..*self
        };
        self.status_by(again.fd())?;
        Ok(again)
    }

    /// Moves the position of the open file description, which nothing here reads or writes by; an error where
    /// there is no such place.
    pub fn set_position(&self, position: i64) -> Result<()> {
        // SAFETY: no memory is handed over.
        match unsafe { libc::lseek64(self.fd(), position, libc::SEEK_SET) } {
            -1 => Err(Error::last()),
            _ => Ok(()),
        }
    }

    /// Where it is.
    pub fn position(&self) -> i64 {
        // SAFETY: no memory is handed over.
        unsafe { libc::lseek64(self.fd(), 0, libc::SEEK_CUR) }
    }

    /// What the descriptor was opened for: O_RDONLY or O_RDWR.
    pub fn access(&self) -> Result<i32> {
        // SAFETY: no memory is handed over.
        let flags = system(|| unsafe { libc::fcntl(self.fd(), libc::F_GETFL) })?;
        Ok(flags & libc::O_ACCMODE)
    }

    /// EBADF when the descriptor is another file's by now; see [`File::size`].
    pub fn still_ours(&self) -> Result<()> {
        self.status_by(self.fd()).map(drop)
    }

    /// Adds seals (fcntl(2), F_ADD_SEALS); [`Error::Unsupported`] where the file system has none.
    pub fn seal(&self, seals: i32) -> Result<()> {
        self.still_ours()?;
        // SAFETY: no memory is handed over.
        match system(|| unsafe { libc::fcntl(self.fd(), libc::F_ADD_SEALS, seals) }) {
            Err(Error::System(libc::EINVAL)) => Err(Error::Unsupported),
            result => result.map(drop),
        }
    }

    /// The seals that it has; none where the file system has none.
    pub fn seals(&self) -> Result<i32> {
        self.still_ours()?;
        match seals_of(self.fd()) {
            Err(Error::System(libc::EINVAL)) => Ok(0),
            result => result,
        }
    }

    /// Has the page cache drop what it has of a range and nobody maps (posix_fadvise(2)).
    pub fn drop_cache(&self, from: u64, len: u64) -> Result<()> {
        let (from, len) = (offset(from)?, offset(len)?);
        // SAFETY: no memory is handed over. The call returns its errno itself.
        match unsafe { libc::posix_fadvise64(self.fd(), from, len, libc::POSIX_FADV_DONTNEED) } {
            0 => Ok(()),
            errno => Err(Error::System(errno)),
        }
    }

    /// Makes the contents, and the size that they need, durable.
    pub fn sync_data(&self) -> Result<()> {
        // SAFETY: no memory is handed over.
        system(|| unsafe { libc::fdatasync(self.fd()) }).map(drop)
    }

    /// Makes size and contents durable.
    pub fn sync(&self) -> Result<()> {
        descriptor::sync(self.fd())
    }
}

/// Files on hugetlbfs are mapped in huge pages, whose size is what their status calls the block size.
fn page_size_of(fd: RawFd, status: &libc::stat64) -> usize {
    let block = usize::try_from(status.st_blksize).unwrap_or(0);
    let is_huge = |fs: libc::statfs64| fs.f_type == libc::HUGETLBFS_MAGIC;
    // Asked only of those that look like it: it is one more call at every opening.
    match block > page_size() && file_system_of(fd).is_ok_and(is_huge) {
        true => block,
        false => page_size(),
    }
}
