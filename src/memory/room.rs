//! The room of a mapping: more of it, at another address if need be, and less.

use crate::memory::mapping::Mapping;
use crate::memory::mmap::{Backing, Memory, usable_size};
use crate::memory::relocate;
use crate::options::Options;
use crate::os::errno::system;
use crate::os::page_size::page_size;
use crate::status::{Error, Result};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::atomic::Ordering;

/// MADV_DONTNEED_LOCKED of <linux/mman.h>, which the libc crate does not name.
const MADV_DONTNEED_LOCKED: libc::c_int = 24;

impl Mapping {
    /// Gives the mapping room for `len` bytes, at another address if need be. Who calls it has the
    /// mapping for itself.
    pub fn remap(&mut self, len: usize) -> Result<()> {
        let room = usable_size(self.offset, len, self.pages.size);
        match self.memory.resize(room) {
            // The kernel makes no more than one area longer (mremap(2)), and what was advised, locked or protected
            // of a part has made several of it.
            Err(Error::System(libc::EFAULT)) if room > self.capacity() => self.remap_areas(room),
            result => result,
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
            Backing::Committed(both) => Memory::of_file(&both.file, room as u64, &how)?,
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

    /// Drops what was written to the first `len` bytes, whole pages, of private memory of a file. Who calls it has the
    /// mapping for itself.
    pub fn forget_changes(&self, len: usize) -> Result<()> {
        match self.give_back(0..len) {
            true => Ok(()),
            false => Err(Error::last()),
        }
    }

    /// Gives whole pages of anonymous memory back, which are zeros then (madvise(2)); false if the system won't.
    fn give_back(&self, range: Range<usize>) -> bool {
        let (pages, len) = self.pages_of(range);
        // SAFETY: the pages are this process's own, and nobody else uses the mapping, or counts on what they hold.
        let given = |how| len == 0 || unsafe { libc::madvise(pages, len, how) } == 0;
        // Locked ones only if they are meant, which kernels before 5.18 don't know.
        given(libc::MADV_DONTNEED) || given(MADV_DONTNEED_LOCKED)
    }
}
