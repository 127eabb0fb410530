//! The Rust face of a mapping: a handle that is closed when dropped.

use crate::fault::recover::{self, Fault};
use crate::handles::table::Handle;
use crate::locks::lock;
use crate::locks::ofd::Lock;
use crate::memory::mapping::Flush;
use crate::operations::access;
use crate::operations::open;
use crate::operations::paging::{self, Prefault};
use crate::operations::resize;
use crate::options::{Access, Options};
use crate::os::advice::Advice;
use crate::registry::live;
use crate::share::seals::{self, Seals};
use crate::share::shm;
use crate::status::{Error, Result};
use std::ffi::CString;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// A mapping, closed when dropped. Any thread may use it at any time.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("greeting");
/// use memmap::{Flush, Map, Options, TO_END};
///
/// let map = Map::create(&path, 4096, &Options::default())?;
/// map.write(0, b"Hello, mmap")?;
/// map.flush(0, TO_END, Flush::Sync)?; // On the device from here on.
///
/// let mut word = [0; 4];
/// map.read(7, &mut word)?;
/// assert_eq!(&word, b"mmap");
/// assert_eq!(std::fs::read(&path)?[..11], *b"Hello, mmap");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Map(Handle);

impl Map {
    /// Opens the file at `path` and maps it.
    ///
    /// # Errors
    ///
    /// The system's for a file that is missing or forbidden, [`Error::NotRegular`] for what is
    /// neither a regular file nor a block device, [`Error::Range`] for a window outside the file,
    /// [`Error::Limit`] where address space or the number of mappings ends.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Map> {
        open::open(&terminated(path.as_ref())?, options).map(Map)
    }

    /// Creates the file at `path`, or empties the one that is there, with `size` zero bytes whose
    /// blocks are reserved, and maps it.
    ///
    /// # Errors
    ///
    /// As [`Map::open`], and the system's for a disk that is full (ENOSPC); [`Error::Limit`] for more
    /// than RLIMIT_FSIZE allows. A new file is removed again.
    pub fn create(path: impl AsRef<Path>, size: u64, options: &Options) -> Result<Map> {
        open::create(&terminated(path.as_ref())?, size, options).map(Map)
    }

    /// Maps the file that `fd` names; the mapping keeps a descriptor of its own.
    ///
    /// # Errors
    ///
    /// As [`Map::open`].
    pub fn from_fd(fd: impl AsFd, options: &Options) -> Result<Map> {
        open::from_fd(fd.as_fd().as_raw_fd(), options).map(Map)
    }

    /// Maps `size` zero bytes without a file.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] where memory or address space ends.
    pub fn anonymous(size: u64, options: &Options) -> Result<Map> {
        open::anonymous(size, options).map(Map)
    }

    /// Maps the shared memory of that name (shm_overview(7)); where there is none and `size` is not 0, it
    /// is made with that size.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a name that is none, and as [`Map::open`].
    pub fn shared(name: &str, size: u64, options: &Options) -> Result<Map> {
        shm::open(&terminated(name.as_ref())?, size, options).map(Map)
    }

    /// Maps `size` zero bytes of shared memory without a name, for whoever is handed its
    /// [descriptor](Map::descriptor).
    ///
    /// # Errors
    ///
    /// As [`Map::anonymous`].
    pub fn memfd(name: &str, size: u64, options: &Options) -> Result<Map> {
        shm::memfd(&terminated(name.as_ref())?, size, options).map(Map)
    }

    /// The handle, for the functions of the C ABI. It is closed with the map.
    pub fn handle(&self) -> Handle {
        self.0
    }

    /// The length in bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Handle`] if somebody has closed the handle by the C ABI, here and in every method.
    pub fn len(&self) -> Result<u64> {
        live::pin(self.0).map(|mapping| mapping.len() as u64)
    }

    /// Whether there are no bytes.
    ///
    /// # Errors
    ///
    /// As [`Map::len`].
    pub fn is_empty(&self) -> Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// Copies the bytes from `offset` on into `to`, all of it.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] when that many aren't there; nothing is copied then.
    pub fn read(&self, offset: u64, to: &mut [u8]) -> Result<()> {
        // SAFETY: `to` is as long as it says.
        unsafe { access::read(self.0, offset, to.as_mut_ptr(), to.len() as u64) }
    }

    /// Copies `from` to `offset`, all of it.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] when there is not that much room, [`Error::Access`] on a read-only mapping;
    /// nothing is copied then.
    pub fn write(&self, offset: u64, from: &[u8]) -> Result<()> {
        // SAFETY: `from` is as long as it says.
        unsafe { access::write(self.0, offset, from.as_ptr(), from.len() as u64) }
    }

    /// Sets `len` bytes from `offset` on ([`TO_END`](crate::TO_END): all that follow) to `byte`.
    ///
    /// # Errors
    ///
    /// As [`Map::write`].
    pub fn fill(&self, offset: u64, len: u64, byte: u8) -> Result<()> {
        access::fill(self.0, offset, len, byte)
    }

    /// Copies `len` bytes from `from` to `to`; the ranges may overlap.
    ///
    /// # Errors
    ///
    /// As [`Map::write`].
    pub fn move_within(&self, to: u64, from: u64, len: u64) -> Result<()> {
        access::move_within(self.0, to, from, len)
    }

    /// Where `needle` first begins at or after `from` and ends at or before `to`
    /// ([`TO_END`](crate::TO_END): the end); an empty one at `from`.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] when `from` or `to` lies outside.
    pub fn find(&self, from: u64, to: u64, needle: &[u8]) -> Result<Option<u64>> {
        access::find(self.0, from, to, needle)
    }

    /// Where it last does; an empty one at `to`.
    ///
    /// # Errors
    ///
    /// As [`Map::find`].
    pub fn find_last(&self, from: u64, to: u64, needle: &[u8]) -> Result<Option<u64>> {
        access::find_last(self.0, from, to, needle)
    }

    /// Tells the kernel what will be done with the pages that hold a range, or what to do with them.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for what means nothing for this kind of memory, [`Error::Access`] for
    /// [`Advice::DontNeed`] on private memory, whose bytes it would throw away.
    pub fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<()> {
        paging::advise(self.0, offset, len, advice)
    }

    /// Brings the pages that hold a range in, and waits for it.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] when memory has no room for so much, [`Error::Fault`] when a page is lost.
    pub fn prefault(&self, offset: u64, len: u64, what_for: Prefault) -> Result<()> {
        paging::prefault(self.0, offset, len, what_for)
    }

    /// How many of the pages that hold a range are in memory.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] when it lies outside.
    pub fn residency(&self, offset: u64, len: u64) -> Result<u64> {
        paging::residency(self.0, offset, len, |_| {})
    }

    /// Keeps the pages that hold a range in memory.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] when RLIMIT_MEMLOCK or memory has no room for so much.
    pub fn lock_memory(&self, offset: u64, len: u64) -> Result<()> {
        paging::lock_memory(self.0, offset, len)
    }

    /// Lets them go again.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] when it lies outside.
    pub fn unlock_memory(&self, offset: u64, len: u64) -> Result<()> {
        paging::unlock_memory(self.0, offset, len)
    }

    /// Allows reading only, or all that the mapping was opened for.
    ///
    /// # Errors
    ///
    /// [`Error::Access`] for more than that, [`Error::Busy`] while it is pinned.
    pub fn protect(&self, access: Access) -> Result<()> {
        paging::protect(self.0, access)
    }

    /// Writes the pages back that hold `len` bytes from `offset` on
    /// ([`TO_END`](crate::TO_END): all that follow).
    ///
    /// # Errors
    ///
    /// The system's when writing fails, [`Error::Access`] on a copy-on-write mapping,
    /// [`Error::Unsupported`] without a file.
    pub fn flush(&self, offset: u64, len: u64, how: Flush) -> Result<()> {
        access::flush(self.0, offset, len, how)
    }

    /// Gives the mapping and its file another length; new bytes are zero. Growing loses nothing that others append
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when it is pinned and would be moved or cut, [`Error::Fault`] when pages are lost or the file
    /// has become too short for the bytes that stay.
    pub fn resize(&self, len: u64) -> Result<()> {
        resize::resize(self.0, len)
    }

    /// Takes the size that the file has now as the mapping's length.
    ///
    /// # Errors
    ///
    /// As [`Map::resize`].
    pub fn refresh(&self) -> Result<u64> {
        resize::refresh(self.0)
    }

    /// What of the mapping was lost, if the [guard](crate::install_guard) had to put zero pages there.
    ///
    /// # Errors
    ///
    /// As [`Map::len`].
    pub fn fault(&self) -> Result<Fault> {
        recover::fault(self.0)
    }

    /// Whether all of `len` bytes from `offset` on ([`TO_END`](crate::TO_END): all that follow) are those
    /// of the file; to be asked after reading or writing by the pointer of a [`View`].
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] when one of them was lost.
    pub fn check(&self, offset: u64, len: u64) -> Result<()> {
        access::check(self.0, offset, len)
    }

    /// Maps the file's pages back where they were lost, and forgets a flush that failed. What was
    /// written into the stand-in pages is gone.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] while the file is too short, [`Error::Unsupported`] without its descriptor.
    pub fn recover(&self) -> Result<()> {
        recover::recover(self.0)
    }

    /// A descriptor of the mapping's file, opened for what the mapping was.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] where there is no file or its descriptor wasn't kept; EBADF when somebody
    /// closed the mapping's descriptor.
    pub fn descriptor(&self) -> Result<OwnedFd> {
        shm::descriptor(self.0)
    }

    /// A descriptor that allows reading only, whatever the mapping's own allows.
    ///
    /// # Errors
    ///
    /// As [`Map::descriptor`], and EACCES when this process may not read the file any more.
    pub fn read_only_descriptor(&self) -> Result<OwnedFd> {
        shm::read_only_descriptor(self.0)
    }

    /// Adds seals to the mapping's memory file.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for what can't be sealed, EPERM when it may not be, EBUSY for
    /// [`Seals::WRITE`] while it is mapped for writing.
    pub fn seal(&self, seals: Seals) -> Result<()> {
        seals::seal(self.0, seals)
    }

    /// The seals that the mapping's file has.
    ///
    /// # Errors
    ///
    /// As [`Map::descriptor`].
    pub fn seals(&self) -> Result<Seals> {
        seals::seals(self.0)
    }

    /// Locks a range ([`TO_END`](crate::TO_END): to the end of the file, wherever that moves) against other
    /// processes and other threads that lock it, as soon as it is free; None waits for ever. First come,
    /// first served by this map; there is no upgrade from shared to exclusive.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`], and [`Error::Access`] for an exclusive lock without write access.
    pub fn lock(&self, offset: u64, len: u64, how: Lock, timeout: Option<Duration>) -> Result<()> {
        lock::lock(self.0, offset, len, how, timeout)
    }

    /// Gives back what was locked by the same numbers, from any thread.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when nothing is locked so.
    pub fn unlock(&self, offset: u64, len: u64) -> Result<()> {
        lock::unlock(self.0, offset, len)
    }

    /// Pins the mapping: the pointer is good until the answer is dropped, whatever other threads do.
    ///
    /// # Errors
    ///
    /// As [`Map::len`].
    pub fn pin(&self) -> Result<View<'_>> {
        let (data, len) = live::view(self.0)?;
        Ok(View {
            data,
            len,
            handle: self.0,
            map: PhantomData,
        })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // A handle closed by the C ABI is closed already.
        let _ = live::close(self.0);
    }
}

/// The bytes of a pinned mapping, as a pointer: other processes may write to them at any time.
#[derive(Debug)]
pub struct View<'m> {
    data: *mut u8,
    len: usize,
    handle: Handle,
    map: PhantomData<&'m Map>,
}

impl View<'_> {
    /// The first byte.
    pub fn as_ptr(&self) -> *mut u8 {
        self.data
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        // Ours is given back once, so it is there.
        let _ = live::unview(self.handle);
    }
}

fn terminated(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::Invalid)
}
