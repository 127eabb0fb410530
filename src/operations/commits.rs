//! Commits: what was stored in the memory of a mapping that was opened with [`Flags::ATOMIC`] reaches its file at once, or
//! not at all.
//!
//! The memory is private to this process. After a commit the file has what was committed, so a change is what differs
//! from the file, among the pages that are no longer the file's. Nothing takes a page away from the memory unless nobody
//! else uses the mapping: a store beside a commit is in this commit or in the next, and never lost.

use crate::commit::changes;
use crate::commit::record::Draft;
use crate::commit::writer::{self, Turn as Taken, Watched, Writer};
use crate::handles::slot::Views;
use crate::handles::table::Handle;
use crate::memory::mapping::Mapping;
use crate::options::Flags;
use crate::os::limits::refuse_more_than_available;
use crate::os::page_size::page_size;
use crate::os::pagemap::{Pagemap, Way};
use crate::os::watch::Watch;
use crate::range::addressable;
use crate::registry::live::{self, Pinned, pin};
use crate::registry::turn::{InTurn, turn};
use crate::status::{Error, Result};
use crate::threads::fork;
use std::ops::Range;

/// How much is compared at a time: a multiple of every page.
const PIECE: usize = 64 << 10;

fn writer_of(mapping: &Mapping) -> Result<&Writer> {
    mapping.writer().ok_or(Error::Unsupported)
}

/// Makes all that was changed since the last commit durable in the file, at once.
pub fn commit(handle: Handle) -> Result<()> {
    let turn = turn(handle);
    let mapping = turn.pin()?;
    let mut taken = writer_of(&mapping)?.enter()?;
    mapping.slot().refuse_faults()?;
    taken.refuse_another_length()?;
    let mut draft = Draft::new();
    each_change(&mapping, &mut taken, |offset, bytes| {
        draft.push(offset, bytes)
    })?;
    // What was read may have come from a stand-in page.
    mapping.slot().refuse_faults()?;
    let len = mapping.len() as u64;
    if !draft.is_empty() || len != taken.length() {
        taken.commit(draft, len)?;
    }
    taken.state.written.clear();
    Ok(())
}

/// What was changed since the last commit, as offsets and lengths, in order.
pub fn changes(handle: Handle) -> Result<Vec<(u64, u64)>> {
    let turn = turn(handle);
    let mapping = turn.pin()?;
    let mut taken = writer_of(&mapping)?.enter()?;
    mapping.slot().refuse_faults()?;
    let mut found: Vec<(u64, u64)> = Vec::new();
    each_change(&mapping, &mut taken, |offset, bytes| {
        let len = bytes.len() as u64;
        match found.last_mut() {
            // Where one piece ends and the next begins.
            Some((start, before)) if *start + *before == offset => *before += len,
            _ => found.push((offset, len)),
        }
    })?;
    mapping.slot().refuse_faults()?;
    Ok(found)
}

/// Makes the file durable without its log, which begins anew.
pub fn checkpoint(handle: Handle) -> Result<()> {
    let turn = turn(handle);
    let mapping = turn.pin()?;
    writer_of(&mapping)?.enter()?.checkpoint()
}

/// Takes back all that was changed since the last commit, and the length with it.
pub fn rollback(handle: Handle) -> Result<()> {
    let turn = turn(handle);
    let mut mapping = turn.pin()?;
    drop(writer_of(&mapping)?.enter()?);
    let alone = mapping.alone(Views::Allowed)?;
    alone.refuse_faults()?;
    let mapping = alone.get();
    let mut taken = writer_of(mapping)?.enter()?;
    taken.refuse_another_length()?;
    let _change = fork::hold_off();
    put_back(mapping, &mut taken)?;
    alone.set_span(mapping.span());
    Ok(())
}

/// Maps the file's pages back where they were lost, and repairs what has failed. What was changed since the last commit
/// stays, unless pages were lost.
pub fn recover(mapping: &mut InTurn) -> Result<()> {
    writer_of(mapping)?.enter_failed()?.repair()?;
    if mapping.slot().faults() != 0 {
        let mut alone = mapping.alone(Views::Allowed)?;
        let mapping = alone.get();
        let mut taken = writer_of(mapping)?.enter()?;
        taken.refuse_another_length()?;
        let _change = fork::hold_off();
        let committed = in_pages(addressable(taken.length())?);
        if committed > 0 {
            mapping.map_back(&(0..committed))?;
        }
        put_back(mapping, &mut taken)?;
        drop(taken);
        let span = mapping.span();
        alone.change(|mapping| mapping.lost.clear());
        alone.set_span(span);
        alone.forget_faults();
    }
    mapping.acknowledge_failures();
    Ok(())
}

/// Gives the memory another length, which the file gets with the next commit.
pub fn resize(mapping: &mut InTurn, new: usize) -> Result<()> {
    mapping.writable()?;
    drop(writer_of(mapping)?.enter()?);
    let (old, room) = (mapping.len(), mapping.capacity());
    if new > old && !mapping.flags.has(Flags::OVERCOMMIT) {
        refuse_more_than_available((new - old) as u64)?;
    }
    if (old..=room).contains(&new) {
        let mut taken = writer_of(mapping)?.enter()?;
        let _change = fork::hold_off();
        add_zeros(mapping, &mut taken, new)?;
        mapping.widen(mapping.span_of(new), |mapping| mapping.set_len(new));
        return Ok(());
    }
    let mut alone = mapping.alone(Views::Refused)?;
    alone.refuse_faults()?;
    let _change = fork::hold_off();
    if new > room {
        writer_of(alone.get())?.enter()?.state.watched = Watched::Never;
        let (moved, span) = alone.change(|mapping| (mapping.remap(new), mapping.span()));
        alone.set_span(span);
        moved?;
    }
    let mapping = alone.get();
    let mut taken = writer_of(mapping)?.enter()?;
    match new < old {
        true => taken.state.low = taken.state.low.min(new as u64),
        false => add_zeros(mapping, &mut taken, new)?,
    }
    mapping.set_len(new);
    alone.set_span(mapping.span());
    Ok(())
}

/// Before a handle is closed: the file is durable without its log, if that can be had. What fails is still in the log.
pub fn finish(handle: Handle) {
    if !writer::any() || pin(handle).is_ok_and(|mapping| mapping.writer().is_none()) {
        return;
    }
    let turn = turn(handle);
    let _ = turn
        .pin()
        .and_then(|mapping| writer_of(&mapping)?.enter()?.checkpoint());
}

/// For the only thread of a child of fork: the files are its parent's to commit to.
pub fn begin_child() {
    if writer::any() {
        live::each_in_child(|mapping, _| mapping.writer().into_iter().for_each(Writer::leave));
    }
}

fn in_pages(len: usize) -> usize {
    len.next_multiple_of(page_size())
}

/// Calls `tell` with each run of bytes that differs from the file, in order.
fn each_change(
    mapping: &Pinned,
    taken: &mut Taken,
    mut tell: impl FnMut(u64, &[u8]),
) -> Result<()> {
    let len = mapping.len();
    let candidates = candidates(mapping, taken)?;
    // Where the memory was cut and has grown again, it is zeros that nobody has written.
    let (low, committed) = (taken.state.low, taken.length());
    let page = page_size() as u64;
    let regrown = (low / page * page) as usize..(committed as usize).min(len);
    let (mut now, mut before) = (vec![0; PIECE], vec![0; PIECE]);
    for run in united(candidates, [regrown]) {
        let end = run.end.min(len);
        for at in (run.start..end).step_by(PIECE) {
            let size = (end - at).min(PIECE);
            let (now, before) = (&mut now[..size], &mut before[..size]);
            // SAFETY: the bytes lie in the pinned mapping; other threads may store to them meanwhile, so they are copied.
            unsafe { mapping.data().add(at).copy_to(now.as_mut_ptr(), size) };
            let there = committed.saturating_sub(at as u64).min(size as u64) as usize;
            if taken.read(&mut before[..there], at as u64)? != there {
                return Err(Error::Fault); // Somebody else has cut the file.
            }
            before[there..].fill(0);
            changes::each(before, now, |run| tell((at + run.start) as u64, &now[run]));
        }
    }
    Ok(())
}

/// The pages that may differ from the file.
fn candidates(mapping: &Pinned, taken: &mut Taken) -> Result<Vec<Range<usize>>> {
    let (data, way) = (mapping.data() as usize, writer_of(mapping)?.way);
    let pages = data..data + in_pages(mapping.len());
    let relative = |runs: Vec<Range<usize>>| {
        runs.into_iter()
            .map(move |run| run.start - data..run.end - data)
    };
    let state = &mut *taken.state;
    if let (Watched::NotYet, Way::Best) = (&state.watched, way) {
        let all = mapping.reserved();
        state.watched = Watch::begin(all.start..all.end).map_or(Watched::Never, Watched::By);
    }
    let map = Pagemap::open()?;
    if let Watched::By(watch) = &state.watched {
        if let Ok(written) = watch.written(&map, pages.clone()) {
            // They are told once, and a commit may fail.
            state.written = united(std::mem::take(&mut state.written), relative(written));
            return Ok(state.written.clone());
        }
        state.watched = Watched::Never;
    }
    Ok(relative(map.private_pages(pages, way)?).collect())
}

/// Has what was mapped in place of other memory watched, too.
fn watch_again(mapping: &Mapping, taken: &mut Taken) {
    let all = mapping.reserved();
    if let Watched::By(watch) = &taken.state.watched
        && watch.cover(all.start..all.end).is_err()
    {
        taken.state.watched = Watched::Never;
    }
}

/// The runs, with more of them, in order and without what two of them have.
fn united(
    mut runs: Vec<Range<usize>>,
    more: impl IntoIterator<Item = Range<usize>>,
) -> Vec<Range<usize>> {
    runs.extend(more.into_iter().filter(|run| !run.is_empty()));
    runs.sort_by_key(|run| run.start);
    let mut united: Vec<Range<usize>> = Vec::new();
    for run in runs {
        match united.last_mut() {
            Some(last) if run.start <= last.end => last.end = last.end.max(run.end),
            _ => united.push(run),
        }
    }
    united
}

/// Has zeros, which are no pages of the file, from the length up to `new`, which is more and within the capacity.
fn add_zeros(mapping: &Mapping, taken: &mut Taken, new: usize) -> Result<()> {
    let old = mapping.len();
    let (first, apart) = (in_pages(old), taken.state.apart.clone());
    let zeros = first..in_pages(new).max(apart.end);
    if first < in_pages(new) {
        mapping.put_zeros(&zeros)?;
        taken.state.apart = zeros.start.min(start_of(&apart))..zeros.end;
        watch_again(mapping, taken);
    }
    // SAFETY: the bytes up to the end of that page are the mapping's, and behind its length nobody has business.
    unsafe { mapping.data().add(old).write_bytes(0, first.min(new) - old) };
    Ok(())
}

fn start_of(range: &Range<usize>) -> usize {
    match range.is_empty() {
        true => usize::MAX,
        false => range.start,
    }
}

/// Has the memory be what the file is, with its length.
fn put_back(mapping: &Mapping, taken: &mut Taken) -> Result<()> {
    let len = addressable(taken.length())?;
    let (end, apart) = (in_pages(len), taken.state.apart.clone());
    let inside = apart.start..apart.end.min(end);
    if !inside.is_empty() {
        mapping.map_back(&inside)?;
    }
    // What it had grown by stays mapped, as zeros: somebody may view it.
    taken.state.apart = apart.start.max(end)..apart.end.max(end);
    mapping.forget_changes(end.max(apart.end))?;
    taken.state.low = taken.length();
    taken.state.written.clear();
    watch_again(mapping, taken);
    mapping.set_len(len);
    Ok(())
}
