//! Structs of the C ABI that begin with their size: they grow at their end, and a program that was
//! compiled when they were shorter goes on working.

use crate::status::{Error, Result};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

/// Such a struct.
///
/// # Safety
///
/// It is `repr(C)` and begins with a `u32`, for its size.
pub unsafe trait Growing: Copy {
    /// How long it was in its first version.
    const FIRST: usize;
}

/// How long the caller's struct is, as it says itself.
///
/// # Safety
///
/// `raw` points to a struct that is as long as its first member says.
unsafe fn told<T: Growing>(raw: *const T) -> Result<usize> {
    // SAFETY: the first member is there in every version of the struct.
    let size = unsafe { raw.cast::<u32>().read_unaligned() } as usize;
    match (T::FIRST..=size_of::<T>()).contains(&size) {
        true => Ok(size),
        false => Err(Error::Invalid),
    }
}

/// What a caller hands in; what its struct doesn't have is zero.
///
/// # Safety
///
/// `raw` points to a struct that is as long as its first member says, and is numbers, for which every
/// bit is good.
pub unsafe fn take<T: Growing>(raw: *const T) -> Result<T> {
    // SAFETY: the caller's.
    let size = unsafe { told(raw)? };
    let mut known = MaybeUninit::<T>::zeroed();
    // SAFETY: the struct is that long, and `known` no shorter; every bit is good.
    unsafe {
        let to = known.as_mut_ptr().cast::<u8>();
        to.copy_from_nonoverlapping(raw.cast(), size);
        Ok(known.assume_init())
    }
}

/// Where a struct goes that a call fills.
pub struct SizedOut<T> {
    to: NonNull<T>,
    size: usize,
}

impl<T: Growing> SizedOut<T> {
    /// Checks it before anything is done.
    ///
    /// # Safety
    ///
    /// `out` is NULL, or points to a struct that is as long as its first member says.
    pub unsafe fn new(out: *mut T) -> Result<SizedOut<T>> {
        let to = NonNull::new(out).ok_or(Error::Invalid)?;
        // SAFETY: the caller's, and it isn't NULL.
        let size = unsafe { told(out)? };
        Ok(SizedOut { to, size })
    }

    /// Fills it, once all has gone well, as far as it is long. Its size stays what the caller has set.
    pub fn set(self, value: T) {
        const SIZE: usize = size_of::<u32>();
        let (from, to) = ((&raw const value).cast::<u8>(), self.to.cast::<u8>());
        // SAFETY: both are as long as the caller's says, and the latter is the caller's alone.
        unsafe { ptr::copy_nonoverlapping(from.add(SIZE), to.add(SIZE).as_ptr(), self.size - SIZE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It had two members at first.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Grown {
        size: u32,
        old: u32,
        new: u32,
    }

    // SAFETY: it begins with its size.
    unsafe impl Growing for Grown {
        const FIRST: usize = 8;
    }

    fn of(size: u32) -> Grown {
        let (old, new) = (1, 2);
        Grown { size, old, new }
    }

    #[test]
    fn a_longer_one_and_one_shorter_than_the_first_are_invalid() {
        for size in [0, 4, 7, 13, u32::MAX] {
            let mut raw = of(size);
            // SAFETY: no more is read than its size.
            assert_eq!(unsafe { take(&raw) }.err(), Some(Error::Invalid));
            // SAFETY: as above.
            let out = unsafe { SizedOut::new(&mut raw) };
            assert_eq!(out.err(), Some(Error::Invalid));
        }
    }

    #[test]
    fn what_an_older_caller_does_not_have_is_zero() {
        // SAFETY: they are as long as they say.
        let (older, same) = unsafe { (take(&of(8)), take(&of(12))) };
        let (older, same) = (older.expect("it is valid"), same.expect("it is valid"));
        assert_eq!((older.old, older.new), (1, 0));
        assert_eq!((same.old, same.new), (1, 2));
    }

    #[test]
    fn what_an_older_caller_does_not_have_is_not_written() {
        for (size, new) in [(8, 2), (12, 20)] {
            let mut raw = of(size);
            // SAFETY: it is as long as it says.
            let out = unsafe { SizedOut::new(&mut raw) }.expect("it is valid");
            out.set(Grown {
                size: 12,
                old: 10,
                new: 20,
            });
            assert_eq!((raw.size, raw.old, raw.new), (size, 10, new));
        }
    }
}
