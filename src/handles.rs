//! The one table of this process, and what is opened, looked at and closed there.

use crate::file::{Creation, File, Kind};
use crate::mapping::Mapping;
use crate::memory::Memory;
use crate::options::{Call, Flags, Options};
use crate::paging::{self, Advice, Prefault};
use crate::poison;
use crate::range::checked;
use crate::slot::{Slot, Span};
use crate::status::{Error, Result};
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::table::{Chunk, Empty, Handle, Table};
use std::ffi::CStr;
use std::os::fd::RawFd;

static TABLE: Table<Mapping> = Table::new(
    Empty {
        chunks: [const {
            Chunk {
                slots: AtomicPtr::new(std::ptr::null_mut()),
                not_lowest: AtomicUsize::new(0),
                highest: AtomicUsize::new(0),
            }
        }; _],
        free: AtomicU64::new(0),
        fresh: AtomicU32::new(0),
    },
    zeroed_slots,
);

/// A handle may cost 256 bytes beside the kernel's own.
const _: () = assert!(size_of::<Slot<Mapping>>() <= 256);

/// A mapping that is pinned by an operation.
pub type Pinned = crate::table::Pinned<'static, Mapping>;

/// Slots that take no memory before they are used, however many come at once.
fn zeroed_slots(len: usize) -> Option<Box<[Slot<Mapping>]>> {
    let layout = std::alloc::Layout::array::<Slot<Mapping>>(len).ok()?;
    // SAFETY: the layout is not of size 0.
    let slots = unsafe { std::alloc::alloc_zeroed(layout) }.cast::<Slot<Mapping>>();
    if slots.is_null() {
        return None;
    }
    let slots = std::ptr::slice_from_raw_parts_mut(slots, len);
    // SAFETY: the global allocator made them with their layout, and zero is an unused slot.
    Some(unsafe { Box::from_raw(slots) })
}

/// Opens the file at `path` and maps it.
pub fn open(path: &CStr, options: &Options) -> Result<Handle> {
    let options = options.checked(Call::Open)?;
    let (file, size) = File::open(path, &options)?;
    map_existing(file, size, &options)
}

/// Maps what the descriptor names, which stays the caller's.
pub fn from_fd(fd: RawFd, options: &Options) -> Result<Handle> {
    let options = options.checked(Call::FromFd)?;
    let (file, size) = File::from_fd(fd)?;
    map_existing(file, size, &options)
}

fn map_existing(file: File, size: u64, options: &Options) -> Result<Handle> {
    let len = match file.kind {
        // It has no size to compare with; the kernel knows what it maps.
        Kind::Character if options.length != 0 => options.length,
        Kind::Character => return Err(Error::NotRegular),
        Kind::Regular | Kind::Block => window(options, size)?,
    };
    let memory = Memory::of_file(&file, len, options)?;
    let mapping = Mapping::of_file(memory, file, len, options);
    prepare(&mapping, options, Prefault::Read)?;
    insert(mapping)
}

/// The length of the part of a file of `size` bytes that the options ask for.
fn window(options: &Options, size: u64) -> Result<u64> {
    let all = size.checked_sub(options.offset).ok_or(Error::Range)?;
    match options.length {
        0 => Ok(all),
        length => checked(options.offset, length, size).map(|_| length),
    }
}

/// Creates the file at `path`, or empties the one that is there, with `size` zero bytes, and maps it.
pub fn create(path: &CStr, size: u64, options: &Options) -> Result<Handle> {
    let options = options.checked(Call::Create)?;
    let len = window(&options, size)?;
    let (creation, file) = Creation::start(path, &options)?;
    // Mapped before it is sized: nothing is lost or reserved for a mapping that cannot be had.
    let memory = Memory::of_file(&file, len, &options)?;
    creation.fill(&file, size, options.flags)?;
    let mapping = Mapping::of_file(memory, file, len, &options);
    prepare(&mapping, &options, Prefault::Write)?;
    let handle = insert(mapping)?;
    creation.finish();
    Ok(handle)
}

/// Maps `size` zero bytes without a file.
pub fn anonymous(size: u64, options: &Options) -> Result<Handle> {
    let options = options.checked(Call::Anonymous)?;
    let mapping = Mapping::anonymous(size, &options)?;
    prepare(&mapping, &options, Prefault::Write)?;
    insert(mapping)
}

/// Does to the pages what the options wish, while nobody else has them.
fn prepare(mapping: &Mapping, options: &Options, prefault: Prefault) -> Result<()> {
    let all = 0..mapping.len();
    let wish = |flag, advice| match options.flags.has(flag) {
        true => paging::advise_pages(mapping, all.clone(), advice),
        false => Ok(()),
    };
    match wish(Flags::HUGE_PAGES, Advice::HugePage) {
        Err(Error::Unsupported) => {} // Then there are none.
        answer => answer?,
    }
    wish(Flags::NO_DUMP, Advice::DontDump)?;
    if options.advice != Advice::Normal {
        paging::advise_pages(mapping, all.clone(), options.advice)?;
    }
    if options.flags.has(Flags::PREFAULT) {
        let what_for = match mapping.writable() {
            Ok(()) => prefault,
            Err(_) => Prefault::Read,
        };
        paging::prefault_pages(mapping, all.clone(), what_for)?;
    }
    match options.flags.has(Flags::LOCKED) {
        true => paging::lock_pages(mapping, all),
        false => Ok(()),
    }
}

/// Takes a mapping in and names it.
pub fn insert(mapping: Mapping) -> Result<Handle> {
    poison::heed_environment();
    let span = mapping.span();
    TABLE.insert(mapping, span)
}

/// Makes the handle invalid at once; the memory is unmapped when the last pin of it goes.
pub fn close(handle: Handle) -> Result<()> {
    TABLE.close(handle)
}

/// Mappings whose owner was dropped without closing them.
static LEAKS: AtomicU64 = AtomicU64::new(0);

/// Closes a mapping that nobody has closed, and counts that.
pub fn reap(handle: Handle) -> Result<()> {
    close(handle)?;
    // Relaxed, here and below: a number.
    LEAKS.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// How many mappings were reaped.
pub fn leaks() -> u64 {
    LEAKS.load(Ordering::Relaxed)
}

/// Keeps the mapping in place while one operation runs.
#[inline]
pub fn pin(handle: Handle) -> Result<Pinned> {
    TABLE.pin(handle)
}

/// Keeps the mapping in place until [`unview`], and answers where it is and how long.
pub fn view(handle: Handle) -> Result<(*mut u8, usize)> {
    TABLE.view(handle, |mapping| (mapping.data(), mapping.len()))
}

/// The same if it goes without a detour.
#[inline(always)] // See `Table::view_at_once`.
pub fn view_at_once(handle: Handle) -> Option<(*mut u8, usize)> {
    TABLE.view_at_once(handle, |mapping| (mapping.data(), mapping.len()))
}

/// Gives one view back; [`Error::Fault`] when anything of the mapping was lost.
pub fn unview(handle: Handle) -> Result<()> {
    match TABLE.unview(handle)? {
        0 => Ok(()),
        _ => Err(Error::Fault),
    }
}

/// The same if it goes without a detour; false if it doesn't.
#[inline(always)] // See `Table::view_at_once`.
pub fn unview_at_once(handle: Handle) -> bool {
    TABLE.unview_at_once(handle)
}

/// The mapping that holds `address`, pinned, for the fault handler. One of our own comes before one
/// that was lent: whoever lent it may have unmapped it without a word.
pub fn pin_at(address: usize) -> Option<Pinned> {
    let mut lent = None;
    for mapping in TABLE.pin_at(address) {
        if !mapping.is_lent() {
            return Some(mapping);
        }
        lent = Some(mapping);
    }
    lent
}

/// Whether there is a mapping that has pages of `span`.
pub fn any_in(span: Span) -> bool {
    TABLE
        .spans()
        .any(|other| other.start < span.end && span.start < other.end)
}

/// How many mappings there are, and how many bytes of pages they have.
pub fn count() -> (u64, u64) {
    TABLE.spans().fold((0, 0), |(count, bytes), span| {
        (count + 1, bytes + (span.end - span.start) as u64)
    })
}
