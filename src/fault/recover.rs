//! What was lost of a mapping, and getting it back.

use crate::files::file::Kind;
use crate::handles::slot::{Span, Views};
use crate::handles::table::Handle;
use crate::memory::absence;
use crate::memory::losses::Causes;
use crate::memory::mapping::Mapping;
use crate::operations::commits;
use crate::registry::live::{self, Pinned, pin};
use crate::registry::turn::turn;
use crate::status::{Error, Result};
use crate::threads::fork;

/// What was lost of a mapping since it was opened or last recovered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// From the beginning of the mapping to the first byte that was lost.
    pub offset: u64,
    /// From there to behind the last byte that was lost; what lies between may be whole.
    pub length: u64,
    /// How many faults there were; 0 when nothing was lost.
    pub count: u32,
    /// Why.
    pub causes: Causes,
}

/// What was lost.
pub fn fault(handle: Handle) -> Result<Fault> {
    let mapping = pin(handle)?;
    let count = mapping.slot().faults();
    if count == 0 {
        return Ok(Fault::default());
    }
    let (skipped, len) = (mapping.page_skip(), mapping.len());
    let (lost, causes) = mapping.lost.summary(skipped + len);
    let (start, end) = (
        lost.start.saturating_sub(skipped),
        lost.end.saturating_sub(skipped),
    );
    Ok(Fault {
        offset: start as u64,
        length: (end - start) as u64,
        count,
        causes,
    })
}

/// Maps the file's pages back where they were lost, and forgets the losses and a flush that failed.
/// [`Error::Fault`] while the file is still too short for the mapping.
pub fn recover(handle: Handle) -> Result<()> {
    let turn = turn(handle);
    let mut mapping = turn.pin()?;
    mapping.refuse_what_was_left_behind()?;
    if mapping.writer().is_some() {
        return commits::recover(&mut mapping);
    }
    if mapping.slot().faults() != 0 {
        refuse_unless_whole(&mapping)?;
        // Those who view it keep their addresses; handlers of faults under way are waited for, so that
        // none puts a stand-in page over what is mapped back.
        let mut alone = mapping.alone(Views::Allowed)?;
        let _change = fork::hold_off();
        alone.change(map_back)?;
        alone.forget_faults();
    }
    mapping.acknowledge_failures();
    Ok(())
}

fn refuse_unless_whole(mapping: &Pinned) -> Result<()> {
    let file = mapping.file()?;
    let end = mapping.offset + mapping.len() as u64;
    match file.kind != Kind::Character && file.size()? < end {
        true => Err(Error::Fault),
        false => Ok(()),
    }
}

fn map_back(mapping: &mut Mapping) -> Result<()> {
    let span = mapping.span();
    for run in mapping.lost.runs(span.end - span.start) {
        mapping.map_back(&run)?;
    }
    mapping.lost.clear();
    Ok(())
}

/// For the only thread of a child of fork: what it may not have counts as lost, and the guard leaves what is at its
/// addresses alone.
pub fn begin_child() {
    if !absence::any() {
        return;
    }
    live::each_in_child(|mapping, slot| {
        if let Some(missing) = mapping.wishes.absence.begin() {
            let all = mapping.reserved();
            let missing = missing.start..missing.end.min(all.end - all.start);
            // No memory is mapped here: it would come to lie where the pages were.
            let note = || {
                mapping
                    .lost
                    .note_hull(missing, all.end - all.start, Causes::UNKNOWN);
            };
            slot.lose(note, || slot.set_span(Span::default()));
        }
    });
}
