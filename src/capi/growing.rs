//! Structs of the C ABI that begin with their size. Later versions add members at their end, and programs that were
//! compiled with a shorter version continue to work.

use crate::status::{Error, Result};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

/// A struct that begins with its size.
///
/// # Safety
///
/// It is `repr(C)` and begins with a `u32`, for its size.
pub unsafe trait Growing: Copy {
    /// The size of its first version, in bytes.
    const FIRST: usize;
}

/// Returns the size that the caller's struct has by its first member.
///
/// # Safety
///
/// `raw` points to a struct that is as long as its first member says.
unsafe fn stated_size<T: Growing>(raw: *const T) -> Result<usize> {
    // SAFETY: the first member is there in every version of the struct.
    let size = unsafe { raw.cast::<u32>().read_unaligned() } as usize;
    match (T::FIRST..=size_of::<T>()).contains(&size) {
        true => Ok(size),
        false => Err(Error::Invalid),
    }
}

/// Returns a copy of the caller's struct. Members that a shorter version lacks are zero.
///
/// # Safety
///
/// `raw` points to a struct that is as long as its first member says, and consists of
/// integers and pointers, for which every bit pattern is valid.
pub unsafe fn take<T: Growing>(raw: *const T) -> Result<T> {
    // SAFETY: `raw` points to a struct that is as long as its first member says.
    let size = unsafe { stated_size(raw)? };
    let mut known = MaybeUninit::<T>::zeroed();
    // SAFETY: the caller's struct is `size` bytes long and `known` is no shorter; every bit pattern is valid.
    unsafe {
        let to = known.as_mut_ptr().cast::<u8>();
        to.copy_from_nonoverlapping(raw.cast(), size);
        Ok(known.assume_init())
    }
}

/// The address of a struct that a call fills.
pub struct SizedOut<T> {
    to: NonNull<T>,
    size: usize,
}

impl<T: Growing> SizedOut<T> {
    /// Refuses NULL and a size of no version. It is called before anything is done.
    ///
    /// # Safety
    ///
    /// `out` is NULL, or points to a struct that is as long as its first member says.
    pub unsafe fn new(out: *mut T) -> Result<SizedOut<T>> {
        let to = NonNull::new(out).ok_or(Error::Invalid)?;
        // SAFETY: `out` is not NULL, so it points to a struct that is as long as its first member says.
        let size = unsafe { stated_size(out)? };
        Ok(SizedOut { to, size })
    }

    /// Fills the struct up to the size that the caller has set, which it leaves alone.
    pub fn set(self, value: T) {
        const SIZE: usize = size_of::<u32>();
        let (from, to) = ((&raw const value).cast::<u8>(), self.to.cast::<u8>());
        // SAFETY: both structs are at least `self.size` bytes long, and they do not overlap.
        unsafe { ptr::copy_nonoverlapping(from.add(SIZE), to.add(SIZE).as_ptr(), self.size - SIZE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its first version had two members.
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
            // SAFETY: only the first member is read, since `take` refuses these sizes.
            assert_eq!(unsafe { take(&raw) }.err(), Some(Error::Invalid));
            // SAFETY: only the first member is read, since `new` refuses these sizes.
            let out = unsafe { SizedOut::new(&mut raw) };
            assert_eq!(out.err(), Some(Error::Invalid));
        }
    }

    #[test]
    fn what_an_older_caller_does_not_have_is_zero() {
        // SAFETY: both structs are at least as long as their first member says.
        let (older, same) = unsafe { (take(&of(8)), take(&of(12))) };
        let (older, same) = (older.expect("it is valid"), same.expect("it is valid"));
        assert_eq!((older.old, older.new), (1, 0));
        assert_eq!((same.old, same.new), (1, 2));
    }

    #[test]
    fn what_an_older_caller_does_not_have_is_not_written() {
        for (size, new) in [(8, 2), (12, 20)] {
            let mut raw = of(size);
            // SAFETY: `raw` is at least as long as its first member says.
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
