//! One mapping: the memory, and what it is a mapping of.

use crate::files::file::{File, Kind};
use crate::files::identity::Identity;
use crate::files::writeback;
use crate::handles::slot::Span;
use crate::memory::aside::Aside;
use crate::memory::losses::Lost;
use crate::memory::mmap::{Backing, Memory, Pages, pages_of_size, usable_size};
use crate::memory::poison;
use crate::memory::relocate;
use crate::memory::wishes::{self, Wishes};
use crate::options::{Access, Flags, Options};
use crate::os::advice::Advice;
use crate::os::errno::system;
use crate::os::limits::refuse_more_than_available;
use crate::os::page_size::page_size;
use crate::status::{Error, Result};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// How a flush is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// When it returns, the bytes and the file size that they need are on the device.
    #[default]
    Sync,
    /// The writing is scheduled; on Linux the kernel does that by itself (msync(2)).
    Async,
    /// Other mappings of the file are to see the newest bytes; on Linux they do so always.
    Invalidate,
}

/// Mapped memory. It stands still while it is pinned; its length may grow meanwhile.
#[derive(Debug)]
pub struct Mapping {
    /// Unmapped, or kept as poison, when the mapping is dropped.
    memory: ManuallyDrop<Memory>,
    len: AtomicUsize,
    /// Where in the file the mapping begins.
    pub offset: u64,
    /// What is allowed now; never Default.
    pub access: Access,
    /// As opened: the most that can be allowed.
    opened: Access,
    /// As opened.
    pub flags: Flags,
    /// Whether address space was asked for: it is kept when the mapping shrinks.
    keeps_capacity: bool,
    /// How the pages are mapped.
    pub pages: Pages,
    /// What is asked of each of them, also of those that come later.
    pub wishes: Wishes,
    /// Whether any of them was ever locked.
    locks: AtomicBool,
    /// What is mapped.
    pub backing: Backing,
    /// What stand-in pages have taken the place of.
    pub lost: Lost,
    /// Of which file it is.
    file: Identity,
    /// How many failures of the file's write-back it does not answer for: those before it was made, and those that
    /// were acknowledged. The kernel tells each once and may drop the pages, so that the next flush would succeed
    /// without them.
    acknowledged: AtomicU32,
}

// SAFETY: who lends memory answers for it from any thread, as for memory of our own.
unsafe impl Send for Mapping {}
// SAFETY: as above; what is behind the pointer is only copied, or handed out as a pointer.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// The mapping of `len` bytes of `file` that `memory` is.
    pub fn of_file(memory: Memory, file: File, len: u64, options: &Options) -> Mapping {
        match options.flags.has(Flags::NO_DESCRIPTOR) {
            true => Mapping::without_descriptor(memory, &file, len, options),
            false => {
                let page = file.page_size;
                Mapping::new(memory, len, Backing::File(file), options, page)
            }
        }
    }

    /// The same, of a file whose descriptor is not kept.
    pub fn without_descriptor(memory: Memory, file: &File, len: u64, options: &Options) -> Mapping {
        let backing = Backing::FileWithoutDescriptor;
        let mapping = Mapping::new(memory, len, backing, options, file.page_size);
        mapping.of(file.identity)
    }

    /// Maps `len` zero bytes that are this process's own.
    pub fn anonymous(len: u64, options: &Options) -> Result<Mapping> {
        if !options.flags.has(Flags::OVERCOMMIT) {
            refuse_more_than_available(len)?;
        }
        let memory = Memory::anonymous(len, options)?;
        let backing = Backing::Anonymous;
        Ok(Mapping::new(memory, len, backing, options, page_size()))
    }

    /// The mapping that somebody else made of `len` bytes from `data` on.
    pub fn lent(
        data: *mut u8,
        len: usize,
        backing: Backing,
        pages: Pages,
        offset: u64,
        flags: Flags,
    ) -> Mapping {
        let writable = pages.protection & libc::PROT_WRITE != 0;
        let access = match (writable, pages.sharing) {
            (false, _) => Access::ReadOnly,
            (true, libc::MAP_PRIVATE) => Access::CopyOnWrite,
            (true, _) => Access::ReadWrite,
        };
        let options = Options {
            access,
            offset,
            flags,
            ..Options::default()
        };
        let memory = Memory::lent(data, len);
        let mut mapping = Mapping::new(memory, len as u64, backing, &options, pages.size);
        mapping.pages = pages;
        mapping
    }

    fn new(memory: Memory, len: u64, backing: Backing, options: &Options, page: usize) -> Mapping {
        let pages = Pages::of(options, &backing, page);
        let file = match &backing {
            Backing::File(file) => file.identity,
            _ => Identity::unknown(memory.data() as usize),
        };
        Mapping {
            memory: ManuallyDrop::new(memory),
            len: AtomicUsize::new(len as usize),
            offset: options.offset,
            access: options.access,
            opened: options.access,
            flags: options.flags,
            keeps_capacity: options.capacity > len,
            lost: Lost::of_pages(pages.size),
            wishes: Wishes::of(options),
            locks: AtomicBool::new(false),
            pages,
            backing,
            file,
            acknowledged: AtomicU32::new(writeback::count(file)),
        }
    }

    fn of(mut self, file: Identity) -> Mapping {
        self.file = file;
        self.acknowledge_failures();
        self
    }

    /// Where the mapping begins. Good while pinned.
    #[inline]
    pub fn data(&self) -> *mut u8 {
        self.memory.data()
    }

    /// The pages of the length, which are those that the fault guard answers for: a fault behind them
    /// is a stray access of the program's own.
    pub fn span(&self) -> Span {
        self.span_of(self.len())
    }

    /// The same for another length.
    pub fn span_of(&self, len: usize) -> Span {
        let start = self.data() as usize;
        let page = self.pages.size;
        match len {
            0 => Span { start, end: start },
            len => Span {
                start: start / page * page,
                end: (start + len).next_multiple_of(page),
            },
        }
    }

    /// The pages that hold the bytes of a range, as bytes from the first page on.
    pub fn positions(&self, range: &Range<usize>) -> Range<usize> {
        let (skip, page) = (self.page_skip(), self.pages.size);
        let (start, end) = (range.start + skip, range.end + skip);
        start / page * page..end.next_multiple_of(page)
    }

    /// Takes note of advice that is given for a range now.
    pub fn note_advice(&self, advice: Advice, range: &Range<usize>) {
        let mut positions = self.positions(range);
        if range.end == self.len() {
            positions.end = usize::MAX; // The last area may be made longer.
        }
        self.wishes.note(advice, &positions);
    }

    /// All of its pages, those kept for growing included.
    pub fn reserved(&self) -> Span {
        self.reserved_in(&self.memory)
    }

    fn reserved_in(&self, memory: &Memory) -> Span {
        let (data, page) = (memory.data() as usize, self.pages.size);
        Span {
            start: data / page * page,
            end: (data + memory.len()).next_multiple_of(page),
        }
    }

    /// Where, from the beginning of the mapping on, the first page begins that holds none of the bytes before
    /// `position`.
    pub fn first_page_behind(&self, position: usize) -> usize {
        let data = self.data() as usize;
        (data + position).next_multiple_of(self.pages.size) - data
    }

    /// How far into its first page the mapping begins.
    pub fn page_skip(&self) -> usize {
        self.data() as usize % self.pages.size
    }

    /// How many bytes are mapped.
    #[inline]
    pub fn len(&self) -> usize {
        // Acquire: who sees the new length sees the file that has it.
        self.len.load(Ordering::Acquire)
    }

    /// Gives the mapping another length within its capacity.
    pub fn set_len(&self, len: usize) {
        // Release: pairs with `len`.
        self.len.store(len, Ordering::Release);
    }

    /// Up to which length the mapping stays where it is.
    pub fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// The file, if there is one and its descriptor was kept.
    pub fn file(&self) -> Result<&File> {
        match &self.backing {
            Backing::File(file) => Ok(file),
            _ => Err(Error::Unsupported),
        }
    }

    /// Refuses what would change bytes of a read-only mapping.
    #[inline]
    pub fn writable(&self) -> Result<()> {
        match self.access {
            Access::ReadWrite | Access::CopyOnWrite => Ok(()),
            _ => Err(Error::Access),
        }
    }

    /// Flushes the pages that hold the bytes of `range`.
    pub fn flush(&self, range: Range<usize>, how: Flush) -> Result<()> {
        // As opened: memmap_protect makes none of its bytes the file's.
        match (self.opened, &self.backing) {
            (Access::CopyOnWrite, _) => return Err(Error::Access),
            (_, Backing::Anonymous) => return Err(Error::Unsupported),
            _ => {}
        }
        self.refuse_failure()?;
        if range.is_empty() {
            return Ok(());
        }
        match how {
            Flush::Sync => self.sync(range),
            Flush::Async => self.msync(range, libc::MS_ASYNC),
            Flush::Invalidate => self.msync(range, libc::MS_INVALIDATE),
        }
    }

    fn sync(&self, range: Range<usize>) -> Result<()> {
        let file = self.file_to_flush()?;
        let end = self.offset + range.end as u64;
        writeback::watched(self.file, || {
            self.msync(range, libc::MS_SYNC)?;
            file.map_or(Ok(()), File::sync_data)
        })?;
        // The failure may have been told to another flush of the file, and not to this one.
        self.refuse_failure()?;
        self.refuse_what_was_cut(end)
    }

    /// [`Error::Fault`] where the file ends before `end`: msync(2) says nothing of pages that it hasn't any more. What
    /// others have mapped they may have mapped past the end on purpose.
    fn refuse_what_was_cut(&self, end: u64) -> Result<()> {
        let size = match &self.backing {
            Backing::File(file) if file.kind == Kind::Regular && !self.is_lent() => file.size(),
            _ => return Ok(()),
        };
        match size {
            Ok(size) if size < end => Err(Error::Fault),
            // A descriptor that others have closed is no reason to fail.
            _ => Ok(()),
        }
    }

    fn msync(&self, range: Range<usize>, flags: i32) -> Result<()> {
        let (first, len) = self.pages_of(range);
        // SAFETY: the pages are this mapping's own; their contents stay as they are.
        system(|| unsafe { libc::msync(first, len, flags) }).map(drop)
    }

    /// The file to flush where msync(2) does nothing: to the kernel the mapping of a descriptor that can't
    /// write is not a shared one, whatever others write to the file. Without a descriptor there is nothing that
    /// could be flushed, and nothing of this mapping's own to flush.
    fn file_to_flush(&self) -> Result<Option<&File>> {
        match (&self.backing, self.opened) {
            // A character device has no contents to write back.
            (Backing::File(file), Access::ReadOnly) if file.kind != Kind::Character => {
                file.still_ours().map(|()| Some(file))
            }
            _ => Ok(None),
        }
    }

    /// The error of a write-back of the file that failed and was not acknowledged by this mapping.
    fn refuse_failure(&self) -> Result<()> {
        // Relaxed, here and below: a number.
        writeback::after(self.file, self.acknowledged.load(Ordering::Relaxed))
    }

    /// Forgets the flushes that failed.
    pub fn acknowledge_failures(&self) {
        let count = writeback::count(self.file);
        self.acknowledged.store(count, Ordering::Relaxed);
    }

    /// Gives the mapping room for `len` bytes, at another address if need be. Who calls it has the
    /// mapping for itself.
    pub fn remap(&mut self, len: usize) -> Result<()> {
        let room = usable_size(self.offset, len, self.pages.size);
        match self.memory.resize(room) {
            // The kernel makes no more than one area longer (mremap(2)), and what was advised, locked or protected
            // of a part has made several of it.
            Err(Error::System(libc::EFAULT)) if room > self.capacity() => self.remap_areas(room),
            answer => answer,
        }
    }

    /// The same for a mapping of several areas, each of which keeps what it is.
    fn remap_areas(&mut self, room: usize) -> Result<()> {
        let how = Options {
            access: self.opened,
            flags: self.flags,
            offset: self.offset,
            ..Options::default()
        };
        let memory = match &self.backing {
            Backing::Anonymous => Memory::anonymous(room as u64, &how)?,
            Backing::File(file) => Memory::of_file(file, room as u64, &how)?,
            Backing::FileWithoutDescriptor => return Err(Error::Unsupported),
        };
        let (old, new) = (self.reserved(), self.reserved_in(&memory));
        let (first, len) = (new.start as *mut libc::c_void, new.end - new.start);
        // SAFETY: the pages were mapped just now, and nobody knows of them.
        system(|| unsafe { libc::mprotect(first, len, self.pages.protection) })?;
        self.wishes.apply(new)?;
        self.wishes
            .note_new(&(old.end - old.start..new.end - new.start));
        let locks = self.locks.load(Ordering::Relaxed); // As in `note_lock`.
        relocate::move_to(old, new.start, locks)?;
        // SAFETY: it is replaced at once; what is left at its addresses is unmapped with it.
        unsafe { ManuallyDrop::drop(&mut self.memory) };
        self.memory = ManuallyDrop::new(memory);
        Ok(())
    }

    /// Gives back the address space behind `len`, unless it was asked for.
    pub fn trim(&mut self, len: usize) {
        if !self.keeps_capacity {
            // Making a mapping smaller in place needs nothing; if it fails, only room is lost.
            let _ = self.remap(len);
        }
    }

    /// Zeroes anonymous memory from `from` to the present end and gives its pages back, as far as the system takes
    /// them: it keeps those that are locked.
    pub fn discard(&self, from: usize) -> Result<()> {
        let end = usable_size(0, self.len(), page_size());
        let boundary = from.next_multiple_of(page_size()).min(end);
        let zeroed = match self.give_back(boundary..end) {
            true => boundary,
            false => end,
        };
        // SAFETY: from ≤ zeroed ≤ end of what is mapped, and the memory is this process's own.
        unsafe { self.data().add(from).write_bytes(0, zeroed - from) };
        Ok(())
    }

    /// Gives whole pages of anonymous memory back, which are zeros then (madvise(2)); false if the system won't.
    fn give_back(&self, range: Range<usize>) -> bool {
        let (pages, len) = self.pages_of(range);
        // SAFETY: the pages are this process's own, and nobody else uses the mapping.
        let given = |how| len == 0 || unsafe { libc::madvise(pages, len, how) } == 0;
        // Locked ones only if they are meant, which kernels before 5.18 don't know.
        given(libc::MADV_DONTNEED) || given(MADV_DONTNEED_LOCKED)
    }

    /// The pages that hold the bytes of `range`, as the system's calls take them.
    pub fn pages_of(&self, range: Range<usize>) -> (*mut libc::c_void, usize) {
        let (first, len) = pages_of_size(self.data(), range, self.pages.size);
        // The system rounds up to its own pages only, and refuses a part of a huge one.
        (first, len.next_multiple_of(self.pages.size))
    }

    /// Takes note that pages are going to be locked.
    pub fn note_lock(&self) {
        // Relaxed: who moves the mapping has it alone.
        self.locks.store(true, Ordering::Relaxed);
    }

    /// Whether what is written here reaches nobody else.
    pub fn is_private(&self) -> bool {
        self.pages.sharing == libc::MAP_PRIVATE
    }

    /// Allows reading only, or all that the mapping was opened for.
    pub fn protect(&mut self, access: Access) -> Result<()> {
        let write = match access {
            Access::ReadOnly => 0,
            Access::Default => self.writing(),
            wanted if wanted == self.opened => self.writing(),
            _ => return Err(Error::Access),
        };
        let protection = self.pages.protection & !libc::PROT_WRITE | write;
        let all = self.capacity();
        let (first, len) = self.pages_of(0..all);
        // SAFETY: the pages are this mapping's own, and nobody has a pointer into it to write by.
        system(|| unsafe { libc::mprotect(first, len, protection) })?;
        self.pages.protection = protection;
        self.access = if write == 0 {
            Access::ReadOnly
        } else {
            self.opened
        };
        Ok(())
    }

    fn writing(&self) -> i32 {
        match self.opened {
            Access::ReadOnly => 0,
            _ => libc::PROT_WRITE,
        }
    }

    /// Whether it is not this process's to resize and to unmap: somebody else has mapped it and will unmap it, or
    /// it was left behind.
    pub fn is_lent(&self) -> bool {
        self.memory.is_lent() || self.wishes.absence.is_here()
    }

    /// Refuses to change what is at the addresses of a mapping that this process, a child, may not have.
    pub fn refuse_what_was_left_behind(&self) -> Result<()> {
        match self.wishes.absence.is_here() {
            true => Err(Error::Unsupported),
            false => Ok(()),
        }
    }

    /// Puts zero pages, private to this process, where the pages of `block` (addresses) were; false
    /// if the system won't. A signal handler may call it.
    pub fn put_stand_ins(&self, block: Span) -> bool {
        /// What it may take at once where the whole process is locked (mlockall(2)), so that the many small
        /// blocks take one system call each.
        const SMALL: usize = 256 << 10;
        let first = self.reserved().start;
        self.wishes
            .note_new(&(block.start - first..block.end - first));
        let aside = self.wishes.any() || block.end - block.start > SMALL;
        // More than is said above if it must be: twice the areas, or the address space, may not be had.
        let put = || aside && self.move_stand_ins_in(block).is_ok() || self.map_stand_ins(block);
        // Where all that is mapped is locked, what is locked there counts beside what is to take its place
        // (RLIMIT_MEMLOCK).
        let limited = || Error::last() == Error::System(libc::EAGAIN);
        let put = put() || limited() && wishes::unlock(block).is_ok() && put();
        if put && self.wishes.locked() {
            // Not before they are in their place: what was locked there has counted up to now. If it fails, there
            // is nobody to tell.
            let _ = wishes::lock_on_fault(block);
        }
        put
    }

    fn move_stand_ins_in(&self, block: Span) -> Result<()> {
        let zeros = Aside::zeros(block.end - block.start, self.pages.protection)?;
        self.wishes.apply_to_stand_ins(zeros.pages())?;
        // SAFETY: the block lies in the mapping, which the caller has pinned.
        unsafe { zeros.move_to(block) }
    }

    fn map_stand_ins(&self, block: Span) -> bool {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
        let (start, len) = (block.start as *mut libc::c_void, block.end - block.start);
        // SAFETY: the block lies in the mapping, which the caller has pinned.
        let put = unsafe { libc::mmap(start, len, self.pages.protection, flags, -1, 0) };
        if put == libc::MAP_FAILED {
            return false;
        }
        // What can't be had of the wishes is no reason to leave the process without the pages.
        let _ = self.wishes.apply_to_stand_ins(block);
        true
    }

    /// Maps the file's pages again where they were lost: those of `run`, bytes from the first page on.
    pub fn map_back(&self, run: &Range<usize>) -> Result<()> {
        let first = self.span().start;
        let place = Span {
            start: first + run.start,
            end: first + run.end,
        };
        self.wishes.note_new(run);
        if !self.wishes.any() || self.move_back(run, place).is_err() {
            self.map_in_place(run, place)?;
        }
        match self.wishes.locked() {
            true => wishes::lock(place),
            false => Ok(()),
        }
    }

    fn move_back(&self, run: &Range<usize>, place: Span) -> Result<()> {
        let (fd, offset) = self.source(run)?;
        let (allowed, sharing) = (self.pages.protection, self.pages.sharing);
        let pages = Aside::map(run.len(), allowed, sharing, fd, offset)?;
        self.wishes.apply(pages.pages())?;
        // SAFETY: the run lies in the mapping, which the caller has pinned, and what it replaces is documented
        // as gone.
        unsafe { pages.move_to(place) }
    }

    fn map_in_place(&self, run: &Range<usize>, place: Span) -> Result<()> {
        let (fd, offset) = self.source(run)?;
        let (allowed, flags) = (self.pages.protection, self.pages.sharing | libc::MAP_FIXED);
        let start = place.start as *mut libc::c_void;
        // SAFETY: as above.
        match unsafe { libc::mmap64(start, run.len(), allowed, flags, fd, offset) } {
            libc::MAP_FAILED => Err(Error::of_mapping(std::io::Error::last_os_error())),
            _ => self.wishes.apply(place),
        }
    }

    /// What mmap(2) maps at `run`: the descriptor, and where in the file.
    fn source(&self, run: &Range<usize>) -> Result<(RawFd, i64)> {
        let first = self.offset - self.page_skip() as u64;
        let offset = i64::try_from(first + run.start as u64).map_err(|_| Error::Limit)?;
        Ok((self.file()?.fd(), offset))
    }

    /// The file, if it is one whose size this mapping may change.
    pub fn resizable_file(&self) -> Result<&File> {
        let file = self.file()?;
        match (self.access, file.kind) {
            (Access::ReadWrite, Kind::Regular) => Ok(file),
            (Access::ReadWrite, _) => Err(Error::Unsupported),
            _ => Err(Error::Access),
        }
    }
}

/// MADV_DONTNEED_LOCKED of <linux/mman.h>, which the libc crate does not name.
const MADV_DONTNEED_LOCKED: libc::c_int = 24;

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.wishes.absence.is_here() {
            return; // What is at its addresses is somebody else's, and the rest goes with the process.
        }
        let kept = !self.is_lent() && poison::keep(self.reserved(), self.file().ok());
        if !kept {
            // SAFETY: it is dropped here and nowhere else.
            unsafe { ManuallyDrop::drop(&mut self.memory) };
        }
    }
}
