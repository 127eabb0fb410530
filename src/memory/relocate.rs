//! Areas: what the kernel has split a mapping into, where parts of it were advised, locked or protected
//! each in its own way. mremap(2) takes one at a time.

use crate::handles::slot::Span;
use crate::memory::proc_maps::{areas_of, locked_areas_of};
use crate::memory::wishes;
use crate::status::{Error, Result};

/// Moves the areas of `from` to where as much is mapped from `to` on, which they replace; all of them or none. What
/// was there stays mapped, with nothing in it, so that nobody else is given these addresses before the caller
/// unmaps them. `locks` says whether any may be locked.
///
/// [`Error::Unsupported`] for memory of files before Linux 5.13, and for other memory before 5.7.
pub fn move_to(from: Span, to: usize, locks: bool) -> Result<()> {
    // The kernel counts locked memory that is moved so twice, for good: it is moved unlocked.
    let locked = match locks {
        true => locked_areas_of(from)?,
        false => Vec::new(),
    };
    let all = areas_of(from)?;
    let unlocked = locked
        .iter()
        .try_for_each(|(area, _)| wishes::unlock(*area));
    let moved = unlocked.and_then(|()| move_all(&all, from.start, to));
    let done = moved.and_then(|()| {
        // It could be had before, and can now, unless somebody else has taken the limit in between.
        lock_all(&locked, from.start, to).or_else(|error| move_back(&all, from.start, to, error))
    });
    if done.is_err() {
        // Where they were before they can be again; if not, the error that is being returned is the one to report.
        let _ = lock_all(&locked, from.start, from.start);
    }
    done
}

fn lock_all(locked: &[(Span, bool)], from: usize, to: usize) -> Result<()> {
    locked.iter().try_for_each(|(area, when_touched)| {
        let area = at(*area, from, to);
        match when_touched {
            true => wishes::lock_on_fault(area),
            false => wishes::lock(area),
        }
    })
}

fn move_all(all: &[Span], from: usize, to: usize) -> Result<()> {
    for (done, area) in all.iter().enumerate() {
        if let Err(error) = move_one(*area, at(*area, from, to).start) {
            return move_back(&all[..done], from, to, error);
        }
    }
    Ok(())
}

/// Moves areas back to where there is room for them, and returns the reason.
fn move_back(moved: &[Span], from: usize, to: usize, why: Error) -> Result<()> {
    for area in moved {
        let there = at(*area, from, to);
        let _ = wishes::unlock(there);
        move_one(there, area.start)?;
    }
    Err(why)
}

/// An area of what begins at `from`, when that begins at `to`.
fn at(area: Span, from: usize, to: usize) -> Span {
    Span {
        start: to + (area.start - from),
        end: to + (area.end - from),
    }
}

fn move_one(area: Span, to: usize) -> Result<()> {
    const MREMAP_DONTUNMAP: libc::c_int = 4;
    let (start, len) = (area.start as *mut libc::c_void, area.end - area.start);
    let how = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED | MREMAP_DONTUNMAP;
    // SAFETY: nobody has a pointer to what is moved, and what is replaced is the caller's.
    let moved = unsafe { libc::mremap(start, len, len, how, to as *mut libc::c_void) };
    match moved {
        libc::MAP_FAILED => match std::io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::EINVAL) => Err(Error::Unsupported),
            error => Err(Error::of_mapping(error)),
        },
        _ => Ok(()),
    }
}
