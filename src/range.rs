//! The one place that checks offset + length.

use crate::os::page_size::page_size;
use crate::status::{Error, Result};
use std::ops::Range;

/// As the length of a range: up to the end of the mapping.
pub const TO_END: u64 = 0xffff_ffff_ffff_ffff;

/// The result of a search that has found nothing.
pub const NPOS: u64 = 0xffff_ffff_ffff_ffff;

/// The bytes `offset .. offset + len` of something that is `total` bytes long.
///
/// A range that touches the end is inside, also when it is empty; a sum that wraps is outside.
pub fn checked(offset: u64, len: u64, total: u64) -> Result<Range<u64>> {
    match offset.checked_add(len) {
        Some(end) if end <= total => Ok(offset..end),
        _ => Err(Error::Range),
    }
}

/// The same where [`TO_END`] as the length means all that follows the offset.
pub fn checked_to_end(offset: u64, len: u64, total: u64) -> Result<Range<u64>> {
    match len {
        TO_END => checked(offset, total.saturating_sub(offset), total),
        _ => checked(offset, len, total),
    }
}

/// The range as what indexes memory: it lies inside a mapping, and so inside the address space.
pub fn in_memory(range: Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// A length in bytes that the address space can hold with a page to spare on either side, as
/// memmap2 and the kernel round up.
pub fn addressable(len: u64) -> Result<usize> {
    addressable_in(len, isize::MAX as u64, page_size())
}

/// The same where addresses end after `space` bytes.
fn addressable_in(len: u64, space: u64, page: usize) -> Result<usize> {
    usize::try_from(len)
        .ok()
        .filter(|_| len <= space - 2 * page as u64)
        .ok_or(Error::Limit)
}

/// Where in a file a mapping may begin: the system takes it as a number of 4 KiB, whatever its pages are, in a word
/// (mmap2(2)).
pub fn mappable(offset: u64) -> Result<u64> {
    mappable_in(offset, usize::MAX as u64)
}

/// The same where a word holds numbers up to `most`.
fn mappable_in(offset: u64, most: u64) -> Result<u64> {
    match offset / 4096 <= most {
        true => Ok(offset),
        false => Err(Error::Limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::page_size::PAGE_SIZES;
    use proptest::prelude::*;

    #[test]
    fn the_end_is_inside_and_one_past_it_is_not() {
        assert_eq!(checked(0, 10, 10), Ok(0..10));
        assert_eq!(checked(10, 0, 10), Ok(10..10));
        assert_eq!(checked(10, 1, 10), Err(Error::Range));
        assert_eq!(checked(11, 0, 10), Err(Error::Range));
    }

    #[test]
    fn to_end_from_past_the_end_is_outside() {
        assert_eq!(checked_to_end(3, TO_END, 10), Ok(3..10));
        assert_eq!(checked_to_end(10, TO_END, 10), Ok(10..10));
        assert_eq!(checked_to_end(11, TO_END, 10), Err(Error::Range));
        assert_eq!(
            checked_to_end(u64::MAX, TO_END, u64::MAX),
            Ok(u64::MAX..u64::MAX)
        );
    }

    #[test]
    fn more_than_the_address_space_is_a_limit() {
        assert_eq!(addressable(0), Ok(0));
        assert_eq!(addressable(u64::MAX), Err(Error::Limit));
        assert_eq!(addressable(isize::MAX as u64), Err(Error::Limit));
    }

    #[test]
    fn an_address_space_of_32_bits_ends_two_pages_early_and_wraps_nothing() {
        for page in PAGE_SIZES {
            let space = u64::from(u32::MAX >> 1);
            let longest = space - 2 * page as u64;
            assert_eq!(addressable_in(longest, space, page), Ok(longest as usize));
            assert_eq!(addressable_in(longest + 1, space, page), Err(Error::Limit));
            assert_eq!(
                addressable_in((1 << 32) + 1, space, page),
                Err(Error::Limit)
            );
            assert_eq!(addressable_in(u64::MAX, space, page), Err(Error::Limit));
        }
    }

    #[test]
    fn with_words_of_32_bits_no_mapping_begins_behind_16_tebibytes() {
        let (most, last) = (u64::from(u32::MAX), (16 << 40) - 1);
        assert_eq!(mappable_in(last, most), Ok(last));
        assert_eq!(mappable_in(last + 1, most), Err(Error::Limit));
        assert_eq!(mappable_in(u64::MAX, u64::MAX), Ok(u64::MAX));
        assert_eq!(mappable(last), Ok(last));
    }

    proptest! {
        #[test]
        fn a_range_is_inside_exactly_when_wide_arithmetic_says_so(
            offset in prop_oneof![0..64u64, any::<u64>(), u64::MAX - 64..=u64::MAX],
            len in prop_oneof![0..64u64, any::<u64>(), u64::MAX - 64..u64::MAX],
            total in prop_oneof![0..64u64, any::<u64>()],
        ) {
            let inside = u128::from(offset) + u128::from(len) <= u128::from(total);
            prop_assert_eq!(checked(offset, len, total).is_ok(), inside);
            prop_assert_eq!(checked_to_end(offset, len, total), checked(offset, len, total));
        }
    }
}
