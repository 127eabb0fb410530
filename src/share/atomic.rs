//! Numbers in a mapping that several processes change at once.

use crate::handles::table::Handle;
use crate::operations::access::copying;
use crate::range::{checked, in_memory};
use crate::registry::live::{Pinned, pin};
use crate::status::{Error, Result};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Sees what was written before the number that it finds was stored.
pub const LOAD: Ordering = Ordering::Acquire;
/// Shows what was written before to who finds the number.
pub const STORE: Ordering = Ordering::Release;
/// Both.
pub const CHANGE: Ordering = Ordering::AcqRel;

/// An atomic number in memory that others share.
pub trait Word: Sized {
    /// The number at `address`.
    ///
    /// # Safety
    ///
    /// The address is aligned for it and stays mapped as long as the result lives.
    unsafe fn at<'a>(address: *mut u8) -> &'a Self;
}

impl Word for AtomicU32 {
    #[inline]
    unsafe fn at<'a>(address: *mut u8) -> &'a AtomicU32 {
        // SAFETY: the address is aligned and stays mapped. A reference to an atomic is sound where others write.
        unsafe { AtomicU32::from_ptr(address.cast()) }
    }
}

impl Word for AtomicU64 {
    #[inline]
    unsafe fn at<'a>(address: *mut u8) -> &'a AtomicU64 {
        // SAFETY: the address is aligned and stays mapped. A reference to an atomic is sound where others write.
        unsafe { AtomicU64::from_ptr(address.cast()) }
    }
}

/// The bytes of a number at `offset`; [`Error::Invalid`] where it would not be aligned.
#[inline]
pub fn place_of<W>(mapping: &Pinned, offset: u64) -> Result<Range<usize>> {
    let range = in_memory(checked(
        offset,
        size_of::<W>() as u64,
        mapping.len() as u64,
    )?);
    match mapping
        .data()
        .wrapping_add(range.start)
        .cast::<W>()
        .is_aligned()
    {
        true => Ok(range),
        false => Err(Error::Invalid),
    }
}

/// Shows the number at `offset` to `look`, which doesn't change it.
#[inline]
pub fn read<W: Word, R>(handle: Handle, offset: u64, look: impl FnOnce(&W) -> R) -> Result<R> {
    let mapping = pin(handle)?;
    with(&mapping, offset, look)
}

/// Has `change` change the number at `offset`.
#[inline]
pub fn write<W: Word, R>(handle: Handle, offset: u64, change: impl FnOnce(&W) -> R) -> Result<R> {
    let mapping = pin(handle)?;
    mapping.writable()?;
    with(&mapping, offset, change)
}

#[inline]
fn with<W: Word, R>(mapping: &Pinned, offset: u64, act: impl FnOnce(&W) -> R) -> Result<R> {
    let range = place_of::<W>(mapping, offset)?;
    copying(
        mapping,
        || [range.clone()],
        |data| {
            // SAFETY: the range lies in the pinned mapping and is aligned; who changes it may write.
            act(unsafe { W::at(data.add(range.start)) })
        },
    )
}
