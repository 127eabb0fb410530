//! A cell: the newest whole value that one writer has published, for any number of readers.
//!
//! Nobody holds a lock, so nobody who dies can leave one held. The writer writes each value into the
//! next of several slots, in a ring, and only then says which is the newest. A slot's stamp is the number
//! of the value that it holds, 0 while it is written to; who finds the same stamp before and after it
//! has copied the value has copied it whole (a seqlock: Boehm, "Can seqlocks get along with programming
//! language memory models?", 2012). A reader has to begin again only if meanwhile the writer came
//! around the ring.
//!
//! * A writer that dies leaves a slot that isn't stamped, and the newest value where it was.
//! * A reader writes nothing.
//! * Memory that is a file may come back from a crash of the machine with some pages older than others.
//!   So each value has a sum, into which its number goes too; a reader that meets one that isn't right
//!   takes the newest that is.
//!
//! The words are atomics, since one process reads them while another writes. Every interleaving is
//! explored by `tests/threads/cell_model.rs`.

use crate::threads::sync::{AtomicU64, Ordering, fence};

/// The words of a slot in front of the value: its stamp, the value's length in bytes, its sum.
pub const HEAD: usize = 3;
const WORD: usize = size_of::<u64>();

/// A cell's memory.
pub struct Cell<'m, const SLOTS: usize> {
    /// The number of the newest value, 0 before there was any.
    pub newest: &'m AtomicU64,
    /// The ring: the words of `SLOTS` slots, one after the other.
    pub ring: &'m [AtomicU64],
}

/// Room for one value.
struct Slot<'m>(&'m [AtomicU64]);

/// What a reader has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A whole value: its length, and which one since the first it is.
    Value { len: usize, number: u64 },
    /// Nothing was published yet.
    Nothing,
    /// A value that is longer than there is room for.
    TooLong,
    /// A crash, or two writers at once, left no value whole.
    Torn,
    /// The writer was faster all the time.
    Overtaken,
}

/// What came of copying one slot.
enum Copy {
    Done(Found),
    /// It holds another value, by now or from the start.
    Other,
    /// Its sum isn't right.
    Torn,
}

/// How often a reader begins again.
const PATIENCE: usize = 64;

impl<const SLOTS: usize> Cell<'_, SLOTS> {
    #[inline]
    fn slot(&self, number: u64) -> Slot<'_> {
        let each = self.ring.len() / SLOTS;
        let first = (number % SLOTS as u64) as usize * each;
        Slot(&self.ring[first..first + each])
    }

    /// What each slot is stamped.
    fn stamps(&self) -> [u64; SLOTS] {
        // Acquire: pairs with the store of the stamp, which comes after what is under it.
        std::array::from_fn(|i| self.slot(i as u64).0[0].load(Ordering::Acquire))
    }

    /// Publishes `len` bytes, which fit into a slot; false if there was one value for every number.
    ///
    /// # Safety
    ///
    /// `from` can be read for `len` bytes.
    #[inline]
    pub unsafe fn publish(&self, from: *const u8, len: usize) -> bool {
        let Some(number) = self.next_number() else {
            return false;
        };
        let slot = self.slot(number);
        // Release: who sees that the stamp is gone sees which was the newest. The fence: who sees a word
        // of the new value sees that the stamp is gone.
        slot.0[0].store(0, Ordering::Release);
        fence(Ordering::Release);
        // SAFETY: `from` can be read for `len` bytes.
        let sum = unsafe { slot.fill(from, len, number) };
        // Relaxed, both: published by the stamp.
        slot.0[1].store(len as u64, Ordering::Relaxed);
        slot.0[2].store(sum, Ordering::Relaxed);
        // Release, both: who sees the stamp sees the value, and who sees the number sees the stamp.
        slot.0[0].store(number, Ordering::Release);
        self.newest.store(number, Ordering::Release);
        true
    }

    /// The number of the value to publish: one more than the newest, unless a crash brought back an
    /// older newest with younger slots.
    fn next_number(&self) -> Option<u64> {
        // Relaxed, all: only writers change them, one after the other.
        let next = self.newest.load(Ordering::Relaxed).checked_add(1)?;
        if self.slot(next).0[0].load(Ordering::Relaxed) < next {
            return Some(next);
        }
        self.stamps().into_iter().max()?.checked_add(1)
    }

    /// Copies the newest whole value to `to`, which has room for `room` bytes. What was there is gone
    /// whatever the result is.
    ///
    /// # Safety
    ///
    /// `to` can be written for `room` bytes.
    #[inline]
    pub unsafe fn read(&self, to: *mut u8, room: usize) -> Found {
        // SAFETY: `to` can be written for `room` bytes.
        self.find(|slot, number| unsafe { slot.copy(number, to, room) })
    }

    /// The newest whole value, looked through as for reading, and copied nowhere. One of more than `most` bytes
    /// isn't looked through.
    pub fn look(&self, most: usize) -> Found {
        self.find(|slot, number| slot.check(number, most))
    }

    #[inline(always)]
    fn find(&self, copy: impl Fn(Slot<'_>, u64) -> Copy) -> Found {
        let mut seen = 0;
        for _ in 0..PATIENCE {
            // Acquire: the stamp is seen.
            let newest = self.newest.load(Ordering::Acquire);
            if newest != 0 {
                match copy(self.slot(newest), newest) {
                    Copy::Done(found) => return found,
                    Copy::Other if newest != seen => {
                        seen = newest;
                        continue;
                    }
                    Copy::Other | Copy::Torn => {}
                }
            }
            let found = self.find_whole(&copy);
            // Acquire: who has seen a slot change sees a newer newest. So where it is the same, the slots
            // are what a crash left, and nobody has seen a younger value than will be found again.
            if self.newest.load(Ordering::Acquire) != newest {
                continue;
            }
            match found {
                Some(Found::Nothing) if newest != 0 => return Found::Torn,
                Some(found) => return found,
                None => {}
            }
        }
        Found::Overtaken
    }

    /// The newest value that is whole, whatever the cell says; None when the writer came in between.
    #[cold]
    fn find_whole(&self, copy: &impl Fn(Slot<'_>, u64) -> Copy) -> Option<Found> {
        let mut stamps = self.stamps();
        stamps.sort_unstable_by(|a, b| b.cmp(a));
        let mut result = Some(Found::Nothing);
        for stamp in stamps.into_iter().filter(|stamp| *stamp != 0) {
            match copy(self.slot(stamp), stamp) {
                Copy::Done(found) => return Some(found),
                Copy::Torn => result = result.and(Some(Found::Torn)),
                Copy::Other => result = None,
            }
        }
        result
    }
}

impl Slot<'_> {
    fn room(&self) -> usize {
        (self.0.len() - HEAD) * WORD
    }

    /// Writes the value; its sum.
    #[inline]
    unsafe fn fill(&self, from: *const u8, len: usize, number: u64) -> u64 {
        let mut sum = Sum::new(len, number);
        let (whole, rest) = (len / WORD, len % WORD);
        let words = &self.0[HEAD..];
        let mut put = |place: usize, word: &AtomicU64| {
            // SAFETY: the word lies within `len` bytes; the caller's.
            let value = unsafe { from.add(place * WORD).cast::<u64>().read_unaligned() };
            // Relaxed: published by the stamp.
            word.store(value, Ordering::Relaxed);
            value
        };
        sum.over(&words[..whole], &mut put);
        if rest != 0 {
            let mut bytes = [0; WORD];
            // SAFETY: `from` can be read for `len` bytes, and `rest` is at most `len`.
            unsafe { from.add(len - rest).copy_to(bytes.as_mut_ptr(), rest) };
            let value = u64::from_ne_bytes(bytes);
            words[whole].store(value, Ordering::Relaxed); // Published by the stamp, like the other words.
            sum.last(value);
        }
        sum.end()
    }

    /// Copies the value if it is the one of that number, and whole.
    #[inline(always)]
    unsafe fn copy(&self, number: u64, to: *mut u8, room: usize) -> Copy {
        // SAFETY: what fits into the room; the caller's.
        self.look_through(number, room, |len| unsafe { self.take(to, len, number) })
    }

    /// Whether the value is the one of that number, and whole.
    fn check(&self, number: u64, most: usize) -> Copy {
        self.look_through(number, most, |len| self.sum(len, number))
    }

    /// Has `take` look at the bytes of the value, if they are no more than `room`, and return the sum that they
    /// have.
    #[inline(always)]
    fn look_through(&self, number: u64, room: usize, take: impl FnOnce(usize) -> u64) -> Copy {
        // Acquire: the value is seen.
        if self.0[0].load(Ordering::Acquire) != number {
            return Copy::Other;
        }
        // Relaxed, both: looked at again below.
        let (len, sum) = (
            self.0[1].load(Ordering::Relaxed),
            self.0[2].load(Ordering::Relaxed),
        );
        // What others write to memory may be anything.
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let fits = len <= self.room() && len <= room;
        let copied = fits.then(|| take(len));
        // Acquire: if a word was of another value, the stamp is seen to be gone.
        fence(Ordering::Acquire);
        if self.0[0].load(Ordering::Relaxed) != number {
            return Copy::Other;
        }
        match copied {
            Some(copied) if copied == sum => Copy::Done(Found::Value { len, number }),
            None if len <= self.room() => Copy::Done(Found::TooLong),
            _ => Copy::Torn,
        }
    }

    /// The sum of the bytes that are there.
    fn sum(&self, len: usize, number: u64) -> u64 {
        let mut sum = Sum::new(len, number);
        let (whole, rest) = (len / WORD, len % WORD);
        let words = &self.0[HEAD..];
        // Relaxed, both: as in `take`.
        sum.over(&words[..whole], &mut |_, word| word.load(Ordering::Relaxed));
        if rest != 0 {
            sum.last(words[whole].load(Ordering::Relaxed));
        }
        sum.end()
    }

    /// Copies the bytes that are there; the sum that they have.
    #[inline(always)]
    unsafe fn take(&self, to: *mut u8, len: usize, number: u64) -> u64 {
        let mut sum = Sum::new(len, number);
        let (whole, rest) = (len / WORD, len % WORD);
        let words = &self.0[HEAD..];
        let mut get = |place: usize, word: &AtomicU64| {
            // Relaxed: who was overtaken finds out by the stamp.
            let value = word.load(Ordering::Relaxed);
            // SAFETY: the word lies within `len` bytes; the caller's.
            unsafe { to.add(place * WORD).cast::<u64>().write_unaligned(value) };
            value
        };
        sum.over(&words[..whole], &mut get);
        if rest != 0 {
            let value = words[whole].load(Ordering::Relaxed); // As the other words.
            sum.last(value);
            let bytes = value.to_ne_bytes();
            // SAFETY: `to` can be written for `len` bytes, and `rest` is at most `len`.
            unsafe { to.add(len - rest).copy_from(bytes.as_ptr(), rest) };
        }
        sum.end()
    }
}

/// A sum of 64 bits over the words of a value, its length and its number, of the kind of wyhash: the two
/// halves of a product of 128 bits, folded. Two values that differ, in however many words, have the same
/// sum with the chance of a hash, 2^-64; it is to notice pages that are older than others, and no forger.
/// Four lanes, so that the processor multiplies four times at once.
struct Sum {
    lanes: [u64; LANES],
    head: u64,
}

const LANES: usize = 4;

/// For each lane a number with half of its bits set, so that lanes differ: the fractional digits of
/// the square roots of 2, 3, 5 and 7 (those of SHA-512).
const KEYS: [u64; LANES] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
];

/// The product's two halves, folded.
#[inline(always)]
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
}

impl Sum {
    #[inline(always)]
    fn new(len: usize, number: u64) -> Sum {
        Sum {
            lanes: KEYS,
            head: number ^ (len as u64).rotate_left(32) ^ KEYS[0],
        }
    }

    /// Adds what `each` returns for the words, one after the other.
    #[inline(always)]
    fn over(&mut self, words: &[AtomicU64], each: &mut impl FnMut(usize, &AtomicU64) -> u64) {
        const ROW: usize = 2 * LANES;
        let rows = words.chunks_exact(ROW);
        let (done, rest) = (rows.len() * ROW, rows.remainder());
        for (row, words) in rows.enumerate() {
            for (i, lane) in self.lanes.iter_mut().enumerate() {
                let place = row * ROW + 2 * i;
                let one = each(place, &words[2 * i]);
                let other = each(place + 1, &words[2 * i + 1]);
                *lane = fold(*lane ^ one, KEYS[(i + 1) % LANES] ^ other);
            }
        }
        if !rest.is_empty() {
            // By constants, so that the lanes stay in registers.
            for i in 0..ROW - 1 {
                if let Some(word) = rest.get(i) {
                    let lane = &mut self.lanes[i % LANES];
                    *lane = fold(*lane ^ each(done + i, word), KEYS[1 + i / LANES]);
                }
            }
        }
    }

    /// Adds the bytes behind the last whole word.
    #[inline(always)]
    fn last(&mut self, word: u64) {
        self.head = fold(self.head ^ word, KEYS[3]);
    }

    /// A sum of the lanes, each turned by a different number of bits.
    #[inline(always)]
    fn end(self) -> u64 {
        let [a, b, c, d] = self.lanes;
        let one = a.wrapping_add(b.rotate_left(16));
        let other = c.rotate_left(32).wrapping_add(d.rotate_left(48));
        fold(one.wrapping_add(other) ^ self.head, KEYS[1])
    }
}
