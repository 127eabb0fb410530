//! Searching bytes, forwards and backwards, over the memchr crate.
//!
//! memchr's forward search of a longer needle runs at the speed of memory; its backward search doesn't.
//! So backwards is done in blocks, from the end, of which each is searched forwards.
//!
//! Forwards it loses that speed where the text is like the needle: it looks for two of the needle's bytes, those
//! that are rare in texts of all kinds, and this text may have them together in every line. So in a long text
//! a part of the needle is looked for, a *probe*, whose first and last byte don't stand that far apart
//! anywhere in a sample of this text.
//!
//! A look at a sample costs as much as a search through many KiB. So what is near is searched first, without one; and
//! memchr's two bytes are kept where the sample doesn't have them.

use memchr::arch::all::packedpair::{HeuristicFrequencyRank, Pair};
use memchr::memmem::{Finder, FinderBuilder};

/// The length of the first block from the end, in positions: it doubles with every block that has
/// nothing, so that what is near the end is found without looking far.
const FIRST_BLOCK: usize = 128;
/// The length from which on blocks don't grow: it fits into the cache of a core.
const LAST_BLOCK: usize = 256 << 10;
/// A block this short is not halved any more.
const FEW: usize = 64;
/// From this length on a text takes some hundred times as long as a look at its sample.
const LONG: usize = 8 << 20;
/// How many positions are searched before there is a look at a sample.
const NEAR: usize = 16 << 10;
const SAMPLE: usize = 2 << 10;
/// The longest probe: memchr compares as many bytes at once.
const PROBE: usize = 8;

/// Where `needle` first begins in `hay`; an empty one at the beginning.
pub fn first(hay: &[u8], needle: &[u8]) -> Option<usize> {
    if let [byte] = needle {
        return memchr::memchr(*byte, hay);
    }
    let mut search = Search::new(needle);
    if hay.len() < LONG {
        return search.find(hay);
    }
    // What begins in there may end behind it.
    let near = hay.len().min(NEAR - 1 + needle.len());
    search.find(&hay[..near]).or_else(|| {
        search.look_at(&hay[NEAR - SAMPLE..NEAR]);
        search.find(&hay[NEAR..]).map(|found| NEAR + found)
    })
}

/// Where `needle` last begins in `hay`; an empty one at the end.
pub fn last(hay: &[u8], needle: &[u8]) -> Option<usize> {
    match needle {
        [] => Some(hay.len()),
        [byte] => memchr::memrchr(*byte, hay),
        _ => last_of_several(Search::new(needle), hay),
    }
}

/// A needle, and how to look for it.
struct Search<'n> {
    needle: &'n [u8],
    whole: Finder<'n>,
    /// A part of it, and where in it that begins.
    probe: Option<(Finder<'n>, usize)>,
}

impl<'n> Search<'n> {
    /// To search any text.
    fn new(needle: &'n [u8]) -> Search<'n> {
        Search {
            needle,
            whole: Finder::new(needle),
            probe: None,
        }
    }

    /// To search texts like `sample` from now on.
    fn look_at(&mut self, sample: &[u8]) {
        if has_its_rare_bytes(sample, self.needle) {
            self.take_probe(sample);
        }
    }

    fn take_probe(&mut self, sample: &[u8]) {
        self.probe = probe_of(self.needle, sample).map(|(start, end)| {
            let probe = &self.needle[start..end];
            let rank = Ends(probe[0], probe[probe.len() - 1]);
            let finder = FinderBuilder::new().build_forward_with_ranker(rank, probe);
            (finder, start)
        });
    }

    /// Where the needle first begins.
    fn find(&self, hay: &[u8]) -> Option<usize> {
        let Some((probe, before)) = &self.probe else {
            return self.whole.find(hay);
        };
        let behind = self.needle.len() - before - probe.needle().len();
        let mut from = 0;
        let mut misses = 0;
        loop {
            let end = hay.len().checked_sub(behind)?;
            let found = probe.find(hay.get(from + before..end)?)?;
            let at = from + found;
            if hay[at..].starts_with(self.needle) {
                return Some(at);
            }
            from = at + 1;
            misses += 1;
            // The text is not like its sample; without a probe none takes longer than its length.
            if misses * (FEW + self.needle.len()) > from + SAMPLE {
                return self.whole.find(&hay[from..]).map(|found| from + found);
            }
        }
    }
}

/// Whether the two bytes that memchr looks for stand as far apart as in the needle anywhere in the sample.
fn has_its_rare_bytes(sample: &[u8], needle: &[u8]) -> bool {
    let Some(pair) = Pair::new(needle) else {
        return false;
    };
    let [one, other] = [pair.index1(), pair.index2()].map(usize::from);
    let from = |at: usize| sample.get(at..).unwrap_or_default();
    let both = from(one).iter().zip(from(other));
    // All of them, without a way out: the compiler compares many at once.
    both.fold(false, |had, (a, b)| {
        had | (*a == needle[one]) & (*b == needle[other])
    })
}

/// The first and the last byte of a probe count as rare, the others don't.
struct Ends(u8, u8);

impl HeuristicFrequencyRank for Ends {
    fn rank(&self, byte: u8) -> u8 {
        match byte {
            _ if byte == self.0 => 0,
            _ if byte == self.1 => 1,
            _ => u8::MAX,
        }
    }
}

/// From where to where in the needle a probe is whose ends the sample doesn't have that far apart; of several the one
/// whose ends it has least.
fn probe_of(needle: &[u8], sample: &[u8]) -> Option<(usize, usize)> {
    if sample.is_empty() {
        return None;
    }
    let mut counts = [0u16; 256];
    let mut seen = Pairs([0; 1024]);
    for (at, byte) in sample.iter().enumerate() {
        counts[usize::from(*byte)] += 1;
        for (apart, other) in sample[at..].iter().enumerate().take(PROBE).skip(1) {
            seen.insert(*byte, *other, apart);
        }
    }
    let often = |byte: u8| counts[usize::from(byte)];
    let starts = 0..needle.len().min(SAMPLE);
    let all = starts.flat_map(|start| (2..=PROBE).map(move |len| (start, start + len)));
    all.filter(|(start, end)| {
        let Some([first, between @ .., last]) = needle.get(*start..*end) else {
            return false;
        };
        // The ends are found by their values.
        first != last
            && !between.contains(first)
            && !between.contains(last)
            && !seen.may_have(*first, *last, end - start - 1)
    })
    .min_by_key(|(start, end)| often(needle[*start]) + often(needle[*end - 1]))
}

/// Bytes and how far apart they were seen; now and then it takes one for another (a Bloom filter).
struct Pairs([u64; 1024]);

impl Pairs {
    fn place(one: u8, other: u8, apart: usize) -> (usize, u64) {
        let key = u32::from(one) | u32::from(other) << 8 | (apart as u32) << 16;
        let hash = key.wrapping_mul(0x9e37_79b1) >> 16; // Fibonacci hashing (Knuth, TAOCP 3, 6.4).
        (hash as usize / 64, 1 << (hash % 64))
    }

    fn insert(&mut self, one: u8, other: u8, apart: usize) {
        let (word, bit) = Pairs::place(one, other, apart);
        self.0[word] |= bit;
    }

    fn may_have(&self, one: u8, other: u8, apart: usize) -> bool {
        let (word, bit) = Pairs::place(one, other, apart);
        self.0[word] & bit != 0
    }
}

fn last_of_several(mut search: Search, hay: &[u8]) -> Option<usize> {
    // Positions are where a needle may begin; what begins in a block may end behind it.
    let all = (hay.len() + 1).checked_sub(search.needle.len())?;
    let mut end = all;
    let mut block = FIRST_BLOCK;
    let mut near = hay.len() >= LONG;
    while end > 0 {
        if near && all - end + block > NEAR {
            near = false;
            search.look_at(&hay[end..end + SAMPLE]);
        }
        let start = end.saturating_sub(block);
        if let Some(first) = find_between(&search, hay, start, end) {
            return Some(last_between(&search, hay, first, end));
        }
        end = start;
        block = (block * 2).min(LAST_BLOCK);
    }
    None
}

/// Where the needle first begins between two positions.
fn find_between(search: &Search, hay: &[u8], start: usize, end: usize) -> Option<usize> {
    let behind = end - 1 + search.needle.len();
    search
        .find(hay.get(start..behind)?)
        .map(|found| start + found)
}

/// Where the needle last begins before `end`, given that it begins at `found`.
fn last_between(search: &Search, hay: &[u8], mut found: usize, mut end: usize) -> usize {
    // Halving costs no more than the block once again, however many there are in it.
    while end - found > FEW {
        let middle = found + (end - found) / 2;
        match find_between(search, hay, middle, end) {
            Some(later) => found = later,
            None => end = middle,
        }
    }
    while let Some(later) = (found + 1 < end)
        .then(|| find_between(search, hay, found + 1, end))
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

    #[test]
    fn a_probe_is_what_the_sample_has_not() {
        let text = b"the quick brown fox jumps over the lazy dog, once, ".repeat(9);
        let probe =
            |needle: &'static [u8]| probe_of(needle, &text).map(|(start, end)| &needle[start..end]);
        for needle in [
            &b"lazy cat"[..],
            b"the quick brown fox jumps over the lazy dog, twice",
        ] {
            let probe = probe(needle).unwrap();
            let apart = |piece: &[u8]| {
                (piece[0], piece[piece.len() - 1]) == (probe[0], probe[probe.len() - 1])
            };
            assert!(
                probe.len() <= PROBE && !text.windows(probe.len()).any(apart),
                "{probe:?}"
            );
        }
        assert_eq!(probe(b"brown fox"), None, "it has all of that");
        assert_eq!(probe(b"aaaa"), None, "ends that are the same");
        assert_eq!(probe_of(b"abc", b""), None);
    }

    #[test]
    fn a_long_text_is_searched_by_its_sample() {
        let mut hay = b"the quick brown fox jumps over the lazy dog, once, ".repeat(LONG / 50);
        let needle = b"the quick brown fox jumps over the lazy dog, twice";
        assert_eq!((first(&hay, needle), last(&hay, needle)), (None, None));
        for at in [0, SAMPLE - 3, LONG / 2, hay.len() - needle.len()] {
            let there = hay[at..at + needle.len()].to_vec();
            hay[at..at + needle.len()].copy_from_slice(needle);
            assert_eq!(
                (first(&hay, needle), last(&hay, needle)),
                (Some(at), Some(at))
            );
            hay[at..at + needle.len()].copy_from_slice(&there);
        }
    }

    #[test]
    fn a_needle_over_the_border_of_what_is_near_is_found() {
        let mut hay = vec![b'.'; LONG];
        for needle in [b"dog, twice".to_vec(), vec![b'-'; NEAR + 9]] {
            for begins in [0, NEAR - 11, NEAR - 10, NEAR - 2, NEAR - 1, NEAR, NEAR + 1] {
                hay[begins..begins + needle.len()].copy_from_slice(&needle);
                assert_eq!(first(&hay, &needle), Some(begins));
                hay[begins..begins + needle.len()].fill(b'.');

                let begins = LONG - needle.len() - begins;
                hay[begins..begins + needle.len()].copy_from_slice(&needle);
                assert_eq!(last(&hay, &needle), Some(begins));
                hay[begins..begins + needle.len()].fill(b'.');
            }
        }
    }

    #[test]
    fn a_sample_is_asked_for_the_two_bytes_that_memchr_looks_for() {
        let text = b"the quick brown fox jumps over the lazy dog, once, ".repeat(9);
        assert!(has_its_rare_bytes(&text, b"jumps over the lazy cat"));
        assert!(!has_its_rare_bytes(&text, b"ERROR"));
        assert!(!has_its_rare_bytes(b"x", b"xyz"), "shorter than the needle");
        assert!(!has_its_rare_bytes(&text, b""));
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

        #[test]
        fn so_they_are_with_a_probe_however_unlike_its_sample_the_text_is(
            hay in prop::collection::vec(0..4u8, 0..400),
            needle in prop::collection::vec(0..4u8, 2..20),
            sample in prop::collection::vec(0..3u8, 1..30),
            repeats in 1..60usize,
        ) {
            let hay = [hay.repeat(repeats), needle.repeat(repeats % 3), hay].concat();
            let all = naive(&hay, &needle);
            let mut search = Search::new(&needle);
            search.take_probe(&sample);
            prop_assert_eq!(search.find(&hay), all.first().copied());
            prop_assert_eq!(last_of_several(search, &hay), all.last().copied());
        }
    }
}
