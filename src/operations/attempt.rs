//! Running a function that is left at the first byte that was lost, before anything is computed from zeros.

use crate::handles::table::Handle;
use crate::memory::stand_ins;
use crate::registry::live::{self, Viewed};
use crate::status::{Error, Result};

/// What has to be known at the end of what it was at the beginning.
#[derive(Clone, Copy)]
pub enum Begun {
    /// One mapping, which is viewed.
    One(Viewed),
    /// Any mapping: how often stand-in pages had been put into one.
    Any(u64),
}

/// Begins it, with a view of the mapping; handle 0 stands for any. [`Error::Fault`] while there are stand-in pages in it,
/// which the function would read as zeros without a fault.
#[inline(always)]
pub fn begin(handle: Handle) -> Result<Begun> {
    if handle == Handle(0) {
        return Ok(Begun::Any(stand_ins::ever()));
    }
    let viewed = live::begin_view(handle)?;
    match viewed.has_stand_ins() {
        false => Ok(Begun::One(viewed)),
        true => Err(refused(handle)),
    }
}

#[cold]
fn refused(handle: Handle) -> Error {
    give_back(handle);
    Error::Fault
}

/// Gives the view back, once. [`Error::Fault`] when stand-in pages were put there meanwhile: by a call of the library inside
/// the function, or by a fault of another thread.
#[inline(always)]
pub fn end(begun: Begun) -> Result<()> {
    match begun {
        Begun::One(viewed) => live::end_view(viewed),
        Begun::Any(before) if before == stand_ins::ever() => Ok(()),
        Begun::Any(_) => Err(Error::Fault),
    }
}

/// Gives the view back where the function was left in another way.
pub fn give_back(handle: Handle) {
    // It was taken by `begin`, so it is there; that something was lost is nobody's to hear.
    let _ = live::unview(handle);
}
