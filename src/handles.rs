//! The one table of this process, and what is opened, looked at and closed there.

use crate::file::{Creation, File, Kind};
use crate::mapping::{Mapping, map_file};
use crate::options::{Call, Options};
use crate::range::checked;
use crate::status::{Error, Result};
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64};
use crate::table::{Empty, Handle, Pinned, Slot, Table};
use std::ffi::CStr;
use std::os::fd::RawFd;

static TABLE: Table<Mapping> = Table::new(
    Empty {
        chunks: [const { AtomicPtr::new(std::ptr::null_mut()) }; _],
        free: AtomicU64::new(0),
        fresh: AtomicU32::new(0),
    },
    zeroed_slots,
);

/// A handle may cost 256 bytes beside the kernel's own; the fault guard is to have its share.
const _: () = assert!(size_of::<Slot<Mapping>>() <= 128);

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
    let memory = map_file(&file, len, options)?;
    TABLE.insert(Mapping::of_file(memory, file, len, options))
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
    let memory = map_file(&file, len, &options)?;
    creation.fill(&file, size, options.flags)?;
    let handle = TABLE.insert(Mapping::of_file(memory, file, len, &options))?;
    creation.finish();
    Ok(handle)
}

/// Maps `size` zero bytes without a file.
pub fn anonymous(size: u64, options: &Options) -> Result<Handle> {
    let options = options.checked(Call::Anonymous)?;
    TABLE.insert(Mapping::anonymous(size, &options)?)
}

/// Makes the handle invalid at once; the memory is unmapped when the last pin of it goes.
pub fn close(handle: Handle) -> Result<()> {
    TABLE.close(handle)
}

/// Keeps the mapping in place while one operation runs.
#[inline]
pub fn pin(handle: Handle) -> Result<Pinned<'static, Mapping>> {
    TABLE.pin(handle)
}

/// Keeps the mapping in place until [`unview`], and answers where it is and how long.
#[inline(always)] // See `Table::view`.
pub fn view(handle: Handle) -> Result<(*mut u8, usize)> {
    TABLE.view(handle, |mapping| (mapping.data(), mapping.len()))
}

/// Gives one view back.
#[inline]
pub fn unview(handle: Handle) -> Result<()> {
    TABLE.unview(handle)
}
