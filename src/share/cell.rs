//! Cells in a mapping: where they are, and whether there is one.

use crate::handles::table::Handle;
use crate::operations::access::{copying, intact};
use crate::range::{checked, in_memory};
use crate::registry::live::{Pinned, pin};
use crate::share::seqlock::{Cell, Found, HEAD};
use crate::status::{Error, Result};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

/// With four a reader begins again only when the writer publishes three values while it copies one.
const SLOTS: usize = 4;
const WORD: u64 = 8;
/// The words of the header: what it is, the capacity; and, in a cache line of its own, the newest.
const HEADER: u64 = 16;
const NEWEST: usize = 8;
/// "memmap", and the version of the layout, in this machine's order of bytes.
const MAGIC: u64 = 0x6d65_6d6d_6170_0002;
const LONGEST: u64 = 1 << 40;
/// Of longer values nobody is told whether they are whole without reading them: their length is the writer's word, and
/// looking takes time, and memory for the holes of a file in memory.
const LOOKED_THROUGH: usize = 64 << 20;

/// The words of a slot for values of up to `capacity` bytes: whole cache lines.
#[inline]
fn slot_words(capacity: u64) -> u64 {
    (HEAD as u64 + capacity.div_ceil(WORD)).div_ceil(8) * 8
}

/// How many bytes a cell takes for values of up to `capacity` bytes.
pub fn size(capacity: u64) -> Result<u64> {
    match capacity {
        0 => Err(Error::Invalid),
        1..=LONGEST => Ok((HEADER + SLOTS as u64 * slot_words(capacity)) * WORD),
        _ => Err(Error::Limit),
    }
}

/// The words of a mapping from `offset` on, as atomics.
#[inline]
fn words(mapping: &Pinned, offset: u64, bytes: u64) -> Result<&[AtomicU64]> {
    let range = in_memory(checked(offset, bytes, mapping.len() as u64)?);
    let first = mapping.data().wrapping_add(range.start).cast::<AtomicU64>();
    match first.is_aligned() {
        // SAFETY: the words lie in the pinned mapping. Others may write to them, as to any atomic.
        true => Ok(unsafe { slice::from_raw_parts(first, range.len() / size_of::<AtomicU64>()) }),
        false => Err(Error::Invalid),
    }
}

#[inline]
fn header(mapping: &Pinned, offset: u64) -> Result<&[AtomicU64]> {
    words(mapping, offset, HEADER * WORD)
}

/// The capacity of the cell there, None where none is.
#[inline]
fn capacity_of(header: &[AtomicU64]) -> Option<u64> {
    // Acquire: who made it has made all of it.
    let made = header[0].load(Ordering::Acquire) == MAGIC;
    // Relaxed: never changes.
    made.then(|| header[1].load(Ordering::Relaxed))
}

#[inline]
fn at(mapping: &Pinned, offset: u64) -> Result<(Cell<'_, SLOTS>, u64)> {
    let header = header(mapping, offset)?;
    let capacity = capacity_of(header).filter(|capacity| (1..=LONGEST).contains(capacity));
    let capacity = capacity.ok_or(Error::Corrupt)?;
    let ring = SLOTS as u64 * slot_words(capacity) * WORD;
    let cell = Cell {
        newest: &header[NEWEST],
        ring: words(mapping, offset + HEADER * WORD, ring)?,
    };
    Ok((cell, capacity))
}

/// Has `act` do something with the cell at `offset`; [`Error::Fault`] where a byte of it was lost.
#[inline]
fn with<R>(
    mapping: &Pinned,
    offset: u64,
    act: impl FnOnce(Cell<'_, SLOTS>, u64) -> Result<R>,
) -> Result<R> {
    let (cell, capacity) = match at(mapping, offset) {
        Ok(found) => found,
        Err(error) => return Err(no_cell(mapping, offset, error)),
    };
    let bytes = HEADER * WORD + size_of_val(cell.ring) as u64;
    let touched = move || [in_memory(offset..offset + bytes)];
    copying(mapping, touched, |_| act(cell, capacity))?
}

/// Why there is none: its header may be what was lost.
#[cold]
fn no_cell(mapping: &Pinned, offset: u64, error: Error) -> Error {
    let header = checked(offset, HEADER * WORD, mapping.len() as u64);
    let whole = header.and_then(|header| intact(mapping, || [in_memory(header.clone())]));
    match whole {
        Err(Error::Fault) => Error::Fault,
        _ => error,
    }
}

/// Makes a cell at `offset`, unless there is one of that capacity already.
pub fn create(handle: Handle, offset: u64, capacity: u64) -> Result<()> {
    let bytes = size(capacity)?;
    let mapping = pin(handle)?;
    mapping.writable()?;
    let all = words(&mapping, offset, bytes)?;
    let range = in_memory(offset..offset + bytes);
    copying(
        &mapping,
        || [range.clone()],
        |_| match capacity_of(all) {
            Some(there) if there == capacity => Ok(()),
            Some(_) => Err(Error::Corrupt),
            None => {
                // Relaxed, all but the last, which is Release: it says that there is a cell, and publishes the others.
                let slots = all[HEADER as usize..].chunks(slot_words(capacity) as usize);
                slots.for_each(|slot| slot[0].store(0, Ordering::Relaxed));
                all[NEWEST].store(0, Ordering::Relaxed);
                all[1].store(capacity, Ordering::Relaxed);
                all[0].store(MAGIC, Ordering::Release);
                Ok(())
            }
        },
    )?
}

/// Publishes `len` bytes.
///
/// # Safety
///
/// `from` can be read for `len` bytes.
pub unsafe fn publish(handle: Handle, offset: u64, from: *const u8, len: u64) -> Result<()> {
    let mapping = pin(handle)?;
    mapping.writable()?;
    with(&mapping, offset, |cell, capacity| {
        if len > capacity {
            return Err(Error::Range);
        }
        // SAFETY: `from` can be read for `len` bytes, and they fit into a slot.
        match unsafe { cell.publish(from, len as usize) } {
            true => Ok(()),
            false => Err(Error::Corrupt),
        }
    })
}

/// Copies the newest value to `to`; its length and its number, both 0 when there is none yet.
///
/// # Safety
///
/// `to` can be written for `room` bytes.
pub unsafe fn read(handle: Handle, offset: u64, to: *mut u8, room: u64) -> Result<(u64, u64)> {
    let mapping = pin(handle)?;
    with(&mapping, offset, |cell, _| {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        // SAFETY: `to` can be written for `room` bytes.
        match unsafe { cell.read(to, room) } {
            Found::Value { len, number } => Ok((len as u64, number)),
            Found::Nothing => Ok((0, 0)),
            Found::TooLong => Err(Error::Range),
            Found::Torn => Err(Error::Corrupt),
            Found::Overtaken => Err(Error::Busy),
        }
    })
}

/// The capacity of the cell, and the number of the value that a reader would get; of the newest where none is
/// whole.
pub fn look(handle: Handle, offset: u64) -> Result<(u64, u64)> {
    let mapping = pin(handle)?;
    with(&mapping, offset, |cell, capacity| {
        // Acquire: who has seen a number finds that value, or a newer one.
        let newest = || cell.newest.load(Ordering::Acquire);
        let number = newest();
        if Known::of(handle, offset, number, capacity).is_whole() {
            return Ok((capacity, number));
        }
        match cell.look(LOOKED_THROUGH) {
            Found::Value { number, .. } => {
                Known::of(handle, offset, number, capacity).note();
                Ok((capacity, number))
            }
            Found::Nothing => Ok((capacity, 0)),
            Found::TooLong | Found::Torn | Found::Overtaken => Ok((capacity, newest())),
        }
    })
}

/// Values that take long to look through, and were found whole: of many that somebody asks for again and again
/// the last ones, by a hash of their own. What was whole stays so: only a crash of the machine tears it, after which
/// nobody knows it.
struct Known(Option<u64>);

static KNOWN: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];

impl Known {
    /// Cells of no more than this are looked through each time.
    const SHORT: u64 = 4096;

    fn of(handle: Handle, offset: u64, number: u64, capacity: u64) -> Known {
        let hash = || {
            let mut hasher = DefaultHasher::new();
            (handle, offset, number).hash(&mut hasher);
            hasher.finish()
        };
        Known((capacity > Known::SHORT && number != 0).then(hash))
    }

    fn place(hash: u64) -> &'static AtomicU64 {
        &KNOWN[hash as usize % KNOWN.len()]
    }

    fn is_whole(&self) -> bool {
        // Relaxed, here and below: it is a number, and the values are ordered by their own.
        self.0
            .is_some_and(|hash| Known::place(hash).load(Ordering::Relaxed) == hash)
    }

    fn note(&self) {
        if let Some(hash) = self.0 {
            Known::place(hash).store(hash, Ordering::Relaxed);
        }
    }
}
