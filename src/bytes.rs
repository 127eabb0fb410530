//! The Rust API of reading a mapping in place: each access is a copy that is checked.

use crate::range::{checked, in_memory};
use crate::registry::live::{self, Viewed};
use crate::status::Result;
use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::ops::Deref;

/// The bytes of a mapping inside [`Map::view`](crate::Map::view).
///
/// They are not a slice: other processes may write to them, and cut the file, at any time. Each access
/// copies, and then checks that none of what it has copied was lost. So no value is computed from a
/// byte that the file did not have.
///
/// Threads may share it for as long as the function of `view` runs.
pub struct Bytes<'v> {
    viewed: Viewed,
    view: PhantomData<&'v ()>,
}

// SAFETY: what it does is to copy from memory that is pinned, and to look at atomics.
unsafe impl Sync for Bytes<'_> {}

impl Bytes<'_> {
    /// Shows the bytes of the mapping to `look`, and keeps them in place meanwhile.
    pub(crate) fn show<R>(viewed: Viewed, look: impl FnOnce(&Bytes<'_>) -> R) -> R {
        let bytes = Bytes {
            viewed,
            view: PhantomData,
        };
        look(&bytes)
    }

    /// Returns the number of bytes. It does not change while the function of `view` runs.
    pub fn len(&self) -> u64 {
        self.viewed.len as u64
    }

    /// Returns whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.viewed.len == 0
    }

    /// Returns the byte at `offset`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Range`](crate::Error::Range) if there is none, and with
    /// [`Error::Fault`](crate::Error::Fault) if it was lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::anonymous(100, &Options::default())?;
    /// map.write(7, b"x")?;
    /// assert_eq!(map.view(|bytes| bytes.get(7))?, b'x');
    /// # Ok(())
    /// # }
    /// ```
    pub fn get(&self, offset: u64) -> Result<u8> {
        self.array(offset).map(|[byte]| byte)
    }

    /// Returns the `N` bytes from `offset` on, of which a number can be made.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Range`](crate::Error::Range) if there are not that many, and with
    /// [`Error::Fault`](crate::Error::Fault) if one of them was lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::anonymous(100, &Options::default())?;
    /// map.write(8, &4711_u64.to_le_bytes())?;
    /// let number = map.view(|bytes| bytes.array(8).map(u64::from_le_bytes))?;
    /// assert_eq!(number, 4711);
    /// # Ok(())
    /// # }
    /// ```
    pub fn array<const N: usize>(&self, offset: u64) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.copy_to(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Copies the bytes from `offset` on into `to`, which is filled completely.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Range`](crate::Error::Range) if there are not that many, and with
    /// [`Error::Fault`](crate::Error::Fault) if one of them was lost; `to` then holds anything.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::anonymous(100, &Options::default())?;
    /// map.write(10, b"Hello")?;
    /// let mut word = [0; 5];
    /// map.view(|bytes| bytes.copy_to(10, &mut word))?;
    /// assert_eq!(&word, b"Hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn copy_to(&self, offset: u64, to: &mut [u8]) -> Result<()> {
        let range = in_memory(checked(offset, to.len() as u64, self.len())?);
        let (start, len) = (range.start, range.len());
        self.viewed.copying(range, |data| {
            // SAFETY: the range lies in the memory that is viewed, and `to` is as long.
            unsafe { to.as_mut_ptr().copy_from(data.add(start), len) }
        })
    }

    /// Returns an iterator over all bytes, in pieces of `N`; the last one may be shorter. A piece of
    /// which a byte was lost is [`Error::Fault`](crate::Error::Fault), and the next one comes after it.
    ///
    /// # Panics
    ///
    /// Panics if `N` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// use memmap::{Map, Options};
    ///
    /// let map = Map::anonymous(10_000, &Options::default())?;
    /// map.fill(0, 10_000, 2)?;
    /// let sum = map.view(|bytes| {
    ///     let mut sum = 0;
    ///     for chunk in bytes.chunks::<4096>() {
    ///         sum += chunk?.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    ///     }
    ///     Ok(sum)
    /// })?;
    /// assert_eq!(sum, 20_000);
    /// # Ok(())
    /// # }
    /// ```
    pub fn chunks<const N: usize>(&self) -> Chunks<'_, N> {
        assert!(N != 0, "chunks have at least one byte");
        Chunks {
            bytes: self,
            offset: 0,
        }
    }
}

impl fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bytes")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Bytes<'_> {
    fn drop(&mut self) {
        // Each access was checked by itself.
        let _ = live::end_view(self.viewed);
    }
}

/// The iterator of [`Bytes::chunks`].
#[derive(Clone, Debug)]
pub struct Chunks<'v, const N: usize> {
    bytes: &'v Bytes<'v>,
    offset: u64,
}

impl<const N: usize> Iterator for Chunks<'_, N> {
    type Item = Result<Chunk<N>>;

    fn next(&mut self) -> Option<Result<Chunk<N>>> {
        let offset = self.offset;
        let len = (self.bytes.len() - offset).min(N as u64);
        if len == 0 {
            return None;
        }
        self.offset += len;
        let mut chunk = Chunk {
            offset,
            len: len as usize,
            bytes: [0; N],
        };
        let copied = self.bytes.copy_to(offset, &mut chunk.bytes[..len as usize]);
        Some(copied.map(|()| chunk))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.bytes.len() - self.offset).div_ceil(N as u64);
        (left as usize, Some(left as usize))
    }
}

impl<const N: usize> ExactSizeIterator for Chunks<'_, N> {}
impl<const N: usize> FusedIterator for Chunks<'_, N> {}

/// A piece of a mapping, copied: it dereferences to its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<const N: usize> {
    offset: u64,
    len: usize,
    bytes: [u8; N],
}

impl<const N: usize> Chunk<N> {
    /// Returns the offset in the mapping at which it begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl<const N: usize> Deref for Chunk<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
