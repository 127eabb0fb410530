//! Searching bytes, forwards and backwards, over the memchr crate.
//!
//! memchr's forward search of a longer needle runs at the speed of memory; its backward search doesn't.
//! So backwards is done in blocks, from the end, of which each is searched forwards.

use memchr::memmem::Finder;

/// The length of the first block from the end, in positions: it doubles with every block that has
/// nothing, so that what is near the end is found without looking far.
const FIRST_BLOCK: usize = 4 << 10;
/// The length from which on blocks don't grow: it fits into the cache of a core.
const LAST_BLOCK: usize = 256 << 10;
/// A block this short is not halved any more.
const FEW: usize = 64;

/// Where `needle` first begins in `hay`; an empty one at the beginning.
pub fn first(hay: &[u8], needle: &[u8]) -> Option<usize> {
    match needle {
        [byte] => memchr::memchr(*byte, hay),
        _ => Finder::new(needle).find(hay),
    }
}

/// Where `needle` last begins in `hay`; an empty one at the end.
pub fn last(hay: &[u8], needle: &[u8]) -> Option<usize> {
    match needle {
        [] => Some(hay.len()),
        [byte] => memchr::memrchr(*byte, hay),
        _ => last_of_several(hay, needle),
    }
}

fn last_of_several(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let finder = Finder::new(needle);
    // Positions are where a needle may begin; what begins in a block may end behind it.
    let mut end = (hay.len() + 1).checked_sub(needle.len())?;
    let mut block = FIRST_BLOCK;
    while end > 0 {
        let start = end.saturating_sub(block);
        if let Some(first) = find_between(&finder, hay, start, end) {
            return Some(last_between(&finder, hay, first, end));
        }
        end = start;
        block = (block * 2).min(LAST_BLOCK);
    }
    None
}

/// Where the needle first begins between two positions.
fn find_between(finder: &Finder, hay: &[u8], start: usize, end: usize) -> Option<usize> {
    let behind = end - 1 + finder.needle().len();
    finder
        .find(hay.get(start..behind)?)
        .map(|found| start + found)
}

/// Where the needle last begins before `end`, given that it begins at `found`.
fn last_between(finder: &Finder, hay: &[u8], mut found: usize, mut end: usize) -> usize {
    // Halving costs no more than the block once again, however many there are in it.
    while end - found > FEW {
        let middle = found + (end - found) / 2;
        match find_between(finder, hay, middle, end) {
            Some(later) => found = later,
            None => end = middle,
        }
    }
    while let Some(later) = (found + 1 < end)
        .then(|| find_between(finder, hay, found + 1, end))
        .flatten()
    {
        found = later;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(hay: &[u8], needle: &[u8]) -> Vec<usize> {
        let ends = (hay.len() + 1).saturating_sub(needle.len());
        (0..ends)
            .filter(|at| hay[*at..].starts_with(needle))
            .collect()
    }

    #[test]
    fn an_empty_needle_is_at_the_beginning_and_at_the_end() {
        assert_eq!(first(b"abc", b""), Some(0));
        assert_eq!(last(b"abc", b""), Some(3));
        assert_eq!(first(b"", b""), Some(0));
        assert_eq!(last(b"", b""), Some(0));
        assert_eq!(last(b"", b"a"), None);
        assert_eq!(last(b"a", b"ab"), None);
    }

    #[test]
    fn a_needle_over_the_border_of_blocks_is_found_backwards() {
        for at in [0, 1, FIRST_BLOCK - 2, 3 * FIRST_BLOCK - 3, 5 * LAST_BLOCK] {
            for before_end in 0..5 {
                let mut hay = vec![b'.'; at + 4 + before_end];
                hay[at..at + 4].copy_from_slice(b"abca");
                assert_eq!(last(&hay, b"abca"), Some(at), "{at} {before_end}");
            }
        }
        let hay = b"xyz".repeat(LAST_BLOCK);
        let long = &hay[..2 * LAST_BLOCK]; // Longer than any block; there every three bytes.
        let last_fit = (hay.len() - long.len()) / 3 * 3;
        assert_eq!(last(&hay, long), Some(last_fit));
    }

    proptest! {
        #[test]
        fn first_and_last_are_what_a_naive_search_finds(
            hay in prop::collection::vec(0..3u8, 0..400),
            needle in prop::collection::vec(0..3u8, 0..6),
            repeats in 1..60usize,
        ) {
            let hay = hay.repeat(repeats);
            let all = naive(&hay, &needle);
            prop_assert_eq!(first(&hay, &needle), all.first().copied());
            prop_assert_eq!(last(&hay, &needle), all.last().copied());
        }
    }
}
