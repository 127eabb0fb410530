//! Stand-ins: zero pages where pages were lost, and the pages of the file mapped back in their place.

use crate::handles::slot::Span;
use crate::memory::aside::Aside;
use crate::memory::mapping::Mapping;
use crate::memory::wishes;
use crate::status::{Error, Result};
use std::ops::Range;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// How often zero pages were put into any mapping.
static EVER: AtomicU64 = AtomicU64::new(0);

/// How often zero pages were put into any mapping: after having read their memory, whoever has read such a page finds it
/// counted.
pub fn ever() -> u64 {
    // Acquire: the count is not read before what was read.
    fence(Ordering::Acquire);
    EVER.load(Ordering::Acquire)
}

impl Mapping {
    /// Puts zero pages, private to this process, where the pages of `block` (addresses) were; false
    /// if the system won't. A signal handler may call it.
    pub fn put_stand_ins(&self, block: Span) -> bool {
        /// What it may take at once where the whole process is locked (mlockall(2)), so that the many small
        /// blocks take one system call each.
        const SMALL: usize = 256 << 10;
        EVER.fetch_add(1, Ordering::Release); // Pairs with `ever`.
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

    /// Maps zeros, which are this process's own, in place of the pages of `run`, bytes from the first page on.
    pub fn put_zeros(&self, run: &Range<usize>) -> Result<()> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        let first = self.reserved().start;
        let (start, end) = (first + run.start, first + run.end);
        self.wishes.note_new(run);
        let (place, allowed) = (start as *mut libc::c_void, self.pages.protection);
        // SAFETY: the run lies in the mapping, behind its length, where nobody has business.
        match unsafe { libc::mmap(place, run.len(), allowed, flags, -1, 0) } {
            libc::MAP_FAILED => Err(Error::of_mapping(std::io::Error::last_os_error())),
            _ => self.wishes.apply(Span { start, end }),
        }
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
        // SAFETY: the run lies in the pinned mapping, and what it replaces is documented as gone.
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
}
