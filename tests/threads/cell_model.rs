//! Every interleaving of a cell's writer and readers, explored by loom.
//!
//! `src/share/seqlock.rs` is compiled here a second time, against loom's atomics. The cell has two slots, so that a reader is
//! overtaken after one value instead of three, and values of two words, so that there is something to
//! tear.

#[path = "../../src/share/seqlock.rs"]
#[allow(dead_code, missing_docs)]
mod seqlock;

mod threads {
    /// What `src/threads/sync.rs` is in the library.
    pub mod sync {
        pub use loom::sync::atomic::{AtomicU64, Ordering, fence};
    }
}

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use seqlock::{Cell, Found, HEAD};

const WORDS: usize = 2;
const BYTES: usize = WORDS * 8;
const SLOT: usize = HEAD + WORDS;

struct Memory {
    newest: AtomicU64,
    ring: [AtomicU64; 2 * SLOT],
}

impl Memory {
    fn zeroed() -> Arc<Memory> {
        Arc::new(Memory {
            newest: AtomicU64::new(0),
            ring: std::array::from_fn(|_| AtomicU64::new(0)),
        })
    }

    fn cell(&self) -> Cell<'_, 2> {
        Cell {
            newest: &self.newest,
            ring: &self.ring,
        }
    }

    /// Publishes a value that consists of `number` all over, and is the one of that number.
    fn publish(&self, number: u64) {
        let value = [number; WORDS];
        // SAFETY: it is as long as it says.
        assert!(unsafe { self.cell().publish(value.as_ptr().cast(), BYTES) });
    }

    /// The number that is looked at; 0 for none.
    fn look(&self) -> u64 {
        match self.cell().look(usize::MAX) {
            Found::Value { len, number } => {
                assert_eq!(len, BYTES);
                number
            }
            Found::Nothing => 0,
            other => panic!("{other:?}"),
        }
    }

    /// The number of the value that a reader gets, which has to be whole; 0 for none.
    fn read(&self) -> u64 {
        let mut value = [0u64; WORDS];
        // SAFETY: it is as long as it says.
        match unsafe { self.cell().read(value.as_mut_ptr().cast(), BYTES) } {
            Found::Value { len, number } => {
                assert_eq!(len, BYTES);
                assert_eq!(value, [number; WORDS], "torn");
                number
            }
            Found::Nothing => 0,
            other => panic!("{other:?}"),
        }
    }
}

/// Two preemptions find what there is to find (loom's documentation: "in practice two or three").
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

#[test]
fn a_reader_gets_whole_values_and_never_an_older_one() {
    explore(|| {
        let memory = Memory::zeroed();
        memory.publish(1);
        let writer = thread::spawn({
            let memory = memory.clone();
            move || (2..=3).for_each(|number| memory.publish(number))
        });
        let first = memory.read();
        let second = memory.read();
        assert!(1 <= first && first <= second, "{first}, {second}");
        writer.join().expect("it ends");
        assert_eq!(memory.read(), 3);
    });
}

#[test]
fn who_has_looked_reads_that_value_or_a_newer_one() {
    explore(|| {
        let memory = Memory::zeroed();
        memory.publish(1);
        let writer = thread::spawn({
            let memory = memory.clone();
            move || (2..=3).for_each(|number| memory.publish(number))
        });
        let looked = memory.look();
        let read = memory.read();
        assert!(1 <= looked && looked <= read, "{looked}, {read}");
        writer.join().expect("it ends");
        assert_eq!(memory.look(), 3);
    });
}

#[test]
fn the_first_value_comes_whole_or_not_yet() {
    explore(|| {
        let memory = Memory::zeroed();
        let writer = thread::spawn({
            let memory = memory.clone();
            move || memory.publish(1)
        });
        assert!(memory.read() <= 1);
        writer.join().expect("it ends");
        assert_eq!(memory.read(), 1);
    });
}

#[test]
fn two_readers_do_not_disturb_each_other() {
    explore(|| {
        let memory = Memory::zeroed();
        memory.publish(1);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let memory = memory.clone();
                thread::spawn(move || assert!(memory.read() >= 1))
            })
            .collect();
        memory.publish(2);
        readers
            .into_iter()
            .for_each(|reader| reader.join().expect("it ends"));
    });
}

/// A writer that died after any of its stores leaves the last value, and the next goes on from there.
#[test]
fn wherever_a_writer_dies_the_last_value_is_left_and_the_next_writer_goes_on() {
    loom::model(|| {
        for died_after in 0..=HEAD + WORDS {
            let memory = Memory::zeroed();
            memory.publish(1);
            memory.publish(2);
            // What publishing the third does, up to there.
            let slot = &memory.ring[SLOT..];
            let stores = [(0, 0), (3, 3), (4, 3), (1, BYTES as u64), (2, 12345)];
            for (word, value) in stores.iter().take(died_after) {
                slot[*word].store(*value, Ordering::Relaxed);
            }
            assert_eq!(memory.read(), 2, "died after {died_after} stores");
            memory.publish(3);
            assert_eq!(memory.read(), 3);
        }
    });
}

/// After a crash of the machine every word may be an older one.
#[test]
fn after_a_crash_of_the_machine_the_newest_whole_value_is_read() {
    loom::model(|| {
        // The newest value's words are those of before.
        let memory = Memory::zeroed();
        (1..=4).for_each(|number| memory.publish(number));
        memory.ring[4].store(2, Ordering::Relaxed);
        assert_eq!((memory.look(), memory.read()), (3, 3));
        memory.publish(5);
        assert_eq!(memory.read(), 5);

        // The number is of before, and its slot isn't.
        let memory = Memory::zeroed();
        (1..=4).for_each(|number| memory.publish(number));
        memory.newest.store(2, Ordering::Relaxed);
        assert_eq!((memory.look(), memory.read()), (4, 4));
        memory.publish(5);
        assert_eq!(memory.read(), 5);

        // Nothing of the number was ever written back.
        memory.newest.store(0, Ordering::Relaxed);
        assert_eq!(memory.read(), 5);

        // Nothing is whole.
        [3, SLOT + 3]
            .iter()
            .for_each(|word| memory.ring[*word].store(77, Ordering::Relaxed));
        let mut value = [0u64; WORDS];
        // SAFETY: it is as long as it says.
        let found = unsafe { memory.cell().read(value.as_mut_ptr().cast(), BYTES) };
        assert_eq!(found, Found::Torn);
        assert_eq!(memory.cell().look(usize::MAX), Found::Torn);
    });
}

#[test]
fn a_value_of_any_length_comes_back_and_one_that_is_too_long_does_not() {
    loom::model(|| {
        let memory = Memory::zeroed();
        let value: [u8; BYTES] = std::array::from_fn(|i| i as u8 + 1);
        for len in 0..=BYTES {
            let mut copy = [0u8; BYTES];
            // SAFETY: both are at least as long as they say.
            let found = unsafe {
                assert!(memory.cell().publish(value.as_ptr(), len));
                memory.cell().read(copy.as_mut_ptr(), len)
            };
            let number = len as u64 + 1;
            assert_eq!(found, Found::Value { len, number });
            assert_eq!(copy[..len], value[..len]);
            assert_eq!(copy[len..], [0u8; BYTES][len..]);
        }
        let mut small = [0u8; BYTES - 1];
        // SAFETY: it is as long as it says.
        let found = unsafe { memory.cell().read(small.as_mut_ptr(), small.len()) };
        assert_eq!(found, Found::TooLong);
        assert_eq!(small, [0; BYTES - 1]);
    });
}
