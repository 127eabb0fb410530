//! Paging: advice to the kernel about a mapping's pages, and what the kernel reports of them.

use crate::handles::slot::{Span, Views};
use crate::handles::table::Handle;
use crate::memory::mapping::Mapping;
use crate::memory::mmap::{Backing, lots, page_count, pages_of};
use crate::memory::wishes;
use crate::operations::access::intact;
use crate::options::{Access, Flags};
use crate::os::advice::Advice;
use crate::os::errno::system;
use crate::os::limits::refuse_more_than_available;
use crate::os::page_size::page_size;
use crate::range::{checked_to_end, in_memory};
use crate::registry::live::{Pinned, pin};
use crate::registry::turn::turn;
use crate::status::{Error, Result};
use crate::threads::fork;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering};

/// The access that [`Map::prefault`](crate::Map::prefault) prepares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefault {
    /// Reading the pages does not wait afterwards.
    Read,
    /// Writing the pages does not wait afterwards either: they get blocks and memory of their own.
    Write,
}

fn pinned(handle: Handle, offset: u64, len: u64) -> Result<(Pinned, Range<usize>)> {
    let mapping = pin(handle)?;
    mapping.refuse_what_was_left_behind()?;
    let range = checked_to_end(offset, len, mapping.len() as u64)?;
    Ok((mapping, in_memory(range)))
}

/// Advises the kernel about the pages that hold a range.
///
/// [`Error::Access`] for [`Advice::DontNeed`] on memory that only this process has: the kernel would
/// throw its bytes away.
pub fn advise(handle: Handle, offset: u64, len: u64, advice: Advice) -> Result<()> {
    let (mapping, range) = pinned(handle, offset, len)?;
    if advice == Advice::DontNeed && mapping.is_private() {
        return Err(Error::Access);
    }
    mapping.note_advice(advice, &range);
    advise_pages(&mapping, range.clone(), advice)?;
    if let (Advice::PageOut, Backing::File(file)) = (advice, &mapping.backing) {
        // Out of this mapping, then out of the page cache, where pages stay that others map or that
        // are still dirty.
        if !mapping.is_private() {
            advise_pages(&mapping, range.clone(), Advice::DontNeed)?;
        }
        return file.drop_cache(mapping.offset + range.start as u64, range.len() as u64);
    }
    Ok(())
}

/// The same for a mapping that nobody else has yet.
pub fn advise_pages(mapping: &Mapping, range: Range<usize>, advice: Advice) -> Result<()> {
    if range.is_empty() {
        return Ok(());
    }
    wishes::advise(area_of(mapping, range), advice)
}

fn area_of(mapping: &Mapping, range: Range<usize>) -> Span {
    let (first, len) = mapping.pages_of(range);
    Span {
        start: first as usize,
        end: first as usize + len,
    }
}

/// Brings the pages that hold a range in.
pub fn prefault(handle: Handle, offset: u64, len: u64, what_for: Prefault) -> Result<()> {
    let (mapping, range) = pinned(handle, offset, len)?;
    prefault_pages(&mapping, range.clone(), what_for)?;
    intact(&mapping, || [range.clone()])
}

/// The same for a mapping that nobody else has yet.
pub fn prefault_pages(mapping: &Mapping, range: Range<usize>, what_for: Prefault) -> Result<()> {
    if what_for == Prefault::Write {
        mapping.writable()?;
    }
    if !mapping.flags.has(Flags::OVERCOMMIT) {
        refuse_more_than_available(range.len() as u64)?;
    }
    if range.is_empty() {
        return Ok(());
    }
    let how = match what_for {
        Prefault::Read => libc::MADV_POPULATE_READ,
        Prefault::Write => libc::MADV_POPULATE_WRITE,
    };
    let (first, len) = mapping.pages_of(range.clone());
    // SAFETY: the pages are the mapping's own, and keep what they hold.
    match system(|| unsafe { libc::madvise(first, len, how) }) {
        Ok(_) => Ok(()),
        // A page is lost: the kernel tells it here, where an access would raise SIGBUS.
        Err(Error::System(libc::EFAULT)) => Err(Error::Fault),
        Err(Error::System(libc::ENOMEM)) => Err(Error::Limit),
        // Kernels before 5.14 don't have it.
        Err(Error::System(libc::EINVAL)) => {
            touch(mapping, range, what_for);
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn touch(mapping: &Mapping, range: Range<usize>, what_for: Prefault) {
    for at in range.clone().step_by(page_size()).chain([range.end - 1]) {
        // SAFETY: the byte lies in the mapping, which is pinned; others touch it atomically or not at
        // all as far as its value goes.
        let byte = unsafe { AtomicU8::from_ptr(mapping.data().add(at)) };
        // Relaxed, both: it is about the page, and not about the byte.
        match what_for {
            Prefault::Read => byte.load(Ordering::Relaxed),
            // Writes what is there: nobody's write in between is undone.
            Prefault::Write => byte.fetch_or(0, Ordering::Relaxed),
        };
    }
}

/// Calls `tell` for each run of pages that hold a range, in order, with a byte a page of which the lowest
/// bit says whether it is in memory; how many are.
pub fn residency(
    handle: Handle,
    offset: u64,
    len: u64,
    mut tell: impl FnMut(&[u8]),
) -> Result<u64> {
    const AT_ONCE: usize = 4096;
    let (mapping, range) = pinned(handle, offset, len)?;
    if range.is_empty() {
        return Ok(0);
    }
    let (first, len) = pages_of(mapping.data(), range);
    let page = page_size();
    let mut present = [0u8; AT_ONCE];
    let mut resident = 0;
    for (start, count) in lots(len, page, AT_ONCE) {
        let from = first.wrapping_byte_add(start);
        // SAFETY: the pages are the mapping's own, and there is a byte for each.
        system(|| unsafe { libc::mincore(from, count * page, present.as_mut_ptr()) })?;
        resident += present[..count]
            .iter()
            .filter(|page| **page & 1 != 0)
            .count() as u64;
        tell(&present[..count]);
    }
    Ok(resident)
}

/// How many pages hold a range.
pub fn pages(handle: Handle, offset: u64, len: u64) -> Result<u64> {
    let (mapping, range) = pinned(handle, offset, len)?;
    match range.is_empty() {
        true => Ok(0),
        false => Ok(page_count(pages_of(mapping.data(), range).1, page_size()) as u64),
    }
}

/// Keeps the pages that hold a range in memory.
pub fn lock_memory(handle: Handle, offset: u64, len: u64) -> Result<()> {
    let (mapping, range) = pinned(handle, offset, len)?;
    if mapping.writer().is_some() {
        return Err(Error::Unsupported); // What is locked could not be taken back.
    }
    lock_pages(&mapping, range)
}

/// The same for a mapping that nobody else has yet.
pub fn lock_pages(mapping: &Mapping, range: Range<usize>) -> Result<()> {
    if !mapping.flags.has(Flags::OVERCOMMIT) {
        refuse_more_than_available(range.len() as u64)?;
    }
    if range.is_empty() {
        return Ok(());
    }
    mapping.note_lock();
    wishes::lock(area_of(mapping, range))
}

/// Keeps pages in memory from the moment on in which they come there; there need be no bytes behind them yet.
pub fn lock_when_touched(mapping: &Mapping, range: Range<usize>) -> Result<()> {
    mapping.note_lock();
    wishes::lock_on_fault(area_of(mapping, range))
}

/// Lets them go again.
pub fn unlock_memory(handle: Handle, offset: u64, len: u64) -> Result<()> {
    let (mapping, range) = pinned(handle, offset, len)?;
    unlock_pages(&mapping, range)
}

/// The same for the pages of a range that was checked.
pub fn unlock_pages(mapping: &Mapping, range: Range<usize>) -> Result<()> {
    if range.is_empty() {
        return Ok(());
    }
    wishes::unlock(area_of(mapping, range))
}

/// Takes writing away from a mapping, or gives it back to one that was opened with it.
pub fn protect(handle: Handle, access: Access) -> Result<()> {
    let turn = turn(handle);
    let mut mapping = turn.pin()?;
    mapping.refuse_what_was_left_behind()?;
    // Who holds a pin may be writing by its pointer.
    let mut alone = mapping.alone(Views::Refused)?;
    let _change = fork::hold_off();
    alone.change(|mapping| mapping.protect(access))
}
