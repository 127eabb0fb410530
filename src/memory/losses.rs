//! What of a mapping was lost to faults: recorded by the fault handler, asked by every operation.
//!
//! Everything here is atomics and system calls that a signal handler may make. Positions are bytes from
//! the beginning of the mapping's first page on.

use crate::status::{Error, Result};
use std::ops::{BitOr, Range};
use std::ptr;
use std::sync::atomic::{
    AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};

/// Why pages were lost: a set, since there may be several reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Causes(pub u32);

/// In memmap_fault.causes: the file was truncated; the pages lie behind its end.
pub const FAULT_TRUNCATED: u32 = 1 << 0;
/// In memmap_fault.causes: the file has these bytes, and its device, its network or the lack of
/// space on it prevents access to them.
pub const FAULT_IO: u32 = 1 << 1;
/// In memmap_fault.causes: one of the two; without a descriptor (MEMMAP_NO_DESCRIPTOR) they cannot
/// be told apart.
pub const FAULT_UNKNOWN: u32 = 1 << 2;

impl Causes {
    /// The file was truncated.
    pub const TRUNCATED: Causes = Causes(FAULT_TRUNCATED);
    /// The device, the network or the space left failed.
    pub const IO: Causes = Causes(FAULT_IO);
    /// One of the two: there is no descriptor to tell them apart.
    pub const UNKNOWN: Causes = Causes(FAULT_UNKNOWN);

    /// Whether all of `other` is in here.
    pub fn has(self, other: Causes) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Causes {
    type Output = Causes;

    fn bitor(self, other: Causes) -> Causes {
        Causes(self.0 | other.0)
    }
}

/// How many repairs are made with blocks of one size before the size doubles. So a mapping of any
/// size, lost page by page in any order, is split into some thousand areas at most, of the 65,530 that
/// a process may have (vm.max_map_count).
const REPAIRS_OF_ONE_SIZE: u32 = 256;

/// No map: no address of a page.
const NOWHERE: *mut AtomicU64 = ptr::dangling_mut();

/// The bytes of a mapping that stand-in pages have taken the place of.
#[derive(Debug)]
pub struct Lost {
    /// The size of the mapping's pages, as a power of two.
    page_shift: u8,
    causes: AtomicU8,
    /// How many blocks were replaced.
    repairs: AtomicU32,
    /// How often a page that faulted was there when it was looked for again.
    tries: AtomicU16,
    /// The complement of the position from which on all is lost, 0 when nothing is.
    not_tail: AtomicUsize,
    /// The same for the first and behind the last position of single blocks.
    not_first: AtomicUsize,
    behind_last: AtomicUsize,
    /// A bit a page, set when it was lost as part of a block. NULL before it is needed, and NOWHERE for
    /// good if it could not be had then: everything from the first to the last block counts as lost. A map
    /// that came later would not have the blocks that went before it.
    pages: AtomicPtr<AtomicU64>,
    /// The length of `pages` in bytes.
    pages_len: AtomicUsize,
}

impl Lost {
    /// Nothing, of a mapping with pages of `page` bytes.
    pub const fn of_pages(page: usize) -> Lost {
        Lost {
            page_shift: page.trailing_zeros() as u8,
            causes: AtomicU8::new(0),
            repairs: AtomicU32::new(0),
            tries: AtomicU16::new(0),
            not_tail: AtomicUsize::new(0),
            not_first: AtomicUsize::new(0),
            behind_last: AtomicUsize::new(0),
            pages: AtomicPtr::new(ptr::null_mut()),
            pages_len: AtomicUsize::new(0),
        }
    }

    /// Everything from `position` on is lost.
    pub fn note_tail(&self, position: usize, cause: Causes) {
        // Release, here and below: see `Slot::lose`, which calls it.
        self.not_tail.fetch_max(!position, Ordering::Release);
        self.note_cause(cause);
    }

    /// A block is lost, in a mapping that is `total` bytes long.
    pub fn note_block(&self, block: Range<usize>, total: usize, cause: Causes) {
        self.not_first.fetch_max(!block.start, Ordering::Release);
        self.behind_last.fetch_max(block.end, Ordering::Release);
        self.note_cause(cause);
        // Release, like the others: who counts the fault afterwards publishes them together.
        for (word, bits) in words(&block, self.page()) {
            match self.word(total, word) {
                Some(word) => word.fetch_or(bits, Ordering::Release),
                None => break,
            };
        }
    }

    /// The same, without mapping memory for it: what lies between two blocks counts as lost too.
    pub fn note_hull(&self, block: Range<usize>, total: usize, cause: Causes) {
        let nothing = ptr::null_mut();
        // Relaxed, both: NOWHERE is no address, and a map that is there is looked at by who acquires it.
        let _ = self
            .pages
            .compare_exchange(nothing, NOWHERE, Ordering::Relaxed, Ordering::Relaxed);
        self.note_block(block, total, cause);
    }

    fn note_cause(&self, cause: Causes) {
        self.causes.fetch_or(cause.0 as u8, Ordering::Release); // As above.
    }

    /// The length in bytes of the block to replace next: a page, and more with every repair, so that
    /// the number of areas stays bounded.
    pub fn next_block(&self) -> usize {
        // Relaxed: a number.
        let doublings = self.repairs.fetch_add(1, Ordering::Relaxed) / REPAIRS_OF_ONE_SIZE;
        1usize
            .checked_shl(doublings.saturating_add(self.page_shift.into()))
            .unwrap_or(1usize << (usize::BITS - 2))
    }

    /// Whether to try a page again that is there after all: so many times in all.
    pub fn try_again(&self, most: u16) -> bool {
        let one_more = |tries| (tries < most).then(|| tries + 1);
        // Relaxed, both: a number.
        self.tries
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .is_ok()
    }

    /// [`Error::Fault`] when any byte of `range` is lost.
    #[cold]
    pub fn check(&self, range: &Range<usize>) -> Result<()> {
        let blocks = self.blocks();
        let among_blocks = range.start < blocks.end && blocks.start < range.end;
        let any = self.tail() < range.end || among_blocks && self.any_page(range);
        match any && !range.is_empty() {
            true => Err(Error::Fault),
            false => Ok(()),
        }
    }

    /// From the first byte that is lost to the last, in a mapping that is `total` bytes long, and why.
    pub fn summary(&self, total: usize) -> (Range<usize>, Causes) {
        let (tail, blocks) = (self.tail(), self.blocks());
        let end = match tail < total {
            true => total,
            false => blocks.end.min(total),
        };
        let start = tail.min(blocks.start).min(end);
        // Acquire: as `check`, by the count of faults; here for who has not asked it.
        (
            start..end,
            Causes(self.causes.load(Ordering::Acquire).into()),
        )
    }

    /// Every run of pages that were replaced, in a mapping that is `total` bytes long.
    pub fn runs(&self, total: usize) -> Vec<Range<usize>> {
        let page = self.page();
        let tail = self.tail().min(total).next_multiple_of(page);
        let blocks = self.blocks();
        let mut runs: Vec<Range<usize>> = Vec::new();
        for start in (blocks.start.min(tail)..blocks.end.min(tail)).step_by(page) {
            let end = start + page;
            if !self.any_page(&(start..end)) {
                continue;
            }
            match runs.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => runs.push(start..end),
            }
        }
        if tail < total {
            runs.push(tail..total);
        }
        runs
    }

    /// Forgets everything, for who has the mapping alone.
    pub fn clear(&mut self) {
        *self = Lost::of_pages(self.page());
    }

    fn page(&self) -> usize {
        1 << self.page_shift
    }

    fn tail(&self) -> usize {
        // Relaxed, here and in `blocks`: the count of faults was read before, with Acquire.
        !self.not_tail.load(Ordering::Relaxed)
    }

    fn blocks(&self) -> Range<usize> {
        !self.not_first.load(Ordering::Relaxed)..self.behind_last.load(Ordering::Relaxed)
    }

    fn any_page(&self, range: &Range<usize>) -> bool {
        // Acquire: the map is zeroed by the kernel before it is seen here.
        let pages = self.pages.load(Ordering::Acquire);
        if pages.is_null() || pages == NOWHERE {
            return true;
        }
        let len = self.pages_len.load(Ordering::Relaxed); // Published by `pages`, which has been acquired.
        words(range, self.page()).any(|(word, bits)| {
            let known = word < len / size_of::<AtomicU64>();
            // SAFETY: the index has just been compared with the length of the map.
            known && unsafe { &*pages.add(word) }.load(Ordering::Relaxed) & bits != 0
        })
    }

    /// A word of the map of lost pages, which is made if it isn't there.
    fn word(&self, total: usize, index: usize) -> Option<&AtomicU64> {
        let len = total.div_ceil(self.page()).div_ceil(64) * size_of::<AtomicU64>();
        // Acquire: as in `any_page`.
        let pages = match self.pages.load(Ordering::Acquire) {
            map if map.is_null() => self.make_pages(len),
            map => map,
        };
        if pages == NOWHERE {
            return None;
        }
        // SAFETY: a position of the mapping has its bit in a map of that length, which is unmapped only
        // by who has the mapping alone.
        Some(unsafe { &*pages.add(index) })
    }

    #[cold]
    fn make_pages(&self, len: usize) -> *mut AtomicU64 {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: new memory, at no address in particular.
        let made = unsafe { libc::mmap(ptr::null_mut(), len, access, flags, -1, 0) };
        let map = match made {
            libc::MAP_FAILED => NOWHERE,
            made => made.cast(),
        };
        self.pages_len.store(len, Ordering::Relaxed); // The same for who comes at the same time.
        // AcqRel and Acquire: publishes the length, and shows that of who was first.
        let exchange =
            self.pages
                .compare_exchange(ptr::null_mut(), map, Ordering::AcqRel, Ordering::Acquire);
        match exchange {
            Ok(_) => map,
            Err(theirs) => {
                if map != NOWHERE {
                    // SAFETY: another thread was first, so nobody has seen ours.
                    unsafe { libc::munmap(made, len) };
                }
                theirs
            }
        }
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        let pages = *self.pages.get_mut();
        if !pages.is_null() && pages != NOWHERE {
            // SAFETY: `make_pages` mapped it with that length, and nobody else can see it any more.
            unsafe { libc::munmap(pages.cast(), *self.pages_len.get_mut()) };
        }
    }
}

/// The words of the map, and the bits in each, that stand for the pages of `page` bytes that hold the bytes of `range`.
fn words(range: &Range<usize>, page: usize) -> impl Iterator<Item = (usize, u64)> {
    let (first, behind) = (range.start / page, range.end.div_ceil(page));
    (first / 64..behind.div_ceil(64)).map(move |word| {
        let from = first.max(word * 64) - word * 64;
        let to = behind.min((word + 1) * 64) - word * 64;
        (word, (u64::MAX << from) & (u64::MAX >> (64 - to)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::page_size::PAGE_SIZES;
    use crate::os::page_size::page_size;
    use proptest::prelude::*;

    #[test]
    fn a_tail_is_lost_from_its_first_byte_on() {
        let lost = Lost::of_pages(PAGE_SIZES[0]);
        lost.note_tail(5000, Causes::TRUNCATED);
        assert_eq!(lost.check(&(0..5000)), Ok(()));
        assert_eq!(lost.check(&(4999..5001)), Err(Error::Fault));
        assert_eq!(lost.summary(9000), (5000..9000, Causes::TRUNCATED));
        lost.note_tail(100, Causes::TRUNCATED);
        lost.note_tail(200, Causes::TRUNCATED);
        assert_eq!(lost.summary(9000).0, 100..9000);
    }

    #[test]
    fn causes_are_bits_of_their_own_and_a_set() {
        assert_eq!([FAULT_TRUNCATED, FAULT_IO, FAULT_UNKNOWN], [1, 2, 4]);
        let both = Causes::TRUNCATED | Causes::IO;
        assert!(both.has(Causes::TRUNCATED) && both.has(Causes::IO) && both.has(both));
        assert!(!both.has(Causes::UNKNOWN) && !Causes::IO.has(both));
        assert_eq!(both | Causes::IO, both);
    }

    #[test]
    fn nothing_is_lost_at_first_and_after_clearing() {
        for page in PAGE_SIZES {
            let mut lost = Lost::of_pages(page);
            assert_eq!(lost.summary(2 * page), (0..0, Causes::default()));
            lost.note_block(0..page, 2 * page, Causes::IO);
            lost.note_tail(7, Causes::TRUNCATED);
            lost.clear();
            assert_eq!(lost.check(&(0..2 * page)), Ok(()));
            assert_eq!(lost.summary(2 * page), (0..0, Causes::default()));
            assert_eq!(
                lost.next_block(),
                page,
                "its pages stay as large as they are"
            );
        }
    }

    #[test]
    fn no_more_than_a_page_is_given_up_until_there_were_many() {
        let lost = Lost::of_pages(page_size());
        for size in [page_size(), 2 * page_size(), 4 * page_size()] {
            assert!((0..REPAIRS_OF_ONE_SIZE).all(|_| lost.next_block() == size));
        }
    }

    #[test]
    fn blocks_double_often_enough_to_bound_the_number_of_areas() {
        for page in PAGE_SIZES {
            let lost = Lost::of_pages(page);
            let (total, mut repaired, mut blocks) = (1u64 << 40, 0, 0u32);
            while repaired < total {
                repaired += lost.next_block() as u64;
                blocks += 1;
            }
            assert!(blocks < 8_000, "{blocks}");
            for _ in 0..100_000 {
                assert!(lost.next_block().is_power_of_two());
            }
            assert_eq!(lost.next_block(), 1 << (usize::BITS - 2));
        }
    }

    #[test]
    fn a_page_is_tried_again_so_many_times_in_all() {
        let lost = Lost::of_pages(page_size());
        assert_eq!((0..5).filter(|_| lost.try_again(3)).count(), 3);
    }

    #[test]
    fn a_tail_behind_the_mapping_is_no_loss_of_it() {
        let (page, lost) = (page_size(), Lost::of_pages(page_size()));
        lost.note_block(0..page, 4 * page, Causes::IO);
        lost.note_tail(4 * page, Causes::TRUNCATED);
        assert_eq!(lost.summary(4 * page).0, 0..page);
    }

    /// How much address space this process has taken.
    fn taken() -> usize {
        let pages = std::fs::read_to_string("/proc/self/statm").expect("procfs is there");
        let pages = pages.split(' ').next().expect("it has numbers");
        pages.parse::<usize>().expect("it is one") * page_size()
    }

    #[test]
    fn the_map_of_pages_goes_with_what_it_tells_of() {
        let before = taken();
        for _ in 0..64 {
            Lost::of_pages(page_size()).note_block(
                0..page_size(),
                1 << (usize::BITS - 24),
                Causes::IO,
            ); // 32 MiB of address space.
        }
        assert!(taken() < before + (1 << 30));
    }

    #[test]
    fn of_two_that_make_the_map_at_once_the_second_takes_the_first_ones_and_gives_its_own_back() {
        let (before, lost) = (taken(), Lost::of_pages(page_size()));
        let first = lost.make_pages(32 << 20);
        for _ in 0..64 {
            assert_eq!(lost.make_pages(32 << 20), first);
        }
        assert!(taken() < before + (1 << 30));
    }

    #[test]
    fn without_a_map_everything_between_the_blocks_counts_as_lost() {
        for &page in &PAGE_SIZES[..2] {
            let lost = Lost::of_pages(page);
            lost.note_block(page..2 * page, usize::MAX, Causes::IO); // No address space holds that map.
            lost.note_block(8 * page..9 * page, 16 * page, Causes::IO);
            assert_eq!(lost.check(&(0..page)), Ok(()));
            assert_eq!(lost.check(&(page..page + 1)), Err(Error::Fault));
            assert_eq!(lost.check(&(4 * page..5 * page)), Err(Error::Fault));
            assert_eq!(lost.check(&(9 * page..16 * page)), Ok(()));
            assert_eq!(lost.runs(16 * page), vec![page..9 * page]);
        }
    }

    #[test]
    fn what_is_noted_without_mapping_memory_takes_none_and_leaves_a_map_that_is_there() {
        let page = page_size();
        let (before, lost) = (taken(), Lost::of_pages(page));
        lost.note_hull(page..2 * page, 1 << 40, Causes::UNKNOWN);
        assert_eq!(lost.runs(16 * page), vec![page..2 * page]);
        assert!(taken() < before + (1 << 24), "a map of 32 MiB was made");
        let lost = Lost::of_pages(page);
        lost.note_block(page..2 * page, 16 * page, Causes::IO);
        lost.note_hull(8 * page..9 * page, 16 * page, Causes::UNKNOWN);
        assert_eq!(
            lost.runs(16 * page),
            vec![page..2 * page, 8 * page..9 * page]
        );
    }

    #[test]
    fn a_tail_takes_the_page_that_it_begins_in_along_only_as_far_as_it_was_there() {
        for page in PAGE_SIZES {
            let lost = Lost::of_pages(page);
            lost.note_block(page..2 * page, 9 * page, Causes::IO);
            lost.note_tail(4 * page + 1, Causes::TRUNCATED);
            let replaced = vec![page..2 * page, 5 * page..9 * page];
            assert_eq!(lost.runs(9 * page), replaced);
        }
    }

    proptest! {
        #[test]
        fn a_range_is_lost_exactly_when_a_page_of_it_is(
            page in prop::sample::select(&PAGE_SIZES[..]),
            blocks in prop::collection::vec((0..300usize, 1..70usize), 0..8),
            ranges in prop::collection::vec((0..400usize, 0..9usize, -1..2isize, -1..2isize), 1..50),
        ) {
            let total = 400 * page;
            let lost = Lost::of_pages(page);
            let mut plain = vec![false; 400];
            for (first, len) in &blocks {
                lost.note_block(first * page..(first + len) * page, total, Causes::IO);
                plain[*first..first + len].fill(true);
            }
            for (first, len, before, behind) in ranges {
                let start = (first * page).saturating_add_signed(before);
                let end = ((first + len) * page).saturating_add_signed(behind).min(total);
                let range = start..end.max(start);
                let holds = |i: usize| range.start < (i + 1) * page && i * page < range.end;
                let any = !range.is_empty() && (0..400).any(|i| plain[i] && holds(i));
                prop_assert_eq!(lost.check(&range).is_err(), any, "{:?}", range);
            }
            let pages = lost.runs(total).iter().map(|run| run.len() / page).sum::<usize>();
            prop_assert_eq!(pages, plain.iter().filter(|lost| **lost).count());
        }
    }
}
