//! Opening: from a path, a descriptor or nothing to a mapping that has a handle.

use crate::commit::writer::Writer;
use crate::files::creation::Creation;
use crate::files::existing;
use crate::files::file::{File, Kind};
use crate::files::place::Place;
use crate::handles::table::Handle;
use crate::memory::mapping::Mapping;
use crate::memory::mmap::Memory;
use crate::operations::paging::{self, Prefault};
use crate::options::{Call, Flags, Options};
use crate::os::advice::Advice;
use crate::range::checked;
use crate::registry::live::insert;
use crate::status::{Error, Result};
use std::ffi::CStr;
use std::os::fd::RawFd;

/// Opens the file at `path` and maps it.
pub fn open(path: &CStr, options: &Options) -> Result<Handle> {
    let options = options.checked(Call::Open)?;
    if options.flags.has(Flags::ATOMIC) {
        return open_for_commits(path, &options);
    }
    let (file, size) = existing::open(path, &options)?;
    map_existing(file, size, &options)
}

/// The same for commits, which are of a name: it is looked up in one folder for the file and for its log, and no link.
fn open_for_commits(path: &CStr, options: &Options) -> Result<Handle> {
    let place = Place::of(path, options)?;
    let writer = Writer::open(&place)?;
    let (file, size) = File::of_path(place.open(libc::O_RDWR | libc::O_NOFOLLOW, 0))?;
    if !writer.is_of(&file) {
        return Err(Error::Busy); // Somebody has given the name to another file meanwhile.
    }
    let (memory, len) = memory_of(&file, size, options)?;
    let mapping = Mapping::of_file(memory, file, len, options).committed_by(writer);
    prepared(mapping, options)
}

/// Maps what the descriptor names, which stays the caller's.
pub fn from_fd(fd: RawFd, options: &Options) -> Result<Handle> {
    let options = options.checked(Call::FromFd)?;
    let (sealed, keeps_none) = (
        options.flags.has(Flags::SEALED),
        options.flags.has(Flags::NO_DESCRIPTOR),
    );
    if keeps_none && !sealed {
        // The caller's will do: duplicating and closing one costs a tenth of all of this.
        let (file, size) = File::lent(fd)?;
        let (memory, len) = memory_of(&file, size, &options)?;
        let mapping = Mapping::without_descriptor(memory, &file, len, &options);
        return prepared(mapping, &options);
    }
    let (file, size) = match sealed {
        true => File::from_sealed_fd(fd)?,
        false => File::from_fd(fd)?,
    };
    map_existing(file, size, &options)
}

/// Maps a file that is there, or the part of it that the checked options ask for.
pub fn map_existing(file: File, size: u64, options: &Options) -> Result<Handle> {
    let (memory, len) = memory_of(&file, size, options)?;
    prepared(Mapping::of_file(memory, file, len, options), options)
}

/// What the options ask for of a file of `size` bytes, with its length.
fn memory_of(file: &File, size: u64, options: &Options) -> Result<(Memory, u64)> {
    let len = match file.kind {
        // It has no size to compare with; the kernel knows what it maps.
        Kind::Character if options.length != 0 => options.length,
        Kind::Character => return Err(Error::NotRegular),
        Kind::Regular | Kind::Block => window(options, size)?,
    };
    Ok((Memory::of_file(file, len, options)?, len))
}

fn prepared(mapping: Mapping, options: &Options) -> Result<Handle> {
    prepare(&mapping, options, Prefault::Read)?;
    insert(mapping)
}

/// Gives a new file, of which nobody else knows, `size` zero bytes, and maps it.
pub fn map_new(file: File, size: u64, options: &Options) -> Result<Handle> {
    let len = window(options, size)?;
    let memory = Memory::of_file(&file, len, options)?;
    file.fill(size, options.flags)?;
    let mapping = Mapping::of_file(memory, file, len, options);
    prepare(&mapping, options, Prefault::Write)?;
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
    let atomic = options.flags.has(Flags::ATOMIC);
    let len = window(&options, size)?;
    let mut creation = Creation::at(Place::of(path, &options)?)?;
    let whole = created_whole(&mut creation, size, len, &options)?;
    let is_whole = whole.is_some();
    let file = match whole {
        Some(file) => file,
        None => creation.by_name(&options)?,
    };
    // Mapped before it is sized: nothing is lost or reserved for a mapping that cannot be had.
    let memory = Memory::of_file(&file, len, &options)?;
    if !is_whole {
        creation.fill(&file, size, options.flags)?;
    }
    if options.flags.has(Flags::DURABLE) {
        file.sync()?;
        creation.sync_name()?;
    }
    let mut mapping = Mapping::of_file(memory, file, len, &options);
    if atomic {
        mapping = mapping.committed_by(Writer::of_new(creation.place())?);
    }
    prepare(&mapping, &options, Prefault::Write)?;
    let handle = insert(mapping)?;
    creation.finish();
    Ok(handle)
}

/// A new file that has had no name before it had its size; None where there is another at the path, or the file
/// system has no such files.
fn created_whole(
    creation: &mut Creation,
    size: u64,
    len: u64,
    options: &Options,
) -> Result<Option<File>> {
    let Some(file) = creation.unnamed(options) else {
        return Ok(None);
    };
    // What can't be mapped gets no name.
    drop(Memory::of_file(&file, len, options)?);
    file.fill(size, options.flags)?;
    Ok(creation.name(file))
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
    // Also for the pages kept for growing: that needs no memory, and leaves the mapping in one area.
    mapping.wishes.apply(mapping.reserved())?;
    let all = 0..mapping.len();
    if options.advice != Advice::Normal && !options.advice.lasts() {
        paging::advise_pages(mapping, all.clone(), options.advice)?;
    }
    if options.flags.has(Flags::PREFAULT) {
        let what_for = match mapping.writable() {
            Ok(()) => prefault,
            Err(_) => Prefault::Read,
        };
        paging::prefault_pages(mapping, all.clone(), what_for)?;
    }
    match mapping.wishes.locked() {
        true => paging::lock_pages(mapping, all),
        false => Ok(()),
    }
}
