//! Reading, writing and flushing a range, each checked against the mapping's length, and afterwards
//! against what was lost of it.

use crate::handles::table::Handle;
use crate::memory::flush::Flush;
use crate::memory::mapping::Mapping;
use crate::operations::search;
use crate::range::{TO_END, checked, checked_to_end, in_memory};
use crate::registry::live::{self, Pinned, pin};
use crate::status::Result;
use std::ops::Range;

/// Runs `copy`, which touches the bytes of `ranges`; [`Error::Fault`] if any of them was lost before,
/// in which case nothing is copied, or meanwhile.
///
/// The copies go through raw pointers and may overlap: the caller's buffer may lie in the same mapping,
/// and other processes may write to it at the same time.
#[inline]
pub fn copying<const N: usize, R>(
    mapping: &Pinned,
    ranges: impl Fn() -> [Range<usize>; N],
    copy: impl FnOnce(*mut u8) -> R,
) -> Result<R> {
    intact(mapping, &ranges)?;
    let result = copy(mapping.data());
    still_intact(mapping, &ranges)?;
    Ok(result)
}

/// [`Error::Fault`] when any byte of the ranges was lost. They are asked for where anything was.
#[inline]
pub fn intact<const N: usize>(
    mapping: &Pinned,
    ranges: impl Fn() -> [Range<usize>; N],
) -> Result<()> {
    match mapping.slot().faults() {
        0 => Ok(()),
        _ => check_lost(mapping, ranges),
    }
}

/// The same for who has read them: what was read may have come from a stand-in page.
#[inline]
fn still_intact<const N: usize>(
    mapping: &Pinned,
    ranges: impl Fn() -> [Range<usize>; N],
) -> Result<()> {
    match mapping.slot().faults_after_reading() {
        0 => Ok(()),
        _ => check_lost(mapping, ranges),
    }
}

#[cold]
#[inline(never)]
fn check_lost<const N: usize>(
    mapping: &Pinned,
    ranges: impl Fn() -> [Range<usize>; N],
) -> Result<()> {
    let skipped = mapping.page_skip();
    ranges().iter().try_for_each(|range| {
        mapping
            .lost
            .check(&(range.start + skipped..range.end + skipped))
    })
}

/// [`Error::Fault`] when any byte of a range was lost.
pub fn check(handle: Handle, offset: u64, len: u64) -> Result<()> {
    let mapping = pin(handle)?;
    let range = in_memory(checked_to_end(offset, len, mapping.len() as u64)?);
    still_intact(&mapping, || [range.clone()]) // The caller has read by itself.
}

/// Has `copy` copy the `len` bytes of a range, the first of which it is given, if it goes without a detour; false
/// if it doesn't, or wasn't as it should be: who asks then does it all again, and finds out.
#[inline(always)] // See `Table::view_at_once`.
fn at_once(
    handle: Handle,
    offset: u64,
    len: u64,
    may: impl FnOnce(&Mapping) -> bool,
    copy: impl FnOnce(*mut u8, usize),
) -> bool {
    let copied = live::at_once(handle, |mapping, slot| {
        let total = mapping.len() as u64;
        let inside = offset <= total && len <= total - offset;
        let may = inside && may(mapping) && slot.faults() == 0;
        if may {
            copy(mapping.data().wrapping_add(offset as usize), len as usize);
        }
        may && slot.faults_after_reading() == 0
    });
    copied == Some(true)
}

/// [`read`] if it goes without a detour.
///
/// # Safety
///
/// `to` can be written for `len` bytes.
#[inline(always)] // See `Table::view_at_once`.
pub unsafe fn read_at_once(handle: Handle, offset: u64, to: *mut u8, len: u64) -> bool {
    // SAFETY: the range lies in the shown mapping, and `to` can be written for as many bytes.
    let copy = |from: *mut u8, len| unsafe { to.copy_from(from, len) };
    at_once(handle, offset, len, |_| true, copy)
}

/// [`write`] if it goes without a detour.
///
/// # Safety
///
/// `from` can be read for `len` bytes.
#[inline(always)] // See `Table::view_at_once`.
pub unsafe fn write_at_once(handle: Handle, offset: u64, from: *const u8, len: u64) -> bool {
    // SAFETY: the range lies in the shown, writable mapping, and `from` can be read for as many bytes.
    let copy = |to: *mut u8, len| unsafe { to.copy_from(from, len) };
    at_once(
        handle,
        offset,
        len,
        |mapping| mapping.writable().is_ok(),
        copy,
    )
}

/// Copies `len` bytes from `offset` on to `to`.
///
/// # Safety
///
/// `to` can be written for `len` bytes.
#[inline]
pub unsafe fn read(handle: Handle, offset: u64, to: *mut u8, len: u64) -> Result<()> {
    let mapping = pin(handle)?;
    let range = in_memory(checked(offset, len, mapping.len() as u64)?);
    copying(
        &mapping,
        || [range.clone()],
        |data| {
            // SAFETY: the range lies in the pinned mapping, and `to` can be written for as many bytes.
            unsafe { to.copy_from(data.add(range.start), range.len()) }
        },
    )
}

/// Copies `len` bytes from `from` to `offset`.
///
/// # Safety
///
/// `from` can be read for `len` bytes.
#[inline]
pub unsafe fn write(handle: Handle, offset: u64, from: *const u8, len: u64) -> Result<()> {
    let mapping = pin(handle)?;
    mapping.writable()?;
    let range = in_memory(checked(offset, len, mapping.len() as u64)?);
    copying(
        &mapping,
        || [range.clone()],
        |data| {
            // SAFETY: the range lies in the pinned, writable mapping, and `from` can be read for as many bytes.
            unsafe { data.add(range.start).copy_from(from, range.len()) }
        },
    )
}

/// Sets every byte of a range.
pub fn fill(handle: Handle, offset: u64, len: u64, byte: u8) -> Result<()> {
    let mapping = pin(handle)?;
    mapping.writable()?;
    let range = in_memory(checked_to_end(offset, len, mapping.len() as u64)?);
    copying(
        &mapping,
        || [range.clone()],
        |data| {
            // SAFETY: the range lies in the pinned, writable mapping.
            unsafe { data.add(range.start).write_bytes(byte, range.len()) }
        },
    )
}

/// Copies `len` bytes inside the mapping; the ranges may overlap.
pub fn move_within(handle: Handle, to: u64, from: u64, len: u64) -> Result<()> {
    let mapping = pin(handle)?;
    mapping.writable()?;
    let total = mapping.len() as u64;
    let to = in_memory(checked(to, len, total)?);
    let from = in_memory(checked(from, len, total)?);
    copying(
        &mapping,
        || [to.clone(), from.clone()],
        |data| {
            // SAFETY: both ranges lie in the pinned, writable mapping.
            unsafe { data.add(to.start).copy_from(data.add(from.start), to.len()) }
        },
    )
}

/// Where `needle` first begins at or after `from` and ends at or before `to`.
pub fn find(handle: Handle, from: u64, to: u64, needle: &[u8]) -> Result<Option<u64>> {
    searched(handle, from, to, |hay| {
        let found = search::first(hay, needle);
        (found, 0..found.map_or(hay.len(), |at| at + needle.len()))
    })
}

/// Where it last does.
pub fn find_last(handle: Handle, from: u64, to: u64, needle: &[u8]) -> Result<Option<u64>> {
    searched(handle, from, to, |hay| {
        let found = search::last(hay, needle);
        (found, found.unwrap_or(0)..hay.len())
    })
}

/// Calls `search` with the bytes between two offsets; it returns what it found, and which bytes it
/// has looked at.
fn searched(
    handle: Handle,
    from: u64,
    to: u64,
    search: impl FnOnce(&[u8]) -> (Option<usize>, Range<usize>),
) -> Result<Option<u64>> {
    let mapping = pin(handle)?;
    let total = mapping.len() as u64;
    let to = if to == TO_END { total } else { to };
    let (from, to) = (
        in_memory(checked(from, 0, total)?).start,
        in_memory(checked(to, 0, total)?).start,
    );
    if from > to {
        return Ok(None); // As Python's find: not even nothing is there.
    }
    // SAFETY: the bytes lie in the pinned mapping, so they can be read as long as the slice lives. That they don't change
    // meanwhile, as the rules of a shared slice ask, can't be promised: other processes may write to them. It is relied on
    // that no bound or address in memchr and in `search` is computed from what a byte was, only from lengths and from places of
    // matches, which are checked against the slice before they are used. Then a byte that changes between two looks makes a
    // match missed or reported, and nothing else. A copy of each block would cost more than the search.
    let hay = unsafe { std::slice::from_raw_parts(mapping.data().add(from), to - from) };
    let (found, seen) = search(hay);
    let seen = from + seen.start..from + seen.end;
    still_intact(&mapping, || [seen.clone()])?;
    Ok(found.map(|at| (from + at) as u64))
}

/// Writes back the pages that hold a range; [`Error::Fault`] when anything of the mapping was lost.
pub fn flush(handle: Handle, offset: u64, len: u64, how: Flush) -> Result<()> {
    let mapping = pin(handle)?;
    let range = checked_to_end(offset, len, mapping.len() as u64)?;
    mapping.flush(in_memory(range), how)?;
    mapping.slot().refuse_faults()
}
