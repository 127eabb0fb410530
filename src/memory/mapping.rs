//! One mapping: the memory, and what it is a mapping of.

use crate::commit::writer::Writer;
use crate::files::file::{File, Kind};
use crate::files::identity::Identity;
use crate::files::writeback;
use crate::handles::slot::Span;
use crate::memory::losses::Lost;
use crate::memory::mmap::{Backing, Committed, Memory, Pages, pages_of_size};
use crate::memory::poison;
use crate::memory::wishes::Wishes;
use crate::options::{Access, Flags, Options};
use crate::os::advice::Advice;
use crate::os::errno::system;
use crate::os::limits::refuse_more_than_available;
use crate::os::page_size::page_size;
use crate::status::{Error, Result};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// Mapped memory. It stands still while it is pinned; its length may grow meanwhile.
#[derive(Debug)]
pub struct Mapping {
    /// Unmapped, or kept as poison, when the mapping is dropped.
    pub(super) memory: ManuallyDrop<Memory>,
    len: AtomicUsize,
    /// Where in the file the mapping begins.
    pub offset: u64,
    /// What is allowed now; never Default.
    pub access: Access,
    /// As opened: the most that can be allowed.
    pub(super) opened: Access,
    /// As opened.
    pub flags: Flags,
    /// Whether address space was asked for: it is kept when the mapping shrinks.
    pub(super) keeps_capacity: bool,
    /// How the pages are mapped.
    pub pages: Pages,
    /// What is asked of each of them, also of those that come later.
    pub wishes: Wishes,
    /// Whether any of them was ever locked.
    pub(super) locks: AtomicBool,
    /// What is mapped.
    pub backing: Backing,
    /// What stand-in pages have taken the place of.
    pub lost: Lost,
    /// Of which file it is.
    pub(super) file: Identity,
    /// How many failures of the file's write-back it does not report: those before it was made, and those that
    /// were acknowledged. The kernel tells each once and may drop the pages, so that the next flush would succeed
    /// without them.
    pub(super) acknowledged: AtomicU32,
}

// SAFETY: who lends memory guarantees that it may be used from any thread, as for memory of our own.
unsafe impl Send for Mapping {}
// SAFETY: the memory may be used from any thread; it is only copied, or handed out as a pointer.
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

    /// The same mapping of a file, of which what is changed is committed by `writer`.
    pub fn committed_by(mut self, writer: Writer) -> Mapping {
        self.backing = match std::mem::replace(&mut self.backing, Backing::Anonymous) {
            Backing::File(file) => Backing::Committed(Box::new(Committed { file, writer })),
            other => other,
        };
        self
    }

    /// What it is committed by, if it was opened with [`Flags::ATOMIC`].
    #[inline]
    pub fn writer(&self) -> Option<&Writer> {
        match &self.backing {
            Backing::Committed(both) => Some(&both.writer),
            _ => None,
        }
    }

    fn of(mut self, file: Identity) -> Mapping {
        self.file = file;
        self.acknowledged = AtomicU32::new(writeback::count(file));
        self
    }

    /// Where the mapping begins. Good while pinned.
    #[inline]
    pub fn data(&self) -> *mut u8 {
        self.memory.data()
    }

    /// The pages of the length, which are those that the fault guard handles: a fault behind them
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

    pub(super) fn reserved_in(&self, memory: &Memory) -> Span {
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
            Backing::Committed(both) => Ok(&both.file),
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
