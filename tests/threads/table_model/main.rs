//! Every interleaving of the handle table, explored by loom.
//!
//! `src/handles` is compiled here a second time, against loom's atomics instead of the system's. Each
//! model is small, since the number of interleavings explodes; what is true for two threads and two
//! slots is true for more, because a slot knows nothing of others and a count nothing of who counts.

#[path = "../../../src/status.rs"]
#[allow(dead_code, missing_docs)]
mod status;

#[path = "../../../src/handles/mod.rs"]
#[allow(dead_code, missing_docs)]
mod handles;

mod store_buffers;

mod readers_model;

mod threads {
    /// What `src/threads/sync.rs` is in the library.
    pub mod sync {
        pub use crate::store_buffers::{Sign, barrier, fence};
        pub use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

        /// One is enough.
        pub const CALLS_BEFORE_SHOWN: u32 = 1;

        /// So that a second reader takes a second block.
        pub const READERS_IN_BLOCK: usize = 1;

        pub struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

        impl<T> UnsafeCell<T> {
            pub fn new(value: T) -> UnsafeCell<T> {
                UnsafeCell(loom::cell::UnsafeCell::new(value))
            }

            pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
                self.0.with(f)
            }

            pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
                self.0.with_mut(f)
            }
        }

        /// Patience is a number of rounds, since no time passes in a model.
        #[derive(Default)]
        pub struct Backoff(u32);

        impl Backoff {
            pub fn brief() -> Backoff {
                Backoff(1)
            }

            pub fn rest(&mut self) -> bool {
                self.wait()
            }

            pub fn wait(&mut self) -> bool {
                loom::thread::yield_now();
                self.0 += 1;
                self.0 < 3
            }
        }

        /// None is shown: who passes does so at once.
        #[derive(Default)]
        pub struct Courtesy(());

        impl Courtesy {
            pub fn wait(&mut self) -> bool {
                false
            }
        }

        /// There are no signals in a model.
        pub struct Undisturbed;

        impl Undisturbed {
            pub fn begin() -> Undisturbed {
                Undisturbed
            }
        }
    }
}

use handles::readers::{Block, Reader, Readers};
use handles::slot::{Slot, Span, Views};
use handles::table::{Chunk, Empty, Handle, MakeSlots, Table};
use handles::word::LAST_GENERATION;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use loom::thread;
use status::Error;
use store_buffers::Sign;

/// A value that tells when it is touched after it was dropped, or while somebody changes it.
struct Probe {
    content: UnsafeCell<u32>,
    drops: Arc<AtomicUsize>,
}

impl Probe {
    fn read(&self) -> u32 {
        // SAFETY: loom reports it when somebody writes at the same time.
        self.content.with(|content| unsafe { *content })
    }

    fn write(&self, value: u32) {
        // SAFETY: loom reports it when somebody else reads or writes at the same time.
        self.content.with_mut(|content| unsafe { *content = value });
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.write(u32::MAX);
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

type Small = Table<Probe, 3, 1>;

/// Where every probe says that its memory is.
const MEMORY: Span = Span {
    start: 100,
    end: 200,
};

struct World {
    table: Arc<Small>,
    drops: Arc<AtomicUsize>,
}

fn slots(len: usize) -> Option<Box<[Slot<Probe>]>> {
    Some((0..len).map(|_| Slot::free(0)).collect())
}

fn block() -> Option<*mut Block> {
    Some(Box::into_raw(Box::new(Block {
        next: AtomicPtr::new(std::ptr::null_mut()),
        readers: std::array::from_fn(|_| Reader {
            sign: Sign::new(),
            taken: AtomicU32::new(0),
        }),
    })))
}

/// Slots that can be used once more.
fn worn_slots(len: usize) -> Option<Box<[Slot<Probe>]>> {
    let free = |_| Slot::free(LAST_GENERATION - 1);
    Some((0..len).map(free).collect())
}

impl World {
    fn new() -> World {
        World::of(slots)
    }

    fn of(slots: MakeSlots<Probe>) -> World {
        let empty = Empty {
            chunks: std::array::from_fn(|_| Chunk {
                slots: AtomicPtr::new(std::ptr::null_mut()),
                not_lowest: AtomicUsize::new(0),
                highest: AtomicUsize::new(0),
            }),
            free: AtomicU64::new(0),
            fresh: AtomicU32::new(0),
            readers: Readers::new(AtomicPtr::new(std::ptr::null_mut()), block),
        };
        World {
            table: Arc::new(Table::new(empty, slots)),
            drops: Arc::new(AtomicUsize::new(0)),
        }
    }

    fn probe(&self, content: u32) -> Probe {
        Probe {
            content: UnsafeCell::new(content),
            drops: self.drops.clone(),
        }
    }

    fn insert(&self, content: u32) -> Handle {
        self.table
            .insert(self.probe(content), MEMORY)
            .expect("there is room")
    }

    fn drops(&self) -> usize {
        self.drops.load(Ordering::Relaxed)
    }
}

fn spawn<R: 'static>(
    table: &Arc<Small>,
    work: impl FnOnce(&Small) -> R + 'static,
) -> thread::JoinHandle<R> {
    let table = table.clone();
    thread::spawn(move || work(&table))
}

/// For models with too many interleavings to explore all: those with at most two preemptions, which
/// is where bugs are found (Musuvathi and Qadeer 2007).
fn bounded_model(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

#[test]
fn a_pinned_value_outlives_a_close_and_is_dropped_once() {
    loom::model(|| {
        let world = World::new();
        let handle = world.insert(7);
        let user = spawn(&world.table, move |table| match table.pin(handle) {
            Ok(pinned) => assert_eq!(pinned.read(), 7),
            Err(error) => assert_eq!(error, Error::Handle),
        });
        assert_eq!(world.table.close(handle), Ok(()));
        user.join().unwrap();
        assert_eq!(world.drops(), 1);
        assert_eq!(world.table.pin(handle).err(), Some(Error::Handle));
    });
}

#[test]
fn of_two_closers_one_succeeds() {
    loom::model(|| {
        let world = World::new();
        let handle = world.insert(7);
        let other = spawn(&world.table, move |table| table.close(handle));
        let mine = world.table.close(handle);
        let theirs = other.join().unwrap();
        assert_eq!(mine.is_ok() as u32 + theirs.is_ok() as u32, 1);
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn a_view_keeps_the_value_until_it_is_given_back() {
    loom::model(|| {
        let world = World::new();
        let handle = world.insert(7);
        assert_eq!(world.table.view(handle, Probe::read), Ok(7));
        let closer = spawn(&world.table, move |table| table.close(handle));
        assert_eq!(world.drops(), 0);
        assert_eq!(world.table.unview(handle), Ok(0));
        assert_eq!(closer.join().unwrap(), Ok(()));
        assert_eq!(world.drops(), 1);
        assert_eq!(world.table.unview(handle), Err(Error::Handle));
    });
}

#[test]
fn one_unview_too_many_takes_no_operations_pin() {
    loom::model(|| {
        let world = World::new();
        let handle = world.insert(7);
        let user = spawn(&world.table, move |table| {
            if let Ok(pinned) = table.pin(handle) {
                assert_eq!(pinned.read(), 7);
            }
        });
        assert_eq!(world.table.unview(handle), Err(Error::Invalid));
        assert_eq!(world.table.close(handle), Ok(()));
        user.join().unwrap();
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn a_reused_slot_is_another_handle() {
    loom::model(|| {
        let world = World::new();
        let old = world.insert(1);
        let user = spawn(&world.table, move |table| match table.pin(old) {
            Ok(pinned) => assert_eq!(pinned.read(), 1),
            Err(error) => assert_eq!(error, Error::Handle),
        });
        assert_eq!(world.table.close(old), Ok(()));
        let new = world.insert(2);
        assert_ne!(old, new);
        assert_eq!(world.table.pin(new).map(|pinned| pinned.read()), Ok(2));
        user.join().unwrap();
        assert_eq!(world.table.close(old), Err(Error::Handle));
        assert_eq!(world.table.close(new), Ok(()));
        assert_eq!(world.drops(), 2);
    });
}

/// How many slots a `Small` has.
const ROOM: u32 = 6;

#[test]
fn all_slots_are_used_again_and_again() {
    loom::model(|| {
        let world = World::new();
        for _ in 0..3 {
            let handles: Vec<Handle> = (0..ROOM).map(|content| world.insert(content)).collect();
            let one_more = world.table.insert(world.probe(7), MEMORY);
            assert_eq!(one_more, Err(Error::Limit));
            for (handle, content) in handles.into_iter().zip(0..) {
                assert_eq!(
                    world.table.pin(handle).map(|pinned| pinned.read()),
                    Ok(content)
                );
                assert_eq!(world.table.close(handle), Ok(()));
            }
        }
    });
}

#[test]
fn a_slot_rests_for_ever_after_its_last_generation() {
    loom::model(|| {
        let world = World::of(worn_slots);
        for content in 0..ROOM {
            let handle = world.insert(content);
            assert!(handle.0 < 1 << 48);
            assert_eq!(world.table.close(handle), Ok(()));
        }
        let one_more = world.table.insert(world.probe(7), MEMORY);
        assert_eq!(one_more, Err(Error::Limit));
    });
}

#[test]
fn two_threads_that_open_and_close_never_share_a_slot() {
    bounded_model(|| {
        let world = World::new();
        let drops = world.drops.clone();
        let other = spawn(&world.table, move |table| {
            let probe = Probe {
                content: UnsafeCell::new(1),
                drops,
            };
            let handle = table.insert(probe, MEMORY).expect("there is room");
            assert_eq!(table.pin(handle).map(|pinned| pinned.read()), Ok(1));
            assert_eq!(table.close(handle), Ok(()));
        });
        let handle = world.insert(2);
        assert_eq!(world.table.pin(handle).map(|pinned| pinned.read()), Ok(2));
        assert_eq!(world.table.close(handle), Ok(()));
        other.join().unwrap();
        assert_eq!(world.drops(), 2);
    });
}

#[test]
fn a_freed_slot_is_taken_by_one_of_two() {
    loom::model(|| {
        let world = World::new();
        let freed = world.insert(0);
        assert_eq!(world.table.close(freed), Ok(()));
        let drops = world.drops.clone();
        let other = spawn(&world.table, move |table| {
            table
                .insert(
                    Probe {
                        content: UnsafeCell::new(1),
                        drops,
                    },
                    MEMORY,
                )
                .expect("there is room")
        });
        let mine = world.insert(2);
        let theirs = other.join().unwrap();
        assert_ne!(mine, theirs);
        assert_eq!(world.table.pin(mine).map(|pinned| pinned.read()), Ok(2));
        assert_eq!(world.table.pin(theirs).map(|pinned| pinned.read()), Ok(1));
        assert_eq!(world.table.close(mine), Ok(()));
        assert_eq!(world.table.close(theirs), Ok(()));
    });
}

#[test]
fn a_change_is_alone_with_the_value() {
    loom::model(|| {
        let world = World::new();
        let handle = world.insert(7);
        let user = spawn(&world.table, move |table| {
            table
                .pin(handle)
                .map(|pinned| pinned.read())
                .expect("nobody closes it")
        });
        {
            let mut pinned = world.table.pin(handle).expect("nobody closes it");
            match pinned.alone(Views::Refused) {
                Ok(mut alone) => alone.change(|probe| probe.write(8)),
                Err(error) => assert_eq!(error, Error::Busy),
            }
        }
        assert!(matches!(user.join().unwrap(), 7 | 8));
        assert_eq!(world.table.close(handle), Ok(()));
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn of_two_changes_at_once_neither_sees_the_other_half_done() {
    loom::model(|| {
        let world = World::new();
        let handle = world.insert(0);
        let change = move |table: &Small| {
            let mut pinned = table.pin(handle).expect("nobody closes it");
            pinned
                .alone(Views::Refused)
                .map(|mut alone| alone.change(|probe| probe.write(probe.read() + 1)))
        };
        let other = spawn(&world.table, change);
        let mine = change(&world.table);
        let theirs = other.join().unwrap();
        let changes = mine.is_ok() as u32 + theirs.is_ok() as u32;
        assert_eq!(
            world.table.pin(handle).map(|pinned| pinned.read()),
            Ok(changes)
        );
        assert_eq!(world.table.close(handle), Ok(()));
    });
}

#[test]
fn a_value_that_is_viewed_is_not_changed() {
    loom::model(|| {
        let world = World::new();
        let handle = world.insert(7);
        let viewer = spawn(&world.table, move |table| {
            table.view(handle, |_| ()).expect("nobody closes it");
            table.unview(handle)
        });
        {
            let mut pinned = world.table.pin(handle).expect("nobody closes it");
            if let Ok(mut alone) = pinned.alone(Views::Refused) {
                alone.change(|probe| probe.write(8));
            }
        }
        assert_eq!(viewer.join().unwrap(), Ok(0));
        assert_eq!(world.table.close(handle), Ok(()));
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn a_handle_that_is_passed_on_without_synchronisation_names_a_whole_value() {
    loom::model(|| {
        let world = World::new();
        let letterbox = Arc::new(AtomicU64::new(0));
        let address = letterbox.clone();
        let reader = spawn(&world.table, move |table| {
            // Relaxed: nothing but the number is passed, as by a caller who knows no better.
            let handle = Handle(address.load(Ordering::Relaxed));
            match table.pin(handle) {
                Ok(pinned) => assert_eq!(pinned.read(), 7),
                Err(error) => assert_eq!(error, Error::Handle),
            }
        });
        let handle = world.insert(7);
        letterbox.store(handle.0, Ordering::Relaxed);
        reader.join().unwrap();
        assert_eq!(world.table.close(handle), Ok(()));
    });
}

#[test]
fn a_slot_that_comes_back_to_the_top_of_the_free_list_does_not_take_its_old_link_along() {
    // The ABA problem: who was about to take the top slot must notice that it was away meanwhile.
    bounded_model(|| {
        let world = World::new();
        let (below, top) = (world.insert(0), world.insert(0));
        assert_eq!(world.table.close(below), Ok(()));
        assert_eq!(world.table.close(top), Ok(()));
        let drops = world.drops.clone();
        let other = spawn(&world.table, move |table| {
            let probe = Probe {
                content: UnsafeCell::new(1),
                drops,
            };
            table.insert(probe, MEMORY).expect("there is room")
        });
        let (away_and_back, second) = (world.insert(2), world.insert(3));
        assert_eq!(world.table.close(away_and_back), Ok(()));
        let third = world.insert(4);
        let theirs = other.join().unwrap();
        for (handle, content) in [(second, 3), (third, 4), (theirs, 1)] {
            assert_eq!(
                world.table.pin(handle).map(|pinned| pinned.read()),
                Ok(content)
            );
            assert_eq!(world.table.close(handle), Ok(()));
        }
    });
}

/// What the fault handler does: looks the value up by address, and touches it.
fn handle_fault(table: &Small) -> Option<u32> {
    table.pin_at(150).next().map(|pinned| {
        pinned.slot().lose(|| (), || ());
        pinned.read()
    })
}

#[test]
fn a_fault_is_handled_while_another_thread_closes_the_handle() {
    bounded_model(|| {
        let world = World::new();
        let handle = world.insert(7);
        let handler = spawn(&world.table, handle_fault);
        assert_eq!(world.table.close(handle), Ok(()));
        assert!(matches!(handler.join().unwrap(), None | Some(7)));
        assert_eq!(world.drops(), 1);
        assert_eq!(handle_fault(&world.table), None, "it is nobody's any more");
    });
}

#[test]
fn a_fault_under_a_pin_is_handled_whatever_others_want() {
    bounded_model(|| {
        let world = World::new();
        let handle = world.insert(7);
        let user = spawn(&world.table, move |table| {
            let pinned = table.pin(handle).ok()?;
            assert_eq!(
                handle_fault(table),
                Some(7),
                "an operation that faults is ours"
            );
            drop(pinned);
            Some(())
        });
        {
            let mut pinned = world.table.pin(handle).expect("nobody closes it yet");
            if let Ok(mut alone) = pinned.alone(Views::Refused) {
                alone.change(|probe| probe.write(7));
            }
        }
        assert_eq!(world.table.close(handle), Ok(()));
        user.join().unwrap();
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn a_fault_waits_for_a_change_and_sees_it_whole() {
    bounded_model(|| {
        let world = World::new();
        let handle = world.insert(7);
        let handler = spawn(&world.table, handle_fault);
        {
            let mut pinned = world.table.pin(handle).expect("nobody closes it");
            if let Ok(mut alone) = pinned.alone(Views::Allowed) {
                alone.change(|probe| probe.write(8));
                alone.set_span(Span {
                    start: 300,
                    end: 400,
                });
            }
        }
        assert!(matches!(handler.join().unwrap(), None | Some(7 | 8)));
        assert_eq!(world.table.close(handle), Ok(()));
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn who_passes_the_gate_sees_a_change_whole_and_is_waited_for() {
    bounded_model(|| {
        let world = World::new();
        let handle = world.insert(7);
        let waker = spawn(&world.table, move |table| {
            table.pin_past_gate(handle).map(|pinned| pinned.read())
        });
        {
            let mut pinned = world.table.pin(handle).expect("nobody closes it yet");
            match pinned.alone(Views::Refused) {
                Ok(mut alone) => alone.change(|probe| probe.write(8)),
                Err(error) => assert_eq!(error, Error::Busy, "the model's patience is short"),
            }
        }
        assert_eq!(world.table.close(handle), Ok(()));
        assert!(matches!(
            waker.join().unwrap(),
            Ok(7 | 8) | Err(Error::Handle)
        ));
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn a_change_that_looks_for_faults_when_it_is_alone_overlooks_none() {
    bounded_model(|| {
        let world = World::new();
        let handle = world.insert(7);
        let handler = spawn(&world.table, handle_fault);
        let moved = {
            let mut pinned = world.table.pin(handle).expect("nobody closes it");
            let alone = pinned.alone(Views::Refused);
            alone.is_ok_and(|mut alone| {
                let whole = alone.refuse_faults().is_ok();
                if whole {
                    alone.change(|probe| probe.write(8));
                }
                whole
            })
        };
        // What a handler has read before it recorded its fault is what was there before the change.
        match handler.join().unwrap() {
            Some(seen) => assert_eq!(seen, if moved { 8 } else { 7 }),
            None => unreachable!("nobody closes it"),
        }
        assert_eq!(world.table.close(handle), Ok(()));
    });
}

#[test]
fn a_fault_in_a_slot_that_is_used_again_finds_the_new_value_or_none() {
    bounded_model(|| {
        let world = World::new();
        let old = world.insert(1);
        let handler = spawn(&world.table, handle_fault);
        assert_eq!(world.table.close(old), Ok(()));
        let new = world.insert(2);
        assert!(matches!(handler.join().unwrap(), None | Some(1 | 2)));
        assert_eq!(world.table.close(new), Ok(()));
        assert_eq!(world.drops(), 2);
    });
}

#[test]
fn who_sees_the_length_that_a_value_has_grown_to_is_found_by_the_fault_handler() {
    loom::model(|| {
        let world = World::new();
        let handle = world.insert(1);
        let length = Arc::new(AtomicUsize::new(MEMORY.end));
        let shown = length.clone();
        let grows = spawn(&world.table, move |table| {
            let grown = Span { end: 300, ..MEMORY };
            let pinned = table.pin(handle).expect("it is open");
            // Release: as the library shows a length.
            pinned.widen(grown, |_| shown.store(grown.end, Ordering::Release));
        });
        // Acquire: as the library looks at it.
        if length.load(Ordering::Acquire) == 300 {
            assert!(world.table.pin_at(299).next().is_some(), "touched too soon");
        }
        grows.join().expect("it ends");
        assert_eq!(world.table.close(handle), Ok(()));
    });
}

#[test]
fn what_a_thread_that_a_fork_left_behind_had_begun_keeps_nobody_out() {
    loom::model(|| {
        let world = World::new();
        let (changing, waiting) = (world.insert(1), world.insert(2));
        let mut pinned = world.table.pin(changing).expect("it is open");
        std::mem::forget(pinned.alone(Views::Refused));
        std::mem::forget(pinned);
        std::mem::forget(world.table.pin(waiting));
        for handle in [changing, waiting] {
            world.table.abandon(handle, true);
            let mut pinned = world.table.pin(handle).expect("nobody keeps it out");
            assert!(pinned.alone(Views::Refused).is_ok(), "nobody else is there");
            drop(pinned);
            assert_eq!(world.table.close(handle), Ok(()));
        }
        assert_eq!(world.drops(), 2);
    });
}

/// What the fault handler publishes beside the count: its record of the loss, and the page that it puts there.
struct Loss {
    record: AtomicU32,
    page: AtomicU32,
}

impl Loss {
    fn none() -> Arc<Loss> {
        Arc::new(Loss {
            record: AtomicU32::new(0),
            page: AtomicU32::new(0),
        })
    }

    fn handle_fault(&self, table: &Small) {
        for pinned in table.pin_at(150) {
            // Relaxed: whoever finds the count finds it. Release: the system's, which changes its tables under locks.
            let record = || self.record.store(1, Ordering::Relaxed);
            let replace = || self.page.store(1, Ordering::Release);
            pinned.slot().lose(record, replace);
        }
    }

    /// Whether it is a stand-in page that is read, as anybody reads memory.
    fn reads_stand_in(&self) -> bool {
        self.page.load(Ordering::Relaxed) != 0
    }

    fn is_recorded(&self) -> bool {
        self.record.load(Ordering::Relaxed) != 0
    }
}

#[test]
fn who_has_read_a_stand_in_page_finds_the_fault_counted_and_recorded() {
    loom::model(|| {
        let (world, loss) = (World::new(), Loss::none());
        let handle = world.insert(7);
        let handler = spawn(&world.table, {
            let loss = loss.clone();
            move |table| loss.handle_fault(table)
        });
        {
            let pinned = world.table.pin(handle).expect("nobody closes it");
            let lost = loss.reads_stand_in();
            let faults = pinned.slot().faults_after_reading();
            assert!(!lost || faults == 1, "zeros were read, and nobody is told");
            assert!(faults == 0 || loss.is_recorded(), "of what, isn't known");
        }
        handler.join().unwrap();
        assert_eq!(world.table.close(handle), Ok(()));
    });
}

#[test]
fn a_fault_that_is_counted_is_recorded() {
    loom::model(|| {
        let (world, loss) = (World::new(), Loss::none());
        let handle = world.insert(7);
        let handler = spawn(&world.table, {
            let loss = loss.clone();
            move |table| loss.handle_fault(table)
        });
        {
            let pinned = world.table.pin(handle).expect("nobody closes it");
            assert!(pinned.slot().faults() == 0 || loss.is_recorded());
        }
        handler.join().unwrap();
        assert_eq!(world.table.close(handle), Ok(()));
    });
}

/// `unview` gives the view back, and says whether a fault was met.
fn who_has_viewed_a_stand_in_page_is_told(
    unview: impl Fn(&Small, Handle) -> bool + Copy + Send + Sync + 'static,
) {
    loom::model(move || {
        let (world, loss) = (World::new(), Loss::none());
        let handle = world.insert(7);
        let handler = spawn(&world.table, {
            let loss = loss.clone();
            move |table| loss.handle_fault(table)
        });
        world.table.view(handle, |_| ()).expect("nobody closes it");
        let lost = loss.reads_stand_in();
        let told = unview(&world.table, handle);
        assert!(!lost || told);
        handler.join().unwrap();
        assert_eq!(world.table.close(handle), Ok(()));
    });
}

#[test]
fn who_has_read_a_stand_in_page_through_a_view_is_told_when_it_is_given_back() {
    who_has_viewed_a_stand_in_page_is_told(|table, handle| table.unview(handle) == Ok(1));
}

#[test]
fn who_has_read_one_is_told_also_where_the_view_is_given_back_at_once() {
    who_has_viewed_a_stand_in_page_is_told(|table, handle| {
        !table.unview_at_once(handle) && table.unview(handle) == Ok(1)
    });
}

/// As memmap_try looks, and `Bytes`: neither keeps those out who map the file's pages back.
#[test]
fn who_views_from_before_a_stand_in_page_finds_it_counted_also_when_it_was_taken_away_again() {
    bounded_model(|| {
        let (world, loss) = (World::new(), Loss::none());
        let handle = world.insert(7);
        let other = spawn(&world.table, {
            let loss = loss.clone();
            move |table| {
                loss.handle_fault(table);
                let mut pinned = table.pin(handle).expect("nobody closes it");
                if let Ok(mut alone) = pinned.alone(Views::Allowed) {
                    alone.change(|_| {
                        loss.page.store(0, Ordering::Relaxed);
                        loss.record.store(0, Ordering::Relaxed);
                    });
                    alone.forget_faults();
                }
            }
        });
        let slot = world.table.begin_view(handle).expect("nobody closes it");
        let (begun, refused) = (slot.stand_ins(), slot.has_stand_ins());
        let known = slot.faults() != 0; // As `Bytes` looks, before each copy.
        let lost = loss.reads_stand_in();
        let told = slot.stand_ins() != begun;
        assert!(refused || told || !lost);
        assert!(known || told || !lost);
        assert_eq!(world.table.end_view(handle, slot), Ok(()));
        other.join().unwrap();
        assert_eq!(world.table.close(handle), Ok(()));
    });
}

#[test]
fn who_pins_a_mapping_finds_where_it_is_and_no_fault_of_the_one_before() {
    loom::model(|| {
        let world = World::new();
        let old = world.insert(1);
        handle_fault(&world.table);
        assert_eq!(world.table.close(old), Ok(()));
        let letterbox = Arc::new(AtomicU64::new(old.0));
        let address = letterbox.clone();
        let reader = spawn(&world.table, move |table| {
            // Relaxed: nothing but the number is passed.
            if let Ok(pinned) = table.pin(Handle(address.load(Ordering::Relaxed))) {
                assert_eq!(pinned.slot().faults(), 0);
                assert_eq!(pinned.slot().span(), MEMORY);
                assert_eq!(pinned.read(), 2);
            }
        });
        let new = world.insert(2);
        letterbox.store(new.0, Ordering::Relaxed);
        reader.join().unwrap();
        assert_eq!(world.table.close(new), Ok(()));
    });
}

#[test]
fn what_is_mapped_back_is_no_fault_any_more_and_a_stand_in_page_is_one() {
    bounded_model(|| {
        let (world, loss) = (World::new(), Loss::none());
        let handle = world.insert(7);
        loss.handle_fault(&world.table);
        let reader = spawn(&world.table, {
            let loss = loss.clone();
            move |table| {
                let pinned = table.pin(handle).expect("nobody closes it");
                let lost = loss.reads_stand_in();
                let faults = pinned.slot().faults_after_reading();
                assert_eq!(lost, faults != 0);
                assert_eq!(faults != 0, loss.is_recorded());
            }
        });
        {
            let mut pinned = world.table.pin(handle).expect("nobody closes it");
            if let Ok(mut alone) = pinned.alone(Views::Allowed) {
                alone.change(|_| {
                    loss.page.store(0, Ordering::Relaxed);
                    loss.record.store(0, Ordering::Relaxed);
                });
                alone.forget_faults();
            }
        }
        reader.join().unwrap();
        assert_eq!(world.table.close(handle), Ok(()));
    });
}
