//! Size: growing, shrinking and following the file.
//!
//! Others may change the file at any time. So its size is asked for when nothing is waited for any more, and what
//! makes it longer never makes it shorter ([`blocks`](crate::files::blocks)). A mapping that the file has become too short
//! for is not made to look whole.

use crate::files::file::Kind;
use crate::handles::slot::Views;
use crate::handles::table::{Alone, Handle};
use crate::memory::mapping::Mapping;
use crate::memory::mmap::Backing;
use crate::operations::commits;
use crate::operations::paging;
use crate::options::Flags;
use crate::os::limits::refuse_more_than_available;
use crate::range::addressable;
use crate::registry::live::Pinned;
use crate::registry::turn::turn;
use crate::status::{Error, Result};
use crate::threads::fork;
use std::ops::Range;

/// Gives the mapping, and the file with it, another length.
///
/// Bytes that the file has behind the mapping's end are not ours: shrinking leaves them, growing
/// takes them in before it makes the file longer.
pub fn resize(handle: Handle, new_len: u64) -> Result<()> {
    let turn = turn(handle);
    let mut mapping = turn.pin()?;
    refuse_what_is_lent(&mapping)?;
    refuse_to_hide_losses(&mapping)?;
    let new = addressable(new_len)?;
    if mapping.writer().is_some() {
        return commits::resize(&mut mapping, new);
    }
    match &mapping.backing {
        Backing::Anonymous => resize_memory(&mut mapping, new),
        _ => resize_with_file(&mut mapping, new),
    }
}

fn resize_memory(mapping: &mut Pinned, new: usize) -> Result<()> {
    mapping.writable()?; // What is cut is zeroed, so that it is zero when it comes back.
    let old = mapping.len();
    if new >= old && !mapping.flags.has(Flags::OVERCOMMIT) {
        refuse_more_than_available((new - old) as u64)?;
    }
    if stays_in_place(mapping, new) {
        let new_pages = lock_ahead(mapping, new)?;
        publish(mapping, new);
        new_pages.bring_in(mapping);
        return Ok(());
    }
    alone(mapping)?.resize(new, |_| Ok(()), |mapping| mapping.discard(new))
}

fn resize_with_file(mapping: &mut Pinned, new: usize) -> Result<()> {
    let _ = mapping.resizable_file()?;
    let new_end = mapping.offset.checked_add(new as u64).ok_or(Error::Limit)?;
    if stays_in_place(mapping, new) {
        let growth = Growth::begin(mapping, new, new_end)?;
        let grown = lock_ahead(mapping, new).and_then(|new_pages| {
            growth
                .finish(mapping)
                .inspect_err(|_| new_pages.unlock(mapping))?;
            Ok(new_pages)
        });
        let new_pages = grown.inspect_err(|_| growth.abandon(mapping))?;
        publish(mapping, new);
        new_pages.bring_in(mapping);
        return Ok(());
    }
    refuse_to_move_views(mapping, new)?;
    let mut alone = alone(mapping)?;
    let old_end = alone.get().offset + alone.get().len() as u64;
    if new >= alone.get().len() {
        let growth = Growth::begin(alone.get(), new, new_end)?;
        return alone
            .resize(new, |mapping| growth.finish(mapping), |_| Ok(()))
            .inspect_err(|_| growth.abandon(alone.get()));
    }
    let size = size_of_file(alone.get(), new_end)?;
    let ours_to_cut = size <= old_end && new_end < size;
    alone.resize(
        new,
        |_| Ok(()),
        |mapping| match ours_to_cut {
            true => mapping.resizable_file()?.truncate(new_end),
            false => Ok(()),
        },
    )
}

/// Takes the size that the file has now as the mapping's, from its offset on.
pub fn refresh(handle: Handle) -> Result<u64> {
    let turn = turn(handle);
    let mut mapping = turn.pin()?;
    refuse_what_is_lent(&mapping)?;
    refuse_to_hide_losses(&mapping)?;
    // The length of a mapping that is committed is its own until then.
    if mapping.file()?.kind == Kind::Character || mapping.writer().is_some() {
        return Err(Error::Unsupported);
    }
    let new = length_in_file(&mapping)?;
    if stays_in_place(&mapping, new) {
        let new_pages = lock_ahead(&mapping, new)?;
        publish(&mapping, new);
        new_pages.bring_in(&mapping);
        return Ok(new as u64);
    }
    refuse_to_move_views(&mapping, new)?;
    let mut alone = alone(&mut mapping)?;
    // Of now, after what was waited for.
    let new = length_in_file(alone.get())?;
    alone.resize(new, |_| Ok(()), |_| Ok(()))?;
    Ok(new as u64)
}

fn length_in_file(mapping: &Mapping) -> Result<usize> {
    addressable(size_of_file(mapping, 0)?.saturating_sub(mapping.offset))
}

/// The size that the file has now. Others may change it at any time, so it is asked for here alone, and by each when
/// nothing is waited for any more.
///
/// [`Error::Fault`] when the file ends before `kept`: bytes of the mapping that somebody has cut off would be zeros
/// that nobody is told of.
fn size_of_file(mapping: &Mapping, kept: u64) -> Result<u64> {
    match mapping.file()?.size()? {
        size if size < kept => Err(Error::Fault),
        size => Ok(size),
    }
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

/// Whether nothing that anybody sees is moved or cut.
fn stays_in_place(mapping: &Mapping, new: usize) -> bool {
    (mapping.len()..=mapping.capacity()).contains(&new)
}

/// Returns the error that a move or a cut would return, before anything is changed.
fn refuse_to_move_views(mapping: &Pinned, new: usize) -> Result<()> {
    match !stays_in_place(mapping, new) && mapping.slot().views() > 0 {
        true => Err(Error::Busy),
        false => Ok(()),
    }
}

/// A file that is being made longer: it has blocks, and not yet the size.
struct Growth {
    /// From which size to which, unless it is long enough.
    missing: Option<(u64, u64)>,
}

impl Growth {
    /// For a mapping that will be `new` bytes long and so reach to `end` in the file.
    fn begin(mapping: &Mapping, new: usize, end: u64) -> Result<Growth> {
        let size = size_of_file(mapping, end - (new - mapping.len()) as u64)?;
        if end <= size {
            return Ok(Growth { missing: None });
        }
        mapping
            .resizable_file()?
            .reserve(size, end, mapping.flags)?;
        Ok(Growth {
            missing: Some((size, end)),
        })
    }

    fn finish(&self, mapping: &Mapping) -> Result<()> {
        match (self.missing, mapping.resizable_file()?) {
            (Some((size, end)), file) => file.lengthen(size, end, mapping.flags),
            (None, _) => Ok(()),
        }
    }

    /// Gives the blocks back.
    fn abandon(&self, mapping: &Mapping) {
        if let (Some((size, end)), Ok(file)) = (self.missing, mapping.resizable_file()) {
            file.give_back(size, end);
        }
    }
}

/// Pages that a mapping grows into, of one whose pages are to stay in memory.
#[must_use]
struct NewPages(Option<Range<usize>>);

/// Sees to it that the pages between the length and `new` are locked as soon as they are there.
fn lock_ahead(mapping: &Mapping, new: usize) -> Result<NewPages> {
    let pages = mapping.len()..new;
    if !mapping.wishes.locked() || pages.is_empty() {
        return Ok(NewPages(None));
    }
    paging::lock_when_touched(mapping, pages.clone())?;
    Ok(NewPages(Some(pages)))
}

impl NewPages {
    /// Brings them in, as far as there is memory; those that aren't stay in it when they come.
    fn bring_in(self, mapping: &Mapping) {
        if let Some(pages) = self.0 {
            let _ = paging::lock_pages(mapping, pages);
        }
    }

    /// Lets them go, but for the page that they share with what was there before.
    fn unlock(&self, mapping: &Mapping) {
        if let Some(pages) = &self.0 {
            let start = mapping.first_page_behind(pages.start).min(pages.end);
            let _ = paging::unlock_pages(mapping, start..pages.end);
        }
    }
}

/// Shows the new length of a mapping that stays in place.
fn publish(mapping: &Pinned, new: usize) {
    let _change = fork::hold_off();
    mapping.widen(mapping.span_of(new), |mapping| mapping.set_len(new));
}

/// A mapping that nobody else uses until it has its new length.
struct Sole<'p>(Alone<'p, Mapping>);

fn alone(mapping: &mut Pinned) -> Result<Sole<'_>> {
    let alone = mapping.alone(Views::Refused)?;
    // Asked again, now that no handler is under way: what moved with stand-in pages would no longer be
    // what the record of the losses speaks of.
    alone.refuse_faults()?;
    Ok(Sole(alone))
}

impl Sole<'_> {
    fn get(&self) -> &Mapping {
        self.0.get()
    }

    /// Makes room first, then has `grow` lengthen what is behind the mapping, or `cut` shorten it, and shows the
    /// new length only when all of that has succeeded.
    fn resize(
        &mut self,
        new: usize,
        grow: impl FnOnce(&Mapping) -> Result<()>,
        cut: impl FnOnce(&Mapping) -> Result<()>,
    ) -> Result<()> {
        let (old, room) = (self.get().len(), self.get().capacity());
        if new > room {
            self.remap(new)?;
        }
        let grown = lock_ahead(self.get(), new).and_then(|pages| {
            let done = match new < old {
                true => cut(self.get()),
                false => grow(self.get()),
            };
            done.inspect_err(|_| pages.unlock(self.get()))?;
            Ok(pages)
        });
        match grown {
            Ok(pages) => {
                self.publish(new);
                pages.bring_in(self.get());
                Ok(())
            }
            Err(error) if new > room => {
                // Making a mapping smaller in place needs nothing; if it fails, only room is kept.
                let _ = self.remap(room);
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    fn remap(&mut self, room: usize) -> Result<()> {
        let _change = fork::hold_off();
        let (result, span) = self
            .0
            .change(|mapping| (mapping.remap(room), mapping.span()));
        self.0.set_span(span);
        result
    }

    fn publish(&mut self, new: usize) {
        let _change = fork::hold_off();
        let span = self.0.change(|mapping| {
            let shorter = new < mapping.len();
            mapping.set_len(new);
            if shorter {
                mapping.trim(new);
            }
            mapping.span()
        });
        self.0.set_span(span);
    }
}
