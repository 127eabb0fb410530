//! Size: growing, shrinking and following the file.

use crate::file::File;
use crate::handles::{Pinned, pin};
use crate::mapping::Mapping;
use crate::memory::Backing;
use crate::options::Flags;
use crate::range::addressable;
use crate::slot::Views;
use crate::status::{Error, Result};
use crate::system::refuse_more_than_available;
use crate::table::Handle;
use crate::turn::turn;

/// Gives the mapping, and the file with it, another length.
///
/// Bytes that the file has behind the mapping's end are not ours: shrinking leaves them, growing
/// takes them in before it makes the file longer.
pub fn resize(handle: Handle, new_len: u64) -> Result<()> {
    let _turn = turn(handle);
    let mut mapping = pin(handle)?;
    refuse_what_is_lent(&mapping)?;
    refuse_to_hide_losses(&mapping)?;
    let new = addressable(new_len)?;
    match &mapping.backing {
        Backing::Anonymous => resize_memory(&mut mapping, new),
        _ => resize_with_file(&mut mapping, new),
    }
}

fn resize_memory(mapping: &mut Pinned, new: usize) -> Result<()> {
    mapping.writable()?; // What is cut is zeroed, so that it is zero when it comes back.
    let old = mapping.len();
    if new < old {
        return shrink(mapping, new, |mapping| mapping.discard(new));
    }
    if !mapping.flags.has(Flags::OVERCOMMIT) {
        refuse_more_than_available((new - old) as u64)?;
    }
    grow(mapping, new)
}

fn resize_with_file(mapping: &mut Pinned, new: usize) -> Result<()> {
    let file = mapping.resizable_file()?;
    let size = file.size()?;
    let old_end = mapping.offset + mapping.len() as u64;
    let new_end = mapping.offset.checked_add(new as u64).ok_or(Error::Limit)?;
    if new < mapping.len() {
        let ours_to_cut = size <= old_end && new_end < size;
        return shrink(mapping, new, |mapping| match ours_to_cut {
            true => mapping.resizable_file()?.truncate(new_end),
            false => Ok(()),
        });
    }
    refuse_to_move_views(mapping, new)?;
    if new_end <= size {
        return grow(mapping, new);
    }
    file.grow(size, new_end, mapping.flags)?;
    grow(mapping, new).inspect_err(|_| take_back(mapping, size, new_end))
}

/// Memory that somebody else has mapped is theirs to cut, and to lengthen.
fn refuse_what_is_lent(mapping: &Pinned) -> Result<()> {
    match mapping.is_lent() {
        true => Err(Error::Unsupported),
        false => Ok(()),
    }
}

/// A mapping whose length changes over stand-in pages would look whole.
fn refuse_to_hide_losses(mapping: &Pinned) -> Result<()> {
    mapping.slot().refuse_faults()
}

/// Answers what a move would answer, before anything is done for it.
fn refuse_to_move_views(mapping: &Pinned, new: usize) -> Result<()> {
    match new > mapping.capacity() && mapping.slot().views() > 0 {
        true => Err(Error::Busy),
        false => Ok(()),
    }
}

/// Undoes the growth of the file, unless somebody else has made it longer still.
fn take_back(mapping: &Mapping, size: u64, new_end: u64) {
    let undo = |file: &File| match file.size()? == new_end {
        true => file.truncate(size),
        false => Ok(()),
    };
    // The error that is being answered is the one to tell.
    let _ = mapping.file().and_then(undo);
}

/// Takes the size that the file has now as the mapping's, from its offset on.
pub fn refresh(handle: Handle) -> Result<u64> {
    let _turn = turn(handle);
    let mut mapping = pin(handle)?;
    refuse_what_is_lent(&mapping)?;
    refuse_to_hide_losses(&mapping)?;
    let file = mapping.file()?;
    if file.kind == crate::file::Kind::Character {
        return Err(Error::Unsupported);
    }
    let new = addressable(file.size()?.saturating_sub(mapping.offset))?;
    match new < mapping.len() {
        true => shrink(&mut mapping, new, |_| Ok(()))?,
        false => grow(&mut mapping, new)?,
    }
    Ok(new as u64)
}

/// Lengthens the mapping: in place up to its capacity, else alone and possibly elsewhere.
fn grow(mapping: &mut Pinned, new: usize) -> Result<()> {
    if new <= mapping.capacity() {
        mapping.set_len(new);
        mapping.set_span(mapping.span());
        return Ok(());
    }
    change_alone(mapping, |mapping| {
        mapping.remap(new)?;
        mapping.set_len(new);
        Ok(())
    })
}

/// Shortens the mapping, alone, after `cut` has shortened what is behind it.
fn shrink(
    mapping: &mut Pinned,
    new: usize,
    cut: impl FnOnce(&Mapping) -> Result<()>,
) -> Result<()> {
    change_alone(mapping, |mapping| {
        cut(mapping)?;
        mapping.set_len(new);
        mapping.trim(new);
        Ok(())
    })
}

fn change_alone(
    mapping: &mut Pinned,
    change: impl FnOnce(&mut Mapping) -> Result<()>,
) -> Result<()> {
    let mut alone = mapping.alone(Views::Refused)?;
    // Asked again, now that no handler is under way: what moved with stand-in pages would no longer be
    // what the record of the losses speaks of.
    alone.refuse_faults()?;
    let (answer, span) = alone.change(|mapping| (change(mapping), mapping.span()));
    alone.set_span(span);
    answer
}
