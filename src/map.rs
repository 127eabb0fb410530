//! The Rust API of a mapping: a handle that is closed when dropped.

use crate::atfork;
use crate::bytes::Bytes;
use crate::fault::recover::{self, Fault};
use crate::handles::table::Handle;
use crate::locks::lock;
use crate::locks::ofd::Lock;
use crate::memory::flush::Flush;
use crate::operations::access;
use crate::operations::close::close;
use crate::operations::commits;
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
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// Every program that uses the library from Rust links this file, and so the fork hooks.
#[used]
static HOOKS: &extern "C" fn() = &atfork::AT_LOAD;

/// A mapping. It is closed when dropped, and any thread may use it at any time.
///
/// Each method fails with [`Error::Handle`] if other code has closed the [handle](Map::handle)
/// through the C ABI, and with [`Error::Fault`] if it touches a byte that was lost; `# Errors`
/// lists what is particular to a method.
///
/// # Examples
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
    /// Fails with the system's error if the file is missing or may not be opened, with
    /// [`Error::NotRegular`] if it is neither a regular file nor a block device, with
    /// [`Error::Range`] if the offset or length of `options` lies outside the file, and with
    /// [`Error::Limit`] if address space or the number of mappings is used up.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("log");
    /// # std::fs::write(&path, b"one line\n")?;
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::open(&path, &Options::default())?; // Read-only, all of it.
    /// assert_eq!(map.len()?, 9);
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Map> {
        open::open(&terminated(path.as_ref())?, options).map(Map)
    }

    /// Creates the file at `path` with `size` zero bytes, reserves blocks for them, and maps it. A
    /// file that exists is emptied first, unless [`Flags::EXCLUSIVE`](crate::Flags::EXCLUSIVE)
    /// refuses it.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::open`], with ENOSPC if the disk is full, and with [`Error::Limit`] if `size`
    /// exceeds RLIMIT_FSIZE. A call that fails leaves no new file.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("table");
    /// use memmap::{Flags, Map, Options};
    ///
    /// let options = Options { flags: Flags::EXCLUSIVE, ..Options::default() };
    /// let map = Map::create(&path, 1 << 20, &options)?;
    /// assert!(Map::create(&path, 1 << 20, &options).is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn create(path: impl AsRef<Path>, size: u64, options: &Options) -> Result<Map> {
        open::create(&terminated(path.as_ref())?, size, options).map(Map)
    }

    /// Maps the file of the descriptor `fd`. The mapping keeps a descriptor of its own.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::open`], and with EACCES if `fd` was opened for less than the access that
    /// `options` ask for.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// file.set_len(100)?;
    /// let map = Map::from_fd(&file, &Options::default())?;
    /// drop(file);
    /// assert_eq!(map.len()?, 100);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_fd(fd: impl AsFd, options: &Options) -> Result<Map> {
        open::from_fd(fd.as_fd().as_raw_fd(), options).map(Map)
    }

    /// Maps `size` zero bytes without a file.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Limit`] if memory or address space has no room for them.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::anonymous(4096, &Options::default())?;
    /// map.write(0, b"scratch")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn anonymous(size: u64, options: &Options) -> Result<Map> {
        open::anonymous(size, options).map(Map)
    }

    /// Maps the shared memory object `name` (shm_overview(7)). If there is none and `size` is not
    /// 0, the object is created with that size.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Invalid`] if `name` is invalid, and as [`Map::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let name = &format!("memmap-doc-{}", std::process::id());
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::shared(name, 4096, &Options::default())?;
    /// map.write(0, b"for other processes")?;
    /// memmap::unlink_shared(&std::ffi::CString::new(name.as_str())?)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn shared(name: &str, size: u64, options: &Options) -> Result<Map> {
        shm::open(&terminated(name.as_ref())?, size, options).map(Map)
    }

    /// Maps `size` zero bytes of shared memory that has no name in any file system. A process that
    /// receives its [descriptor](Map::descriptor) can map it.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::anonymous`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::memfd("frames", 1 << 20, &Options::default())?;
    /// let descriptor = map.descriptor()?; // To be sent to another process.
    /// # Ok(())
    /// # }
    /// ```
    pub fn memfd(name: &str, size: u64, options: &Options) -> Result<Map> {
        shm::memfd(&terminated(name.as_ref())?, size, options).map(Map)
    }

    /// Returns the handle, for the functions of the C ABI. It is closed with the map.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::anonymous(10, &Options::default())?;
    /// assert_ne!(map.handle().0, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn handle(&self) -> Handle {
        self.0
    }

    /// Returns the length in bytes.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Handle`] if other code has closed the handle through the C ABI.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// assert_eq!(Map::anonymous(10, &Options::default())?.len()?, 10);
    /// # Ok(())
    /// # }
    /// ```
    pub fn len(&self) -> Result<u64> {
        live::pin(self.0).map(|mapping| mapping.len() as u64)
    }

    /// Returns whether the length is 0.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::len`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// assert!(Map::anonymous(0, &Options::default())?.is_empty()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_empty(&self) -> Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// Copies the bytes from `offset` on into `to`, and fills all of it.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Range`] if the mapping does not hold that many bytes; nothing is copied
    /// then.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Error, Map, Options};
    ///
    /// let map = Map::anonymous(10, &Options::default())?;
    /// let mut bytes = [1; 4];
    /// map.read(6, &mut bytes)?;
    /// assert_eq!(bytes, [0; 4]);
    /// assert_eq!(map.read(7, &mut bytes), Err(Error::Range));
    /// # Ok(())
    /// # }
    /// ```
    pub fn read(&self, offset: u64, to: &mut [u8]) -> Result<()> {
        // SAFETY: `to` is valid for writes of its length.
        unsafe { access::read(self.0, offset, to.as_mut_ptr(), to.len() as u64) }
    }

    /// Copies `from` into the mapping, at `offset`: all of it.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Range`] if the mapping does not hold that many bytes, and with
    /// [`Error::Access`] if it is read-only; nothing is copied then.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::anonymous(10, &Options::default())?;
    /// map.write(6, b"four")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn write(&self, offset: u64, from: &[u8]) -> Result<()> {
        // SAFETY: `from` is valid for reads of its length.
        unsafe { access::write(self.0, offset, from.as_ptr(), from.len() as u64) }
    }

    /// Sets `len` bytes, from `offset` on ([`TO_END`](crate::TO_END): all that follow), to `byte`.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::write`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options, TO_END};
    ///
    /// let map = Map::anonymous(10, &Options::default())?;
    /// map.fill(3, TO_END, b'-')?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn fill(&self, offset: u64, len: u64, byte: u8) -> Result<()> {
        access::fill(self.0, offset, len, byte)
    }

    /// Copies `len` bytes from offset `from` to offset `to`. The ranges may overlap.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::write`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::anonymous(10, &Options::default())?;
    /// map.write(0, b"abc")?;
    /// map.move_within(1, 0, 3)?;
    /// let mut bytes = [0; 4];
    /// map.read(0, &mut bytes)?;
    /// assert_eq!(&bytes, b"aabc");
    /// # Ok(())
    /// # }
    /// ```
    pub fn move_within(&self, to: u64, from: u64, len: u64) -> Result<()> {
        access::move_within(self.0, to, from, len)
    }

    /// Returns the offset of the first occurrence of `needle` that begins at `from` or later and
    /// ends at `to` or earlier ([`TO_END`](crate::TO_END): the end), or None. An empty needle is
    /// found at `from`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Range`] if `from` or `to` lies outside the mapping.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options, TO_END};
    ///
    /// let map = Map::anonymous(100, &Options::default())?;
    /// map.write(40, b"needle")?;
    /// assert_eq!(map.find(0, TO_END, b"needle")?, Some(40));
    /// assert_eq!(map.find(41, TO_END, b"needle")?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn find(&self, from: u64, to: u64, needle: &[u8]) -> Result<Option<u64>> {
        access::find(self.0, from, to, needle)
    }

    /// Returns the offset of the last occurrence of `needle` in the range, or None. An empty needle
    /// is found at `to`.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::find`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options, TO_END};
    ///
    /// let map = Map::anonymous(100, &Options::default())?;
    /// map.write(0, b"\n one \n two")?;
    /// assert_eq!(map.find_last(0, TO_END, b"\n")?, Some(6));
    /// # Ok(())
    /// # }
    /// ```
    pub fn find_last(&self, from: u64, to: u64, needle: &[u8]) -> Result<Option<u64>> {
        access::find_last(self.0, from, to, needle)
    }

    /// Tells the kernel how the pages that hold a range will be used, or what to do with them
    /// (madvise(2)).
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Unsupported`] if the advice has no meaning for this kind of memory, and
    /// with [`Error::Access`] for [`Advice::DontNeed`] on private memory, whose bytes it would
    /// discard.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Advice, Map, Options, TO_END};
    ///
    /// let map = Map::anonymous(1 << 20, &Options::default())?;
    /// map.advise(0, TO_END, Advice::Random)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<()> {
        paging::advise(self.0, offset, len, advice)
    }

    /// Brings the pages that hold a range into memory and waits for them.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Limit`] if memory has no room for them, and with [`Error::Fault`] if a
    /// page is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options, Prefault, TO_END};
    ///
    /// let map = Map::anonymous(1 << 20, &Options::default())?;
    /// map.prefault(0, TO_END, Prefault::Write)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn prefault(&self, offset: u64, len: u64, what_for: Prefault) -> Result<()> {
        paging::prefault(self.0, offset, len, what_for)
    }

    /// Returns how many of the pages that hold a range are in memory.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Range`] if the range lies outside the mapping.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options, TO_END};
    ///
    /// let map = Map::anonymous(1 << 20, &Options::default())?;
    /// map.fill(0, TO_END, 1)?;
    /// assert!(map.residency(0, TO_END)? > 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn residency(&self, offset: u64, len: u64) -> Result<u64> {
        paging::residency(self.0, offset, len, |_| {})
    }

    /// Keeps the pages that hold a range in memory (mlock(2)).
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Limit`] if RLIMIT_MEMLOCK or memory has no room for them.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::anonymous(4096, &Options::default())?;
    /// map.lock_memory(0, 32)?; // A key that must not be swapped out.
    /// # Ok(())
    /// # }
    /// ```
    pub fn lock_memory(&self, offset: u64, len: u64) -> Result<()> {
        paging::lock_memory(self.0, offset, len)
    }

    /// Unlocks the pages that hold a range.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Range`] if the range lies outside the mapping.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options, TO_END};
    ///
    /// let map = Map::anonymous(4096, &Options::default())?;
    /// map.lock_memory(0, TO_END)?;
    /// map.unlock_memory(0, TO_END)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn unlock_memory(&self, offset: u64, len: u64) -> Result<()> {
        paging::unlock_memory(self.0, offset, len)
    }

    /// Removes write access, or restores the access that the mapping was opened with.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Access`] for more than that, and with [`Error::Busy`] while the mapping
    /// is pinned.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Access, Error, Map, Options};
    ///
    /// let map = Map::anonymous(10, &Options::default())?;
    /// map.protect(Access::ReadOnly)?;
    /// assert_eq!(map.write(0, b"x"), Err(Error::Access));
    /// map.protect(Access::ReadWrite)?;
    /// map.write(0, b"x")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn protect(&self, access: Access) -> Result<()> {
        paging::protect(self.0, access)
    }

    /// Writes back the changed pages among those that hold `len` bytes from `offset` on
    /// ([`TO_END`](crate::TO_END): all that follow). After [`Flush::Sync`] they are on the device.
    ///
    /// # Errors
    ///
    /// Fails with the system's error if the write-back fails, with [`Error::Access`] on a
    /// copy-on-write mapping, and with [`Error::Unsupported`] without a file. A failed
    /// [`Flush::Sync`] is remembered: later ones fail too until [`Map::recover`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("account");
    /// use memmap::{Flush, Map, Options};
    ///
    /// let map = Map::create(&path, 4096, &Options::default())?;
    /// map.write(0, b"100")?;
    /// map.flush(0, 3, Flush::Sync)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn flush(&self, offset: u64, len: u64, how: Flush) -> Result<()> {
        access::flush(self.0, offset, len, how)
    }

    /// Makes everything that was changed since the last commit durable in the file of a mapping of
    /// [`Flags::ATOMIC`](crate::Flags::ATOMIC), its length too: after a crash at any moment the file is as
    /// the last commit that succeeded made it, or as the one that was under way would have.
    ///
    /// A store of another thread during the call is in this commit or in the next one.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Unsupported`] for other mappings and in a child of fork, with [`Error::Fault`] if
    /// bytes were lost or others have changed the length of the file, and with the system's error. A call
    /// that fails changes nothing. A failure of the device is returned by later calls too until
    /// [`Map::recover`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("accounts");
    /// use memmap::{Flags, Map, Options};
    ///
    /// let options = Options { flags: Flags::ATOMIC, ..Options::default() };
    /// let map = Map::create(&path, 4096, &options)?;
    /// map.write(0, b"90")?;
    /// map.write(8, b"10")?;
    /// assert_eq!(std::fs::read(&path)?[..2], [0; 2]);
    /// map.commit()?; // Both of them are on the device, or none.
    /// assert_eq!(std::fs::read(&path)?[..2], *b"90");
    /// # Ok(())
    /// # }
    /// ```
    pub fn commit(&self) -> Result<()> {
        commits::commit(self.0)
    }

    /// Takes back everything that was changed since the last commit, and the length.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::commit`], and with [`Error::Busy`] if another call uses the mapping and does not
    /// end soon.
    pub fn rollback(&self) -> Result<()> {
        commits::rollback(self.0)
    }

    /// Makes the file of a mapping of [`Flags::ATOMIC`](crate::Flags::ATOMIC) durable without its log,
    /// for programs that do not know of it. It commits nothing.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::commit`].
    pub fn checkpoint(&self) -> Result<()> {
        commits::checkpoint(self.0)
    }

    /// Returns the ranges of bytes that differ from the last commit, in order. A range may contain up to
    /// 15 bytes in a row that do not.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::commit`].
    pub fn changes(&self) -> Result<Vec<Range<u64>>> {
        let found = commits::changes(self.0)?;
        let ranges = found.iter().map(|(start, len)| *start..start + len);
        Ok(ranges.collect())
    }

    /// Calls `change`, and commits what it has changed if it succeeds. If it fails or panics, or if the
    /// commit fails, everything that was changed since the last commit is taken back.
    ///
    /// Calls of several threads at once are one transaction, which ends with the first of them: use a
    /// lock around them.
    ///
    /// # Errors
    ///
    /// Fails with the error of `change`, or as [`Map::commit`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("accounts");
    /// use memmap::{Error, Flags, Map, Options};
    ///
    /// let options = Options { flags: Flags::ATOMIC, ..Options::default() };
    /// let map = Map::create(&path, 4096, &options)?;
    /// map.update(|map| map.write(0, b"100"))?;
    /// let refused = map.update(|map| {
    ///     map.write(0, b"-50")?;
    ///     Err::<(), _>(Error::Invalid)
    /// });
    /// assert_eq!(refused, Err(Error::Invalid));
    /// let mut balance = [0; 3];
    /// map.read(0, &mut balance)?;
    /// assert_eq!(&balance, b"100");
    /// # Ok(())
    /// # }
    /// ```
    pub fn update<R, E: From<Error>>(
        &self,
        change: impl FnOnce(&Map) -> std::result::Result<R, E>,
    ) -> std::result::Result<R, E> {
        let undo = Undo(self);
        let result = change(self)?;
        self.commit()?;
        std::mem::forget(undo);
        Ok(result)
    }

    /// Sets the length of the mapping and of its file. New bytes are zero. Growing loses nothing
    /// that other processes append in the meantime.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Busy`] if the mapping is pinned and would be moved or cut, and with
    /// [`Error::Fault`] if pages are lost or the file has become too short for the bytes that
    /// remain.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("table");
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::create(&path, 4096, &Options { capacity: 1 << 30, ..Options::default() })?;
    /// map.resize(1 << 20)?; // In place: it is below the capacity.
    /// assert_eq!(std::fs::metadata(&path)?.len(), 1 << 20);
    /// # Ok(())
    /// # }
    /// ```
    pub fn resize(&self, len: u64) -> Result<()> {
        resize::resize(self.0, len)
    }

    /// Sets the mapping's length to the present size of the file and returns it.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::resize`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Map::from_fd(&file, &Options::default())?;
    /// file.set_len(10)?; // Another process does, as a rule.
    /// assert_eq!(map.refresh()?, 10);
    /// # Ok(())
    /// # }
    /// ```
    pub fn refresh(&self) -> Result<u64> {
        resize::refresh(self.0)
    }

    /// Returns what of the mapping was lost since it was opened or last recovered. Nothing is
    /// reported unless the [guard](crate::install_guard) is installed.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::len`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::anonymous(10, &Options::default())?;
    /// assert_eq!(map.fault()?.count, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fault(&self) -> Result<Fault> {
        recover::fault(self.0)
    }

    /// Returns Ok if all of `len` bytes from `offset` on ([`TO_END`](crate::TO_END): all that
    /// follow) are those of the file. Call it after reading or writing through the pointer of a
    /// [`View`].
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Fault`] if one of the bytes was lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options, TO_END};
    ///
    /// let map = Map::anonymous(10, &Options::default())?;
    /// map.check(0, TO_END)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn check(&self, offset: u64, len: u64) -> Result<()> {
        access::check(self.0, offset, len)
    }

    /// Maps the file's pages back where they were lost, and forgets the losses and a flush that
    /// failed. Bytes that were written into stand-in pages are discarded.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Fault`] while the file is too short, and with [`Error::Unsupported`] if
    /// the mapping has no descriptor.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("data");
    /// # std::fs::write(&path, vec![1; 8192])?;
    /// use memmap::{Error, Map, Options};
    ///
    /// memmap::install_guard()?;
    /// let map = Map::open(&path, &Options::default())?;
    /// std::fs::write(&path, b"")?; // Another process does, as a rule.
    /// assert_eq!(map.read(5000, &mut [0]), Err(Error::Fault));
    /// std::fs::write(&path, vec![2; 8192])?;
    /// map.recover()?;
    /// map.read(5000, &mut [0])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn recover(&self) -> Result<()> {
        recover::recover(self.0)
    }

    /// Returns a descriptor of the mapping's file, with the access of the mapping.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Unsupported`] if there is no file or its descriptor was not kept, and
    /// with EBADF if other code has closed the mapping's descriptor.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::memfd("buffer", 4096, &Options::default())?;
    /// let file = std::fs::File::from(map.descriptor()?);
    /// assert_eq!(file.metadata()?.len(), 4096);
    /// # Ok(())
    /// # }
    /// ```
    pub fn descriptor(&self) -> Result<OwnedFd> {
        shm::descriptor(self.0)
    }

    /// Returns a descriptor that is open for reading only, whatever the access of the mapping.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::descriptor`], and with EACCES if this process may not read the file any
    /// more.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Access, Error, Map, Options};
    ///
    /// let map = Map::memfd("buffer", 4096, &Options::default())?;
    /// let theirs = map.read_only_descriptor()?;
    /// let write = Options { access: Access::ReadWrite, ..Options::default() };
    /// assert_eq!(Map::from_fd(&theirs, &write).err(), Some(Error::System(libc::EACCES)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_only_descriptor(&self) -> Result<OwnedFd> {
        shm::read_only_descriptor(self.0)
    }

    /// Adds seals to the mapping's file, which must be a [memfd](Map::memfd).
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Unsupported`] if the file cannot be sealed, with EPERM if it may not be,
    /// and with EBUSY for [`Seals::WRITE`] while a writable mapping exists.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options, Seals};
    ///
    /// let map = Map::memfd("buffer", 4096, &Options::default())?;
    /// map.seal(Seals::SHRINK)?; // No receiver can truncate it.
    /// assert_eq!(map.seals()?, Seals::SHRINK);
    /// # Ok(())
    /// # }
    /// ```
    pub fn seal(&self, seals: Seals) -> Result<()> {
        seals::seal(self.0, seals)
    }

    /// Returns the seals of the mapping's file.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::descriptor`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options, Seals};
    ///
    /// let map = Map::memfd("buffer", 4096, &Options::default())?;
    /// assert_eq!(map.seals()?, Seals::default());
    /// # Ok(())
    /// # }
    /// ```
    pub fn seals(&self) -> Result<Seals> {
        seals::seals(self.0)
    }

    /// Locks a range ([`TO_END`](crate::TO_END): up to the end of the file, wherever that moves)
    /// against other processes and threads that lock it, and waits until it is free; a timeout of
    /// None waits without limit. Callers are served in the order of their calls. A shared lock
    /// cannot be upgraded: asking for an exclusive one while holding it deadlocks.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Timeout`] when the time has passed, and with [`Error::Access`] for an
    /// exclusive lock without write access.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("counter");
    /// use memmap::{Lock, Map, Options};
    /// use std::time::Duration;
    ///
    /// let map = Map::create(&path, 8, &Options::default())?;
    /// map.lock(0, 8, Lock::Exclusive, Some(Duration::from_secs(1)))?;
    /// map.write(0, &1u64.to_le_bytes())?;
    /// map.unlock(0, 8)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn lock(&self, offset: u64, len: u64, how: Lock, timeout: Option<Duration>) -> Result<()> {
        lock::lock(self.0, offset, len, how, timeout)
    }

    /// Releases, from any thread, a range that was locked with the same `offset` and `len`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Invalid`] if no such lock is held.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("counter");
    /// use memmap::{Error, Map, Options};
    ///
    /// let map = Map::create(&path, 8, &Options::default())?;
    /// assert_eq!(map.unlock(0, 8), Err(Error::Invalid));
    /// # Ok(())
    /// # }
    /// ```
    pub fn unlock(&self, offset: u64, len: u64) -> Result<()> {
        lock::unlock(self.0, offset, len)
    }

    /// Calls `look` with the bytes of the mapping, of which each access is checked by itself, and
    /// returns its result. The mapping is pinned meanwhile.
    ///
    /// Where a byte was lost, the access is [`Error::Fault`] before anything is computed from it; with
    /// `?` the function ends there. A byte that was lost before counts too, until [`Map::recover`].
    ///
    /// # Errors
    ///
    /// Fails as [`Map::len`], and as `look` does.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// # let folder = tempfile::tempdir().expect("a temporary folder");
    /// # let path = folder.path().join("numbers");
    /// use memmap::{Error, Map, Options};
    ///
    /// memmap::install_guard()?;
    /// let map = Map::create(&path, 8192, &Options::default())?;
    /// map.write(4096, &4711_u64.to_le_bytes())?;
    /// let number = || map.view(|bytes| Ok(u64::from_le_bytes(bytes.array(4096)?)));
    /// assert_eq!(number()?, 4711);
    ///
    /// std::fs::File::options().write(true).open(&path)?.set_len(0)?; // Another process does.
    /// assert_eq!(number(), Err(Error::Fault)); // And not 0.
    /// # Ok(())
    /// # }
    /// ```
    pub fn view<R>(&self, look: impl FnOnce(&Bytes<'_>) -> Result<R>) -> Result<R> {
        Bytes::show(live::begin_view(self.0)?, look)
    }

    /// Pins the mapping and returns its bytes as a pointer, which is valid until the result is
    /// dropped, whatever other threads do.
    ///
    /// # Errors
    ///
    /// Fails as [`Map::len`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::anonymous(10, &Options::default())?;
    /// let view = map.pin()?;
    /// // SAFETY: the view is 10 bytes long, and no other thread has this mapping.
    /// assert_eq!(unsafe { view.as_ptr().read() }, 0);
    /// # Ok(())
    /// # }
    /// ```
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

/// Takes back what was changed when it is dropped.
struct Undo<'m>(&'m Map);

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        // The error that is returned is the one that this comes from.
        let _ = self.0.rollback();
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // A handle closed by the C ABI is closed already.
        let _ = close(self.0);
    }
}

/// The bytes of a pinned mapping, as a pointer: other processes may write to them at any time.
/// Dropping it returns the pin.
///
/// A byte that was lost reads as zero: call [`Map::check`] before using what was read.
#[derive(Debug)]
pub struct View<'m> {
    data: *mut u8,
    len: usize,
    handle: Handle,
    map: PhantomData<&'m Map>,
}

impl View<'_> {
    /// Returns the address of the first byte. It is never null, also if there are no bytes.
    pub fn as_ptr(&self) -> *mut u8 {
        self.data
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        // This view is returned once, so its pin exists.
        let _ = live::unview(self.handle);
    }
}

fn terminated(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::Invalid)
}
