//! The file behind a mapping: opened so that it cannot block, validated, sized with real blocks.

use crate::advice::Advice;
use crate::options::{Access, Flags, Options};
use crate::range::page_size;
use crate::status::{Error, Result, system};
use crate::system::limit;
use std::ffi::{CStr, CString};
use std::io::Write;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::{ffi::OsStr, path::Path};

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
    fd: OwnedFd,
    device: u64,
    inode: u64,
    /// What it is.
    pub kind: Kind,
    /// The unit in which it is mapped, in bytes.
    pub page_size: usize,
}

impl From<File> for OwnedFd {
    fn from(file: File) -> OwnedFd {
        file.fd
    }
}

/// O_NONBLOCK, so that a FIFO without a writer answers at once; it means nothing to the files that
/// are kept. O_NOCTTY, so that a terminal is refused without becoming ours.
const ALWAYS: i32 = libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;

fn offset(bytes: u64) -> Result<libc::off64_t> {
    libc::off64_t::try_from(bytes).map_err(|_| Error::Limit)
}

fn open(path: &CStr, flags: i32, mode: u32) -> Result<OwnedFd> {
    // SAFETY: the path is terminated, and open keeps nothing of it.
    let fd = system(|| unsafe { libc::open64(path.as_ptr(), flags, mode) })?;
    // SAFETY: open has just given it to us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn duplicate(fd: RawFd) -> Result<OwnedFd> {
    // SAFETY: fcntl takes any number as a descriptor.
    let own = system(|| unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) })?;
    // SAFETY: fcntl has just given it to us.
    Ok(unsafe { OwnedFd::from_raw_fd(own) })
}

/// The name under which procfs has a descriptor of this process.
fn link_of(fd: RawFd) -> CString {
    CString::new(format!("/proc/self/fd/{fd}")).expect("there is no NUL in it")
}

/// Gives the file of a descriptor, which has no name so far, that one; EEXIST where there is one.
pub fn give_name(fd: &OwnedFd, path: &CStr) -> Result<()> {
    let link = link_of(fd.as_raw_fd());
    // By its link: AT_EMPTY_PATH would take a privilege (open(2), O_TMPFILE).
    // SAFETY: both paths are terminated.
    let named = || unsafe {
        let here = libc::AT_FDCWD;
        libc::linkat(
            here,
            link.as_ptr(),
            here,
            path.as_ptr(),
            libc::AT_SYMLINK_FOLLOW,
        )
    };
    system(named).map(drop)
}

fn seals_of(fd: RawFd) -> Result<i32> {
    // SAFETY: fcntl takes any number as a descriptor.
    system(|| unsafe { libc::fcntl(fd, libc::F_GET_SEALS) })
}

fn status_of(fd: RawFd) -> Result<libc::stat64> {
    let mut status = MaybeUninit::uninit();
    // SAFETY: fstat fills the struct when it answers 0, and reads nothing of ours.
    system(|| unsafe { fstat(fd, status.as_mut_ptr()) })?;
    // SAFETY: it did.
    Ok(unsafe { status.assume_init() })
}

/// The C library's asks newfstatat(2) with an empty path, which the kernel has to look at first: a tenth
/// slower, and every opening asks once. Here its struct is the kernel's.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
unsafe fn fstat(fd: RawFd, status: *mut libc::stat64) -> i32 {
    // SAFETY: the caller's.
    unsafe { libc::syscall(libc::SYS_fstat, fd, status) as i32 }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use libc::fstat64 as fstat;

impl File {
    /// Opens the existing file at `path` for what the options ask, with its size.
    pub fn open(path: &CStr, options: &Options) -> Result<(File, u64)> {
        let writes = match options.access {
            Access::ReadWrite => libc::O_RDWR,
            _ => libc::O_RDONLY,
        };
        let (file, size) = File::open_for(path, writes | no_follow(options))?;
        if options.advice == Advice::Sequential {
            file.read_further_ahead();
        }
        Ok((file, size))
    }

    /// Doubles how far the kernel reads ahead, which MADV_SEQUENTIAL leaves as it is: the mapping faults
    /// through the open file description that it was made with (mm/filemap.c, page_cache_sync_ra). Only for
    /// one that is ours alone. Nobody depends on it, so an error is not told.
    fn read_further_ahead(&self) {
        // SAFETY: it takes numbers.
        unsafe { libc::posix_fadvise(self.fd(), 0, 0, libc::POSIX_FADV_SEQUENTIAL) };
    }

    fn open_for(path: &CStr, flags: i32) -> Result<(File, u64)> {
        let fd = match open(path, flags | ALWAYS, 0) {
            // Directories for writing (EISDIR), sockets (ENXIO), devices without a driver (ENODEV).
            Err(Error::System(libc::EISDIR | libc::ENXIO | libc::ENODEV)) => {
                return Err(Error::NotRegular);
            }
            // With O_NONBLOCK a file that somebody holds a lease on answers this; only regular files
            // have leases, and without O_NONBLOCK the lease is broken in bounded time (fcntl(2)).
            Err(Error::System(libc::EWOULDBLOCK)) => open(path, flags | libc::O_CLOEXEC, 0)?,
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
        File::validated(duplicate(fd)?)
    }

    /// The same for what is sealed against shrinking, which is asked before its size is: no seal is ever
    /// taken away.
    pub fn from_sealed_fd(fd: RawFd) -> Result<(File, u64)> {
        let own = duplicate(fd)?;
        match seals_of(own.as_raw_fd()) {
            Ok(seals) if seals & libc::F_SEAL_SHRINK != 0 => File::validated(own),
            // EINVAL is what files say that can't be sealed (fcntl(2)).
            Ok(_) | Err(Error::System(libc::EINVAL)) => Err(Error::Unsealed),
            Err(error) => Err(error),
        }
    }

    /// A new file in `folder` that has no name and 0 bytes.
    pub fn unnamed(folder: &CStr, mode: u32) -> Result<File> {
        let flags = libc::O_TMPFILE | libc::O_RDWR | libc::O_CLOEXEC;
        File::validated(open(folder, flags, mode)?).map(|(file, _)| file)
    }

    /// A new file of memory, with 0 bytes, that can be sealed.
    pub fn memory(name: &CStr, mode: u32) -> Result<File> {
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // SAFETY: the name is terminated, and copied.
        let fd = system(|| unsafe { libc::memfd_create(name.as_ptr(), flags) })?;
        // SAFETY: memfd_create has just given it to us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // It comes with 0777: whoever is handed a read-only descriptor could open it again for writing.
        // SAFETY: no memory is handed over.
        system(|| unsafe { libc::fchmod(fd.as_raw_fd(), mode) })?;
        File::validated(fd).map(|(file, _)| file)
    }

    fn validated(fd: OwnedFd) -> Result<(File, u64)> {
        let (file, size) = File::lent(fd.as_raw_fd())?;
        let _ = fd.into_raw_fd(); // From here on it is the file's.
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
        let (device, inode) = (status.st_dev, status.st_ino);
        let file = ManuallyDrop::new(File {
            device,
            inode,
            kind,
            page_size: page_size_of(fd, &status),
            // SAFETY: it is never closed by this, unless who owns it takes the file.
            fd: unsafe { OwnedFd::from_raw_fd(fd) },
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
                system(|| unsafe { libc::ioctl(self.fd.as_raw_fd(), request, &mut bytes) })?;
                Ok(bytes)
            }
        }
    }

    /// The descriptor, for mapping.
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Writes the path that the file has now into `text`; how long it is. A signal handler may call it.
    pub fn path(&self, text: &mut [u8]) -> usize {
        let mut link = [0u8; 32];
        // It fits; if it didn't, there would be no such link, and so no path.
        let _ = write!(&mut link[..], "/proc/self/fd/{}\0", self.fd());
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

    /// What the system says of our file by `fd`; EBADF when that is another one.
    fn status_by(&self, fd: RawFd) -> Result<libc::stat64> {
        let status = status_of(fd)?;
        match (status.st_dev, status.st_ino) == (self.device, self.inode) {
            true => Ok(status),
            false => Err(Error::System(libc::EBADF)),
        }
    }

    /// A second descriptor of the same open file description. It is the duplicate that is compared: what
    /// becomes of ours meanwhile, nobody gets another file.
    pub fn duplicate(&self) -> Result<OwnedFd> {
        let duplicate = duplicate(self.fd())?;
        self.status_by(duplicate.as_raw_fd())?;
        Ok(duplicate)
    }

    /// The same file, opened again: with an open file description of its own. The system asks for
    /// permission as for any opening.
    pub fn opened_again(&self, access: i32) -> Result<File> {
        let again = File {
            fd: open(&link_of(self.fd()), access | ALWAYS, 0)?,
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
            answer => answer.map(drop),
        }
    }

    /// The seals that it has; none where the file system has none.
    pub fn seals(&self) -> Result<i32> {
        self.still_ours()?;
        match seals_of(self.fd()) {
            Err(Error::System(libc::EINVAL)) => Ok(0),
            answer => answer,
        }
    }

    /// Cuts the file, or lengthens it with a hole.
    pub fn truncate(&self, size: u64) -> Result<()> {
        let size = offset(size)?;
        // SAFETY: no memory is handed over.
        system(|| unsafe { libc::ftruncate64(self.fd(), size) }).map(drop)
    }

    /// Lengthens the file from `from`, its present size, to `to`; the new bytes are zero. Blocks are
    /// reserved unless `flags` have SPARSE. A failure leaves the file as it was.
    pub fn grow(&self, from: u64, to: u64, flags: Flags) -> Result<()> {
        within_file_size_limit(to)?;
        self.clear_tail(from)?;
        if flags.has(Flags::SPARSE) {
            return self.truncate(to);
        }
        self.reserve(from, to)
            .inspect_err(|_| self.release(from, to))
    }

    /// Takes back what a failed `reserve` left: ext4 has moved the end of the file by then, and
    /// tmpfs keeps blocks behind the end, which only a truncation that changes the size frees.
    fn release(&self, from: u64, to: u64) {
        // The failure that is being answered is the one to tell; these need no space.
        let _ = self.truncate(to).and_then(|()| self.truncate(from));
    }

    fn reserve(&self, from: u64, to: u64) -> Result<()> {
        if self.allocate(0, from, to)? {
            return Ok(());
        }
        self.write_zeros(from, to)
    }

    /// fallocate(2) of `from .. to`; false where the file system does not have that mode.
    fn allocate(&self, mode: i32, from: u64, to: u64) -> Result<bool> {
        if from >= to {
            return Ok(true); // fallocate refuses a length of 0.
        }
        let (start, len) = (offset(from)?, offset(to - from)?);
        // SAFETY: no memory is handed over.
        match system(|| unsafe { libc::fallocate64(self.fd(), mode, start, len) }) {
            Ok(_) => Ok(true),
            Err(Error::System(libc::EOPNOTSUPP | libc::ENOSYS)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The reservation of file systems without fallocate: real bytes.
    fn write_zeros(&self, from: u64, to: u64) -> Result<()> {
        static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
        let mut at = from;
        while at < to {
            let len = (to - at).min(ZEROS.len() as u64) as usize;
            let start = offset(at)?;
            // SAFETY: ZEROS is at least `len` long.
            let written = unsafe { libc::pwrite64(self.fd(), ZEROS.as_ptr().cast(), len, start) };
            match u64::try_from(written) {
                Ok(written) => at += written,
                Err(_) if Error::last() == Error::System(libc::EINTR) => {}
                Err(_) => return Err(Error::last()),
            }
        }
        Ok(())
    }

    /// Zeroes what lies between the end of the file and the end of its last page. tmpfs keeps bytes
    /// that a mapping wrote there and shows them when the file grows; others clear them themselves,
    /// so it is no failure when they don't punch holes.
    fn clear_tail(&self, size: u64) -> Result<()> {
        let end = size.next_multiple_of(page_size() as u64);
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        self.allocate(mode, size, end).map(drop)
    }

    /// Gives the file the size `to` and makes all of it zero, whatever it held; `from` is its present
    /// size. As long as space is what is missing, the old contents stay.
    fn renew(&self, from: u64, to: u64, flags: Flags) -> Result<()> {
        within_file_size_limit(to)?;
        if flags.has(Flags::SPARSE) {
            return self.truncate(0).and_then(|()| self.truncate(to));
        }
        // First the blocks, behind what is there; only when all are had, the contents go.
        let reserved = self.allocate(libc::FALLOC_FL_KEEP_SIZE, 0, to);
        if reserved.is_err() && to > from {
            self.release(from, to);
        }
        if reserved? && self.allocate(libc::FALLOC_FL_ZERO_RANGE, 0, to)? {
            return self.truncate(to);
        }
        // Without ZERO_RANGE (tmpfs) the blocks are freed and taken again.
        self.truncate(0)?;
        self.reserve(0, to).inspect_err(|_| self.release(0, to))
    }

    /// Has the page cache drop what it has of a range and nobody maps (posix_fadvise(2)).
    pub fn drop_cache(&self, from: u64, len: u64) -> Result<()> {
        let (from, len) = (offset(from)?, offset(len)?);
        // SAFETY: no memory is handed over. The call answers its errno itself.
        match unsafe { libc::posix_fadvise64(self.fd(), from, len, libc::POSIX_FADV_DONTNEED) } {
            0 => Ok(()),
            errno => Err(Error::System(errno)),
        }
    }

    /// Makes the contents, and the size that they need, durable.
    pub fn sync_data(&self) -> Result<()> {
        self.size()?; // Of the right file: see there.
        // SAFETY: no memory is handed over.
        system(|| unsafe { libc::fdatasync(self.fd()) }).map(drop)
    }

    /// Makes size and contents durable.
    pub fn sync(&self) -> Result<()> {
        // SAFETY: no memory is handed over.
        system(|| unsafe { libc::fsync(self.fd()) }).map(drop)
    }
}

/// Files on hugetlbfs are mapped in huge pages, whose size is what their status calls the block size.
fn page_size_of(fd: RawFd, status: &libc::stat64) -> usize {
    let block = usize::try_from(status.st_blksize).unwrap_or(0);
    let mut fs = MaybeUninit::<libc::statfs64>::uninit();
    // Asked only of those that look like it: it is one more call at every opening.
    // SAFETY: fstatfs fills the struct when it answers 0.
    let told = block > page_size() && unsafe { libc::fstatfs64(fd, fs.as_mut_ptr()) } == 0;
    // SAFETY: it did.
    match told && unsafe { fs.assume_init() }.f_type == libc::HUGETLBFS_MAGIC {
        true => block,
        false => page_size(),
    }
}

fn no_follow(options: &Options) -> i32 {
    match options.flags.has(Flags::NO_FOLLOW) {
        true => libc::O_NOFOLLOW,
        false => 0,
    }
}

/// Past RLIMIT_FSIZE the kernel would send SIGXFSZ (setrlimit(2)): refused before it comes to that.
fn within_file_size_limit(size: u64) -> Result<()> {
    match size <= limit(libc::RLIMIT_FSIZE)? {
        true => Ok(()),
        false => Err(Error::Limit),
    }
}

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
                Ok(fd) => return Creation::of(path, File::validated(fd)?, true),
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
            true => file.grow(0, size, flags)?,
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
