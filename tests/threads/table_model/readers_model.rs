//! Models of threads that show what they read.

use super::*;
use crate::handles::readers::Reader;

/// Explores a model twice: once with a fence in each thread that shows what it reads, and once with none and what it
/// shows in the buffer of its processor, where nobody sees it until a barrier, or a fence of its own, writes it out.
/// In the first, a reader sees that a handle was closed as late as the memory model allows; in the second, others
/// see what it shows as late as that. A barrier comes before or after a reader shows something: that it
/// comes between that and its look at the state is the same as before, for what it shows is seen then.
fn reader_model(model: impl Fn() + Copy + Sync + Send + 'static) {
    for buffered in [false, true] {
        bounded_model(move || {
            store_buffers::use_buffers(buffered);
            model();
            store_buffers::use_buffers(false);
        });
    }
}

/// Reads as a short call of the library does: by showing the handle if that goes, else by counting.
fn read(table: &Small, handle: Handle, reader: &Reader) -> Result<u32, Error> {
    match table.with_shown(handle, reader, |probe, _| probe.read()) {
        Some(read) => Ok(read),
        None => table.pin(handle).map(|pinned| pinned.read()),
    }
}

/// Has a thread take a reader and do `work` with it.
fn spawn_reader<R: 'static>(
    table: &Arc<Small>,
    work: impl FnOnce(&Small, &Reader) -> R + 'static,
) -> thread::JoinHandle<R> {
    spawn(table, move |table| {
        let reader = table.take_reader().expect("there is memory");
        let answer = work(table, reader);
        table.give_back(reader);
        store_buffers::write_out_mine();
        answer
    })
}

impl World {
    /// A handle that may be shown.
    fn insert_shown(&self, content: u32) -> Handle {
        let handle = self.insert(content);
        let reader = self.table.take_reader().expect("there is memory");
        let pinned = self.table.pin(handle).expect("it is open");
        self.table.note_counted(&pinned, |_| Some(reader));
        drop(pinned);
        self.table.give_back(reader);
        handle
    }
}

#[test]
fn a_value_that_a_thread_shows_outlives_a_close_and_is_dropped_once() {
    reader_model(|| {
        let world = World::new();
        let handle = world.insert_shown(7);
        let reader = spawn_reader(&world.table, move |table, reader| {
            let read = read(table, handle, reader);
            assert!(matches!(read, Ok(7) | Err(Error::Handle)));
        });
        assert_eq!(world.table.close(handle), Ok(()));
        reader.join().unwrap();
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn of_several_that_show_a_closed_value_one_drops_it() {
    reader_model(|| {
        let world = World::new();
        let handle = world.insert_shown(7);
        let readers = [(); 2].map(|()| {
            spawn_reader(&world.table, move |table, reader| {
                if let Some(shown) = table.show(handle, reader) {
                    assert_eq!(shown.read(), 7);
                }
            })
        });
        assert_eq!(world.table.close(handle), Ok(()));
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn a_closed_value_stays_for_who_shows_it_though_another_stops() {
    reader_model(|| {
        let world = World::new();
        let handle = world.insert_shown(7);
        let mine = world.table.take_reader().expect("there is memory");
        let reader = spawn_reader(&world.table, move |table, reader| {
            let read = read(table, handle, reader);
            assert!(matches!(read, Ok(7) | Err(Error::Handle)));
        });
        let shown = world.table.show(handle, mine).expect("it is open");
        assert_eq!(world.table.close(handle), Ok(()));
        assert_eq!(shown.read(), 7);
        reader.join().unwrap();
        assert_eq!((shown.read(), world.drops()), (7, 0));
        drop(shown);
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn a_change_is_alone_though_threads_show_the_value() {
    reader_model(|| {
        let world = World::new();
        let handle = world.insert_shown(7);
        let reader = spawn_reader(&world.table, move |table, reader| {
            if let Some(shown) = table.show(handle, reader) {
                assert!(matches!(shown.read(), 7 | 8));
            }
        });
        {
            let mut pinned = world.table.pin(handle).expect("nobody closes it");
            match pinned.alone(Views::Refused) {
                Ok(mut alone) => alone.change(|probe| probe.write(8)),
                Err(error) => assert_eq!(error, Error::Busy, "the model's patience is short"),
            }
        }
        reader.join().unwrap();
        assert_eq!(world.table.close(handle), Ok(()));
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn a_handle_that_is_shown_for_the_first_time_is_closed_meanwhile() {
    reader_model(|| {
        let world = World::new();
        let handle = world.insert(7);
        let reader = spawn_reader(&world.table, move |table, reader| {
            if let Ok(pinned) = table.pin(handle) {
                assert_eq!(pinned.read(), 7);
                table.note_counted(&pinned, |_| Some(reader));
            }
            let read = read(table, handle, reader);
            assert!(matches!(read, Ok(7) | Err(Error::Handle)));
        });
        assert_eq!(world.table.close(handle), Ok(()));
        reader.join().unwrap();
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn a_handle_that_is_shown_for_the_first_time_is_changed_meanwhile() {
    reader_model(|| {
        let world = World::new();
        let handle = world.insert(7);
        let reader = spawn_reader(&world.table, move |table, reader| {
            let pinned = table.pin(handle).expect("nobody closes it");
            table.note_counted(&pinned, |_| Some(reader));
            drop(pinned);
            assert!(matches!(read(table, handle, reader), Ok(7 | 8)));
        });
        {
            let mut pinned = world.table.pin(handle).expect("nobody closes it");
            if let Ok(mut alone) = pinned.alone(Views::Refused) {
                alone.change(|probe| probe.write(8));
            }
        }
        reader.join().unwrap();
        assert_eq!(world.table.close(handle), Ok(()));
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn who_shows_an_old_handle_drops_no_value_of_a_new_one() {
    reader_model(|| {
        let world = World::new();
        let old = world.insert_shown(1);
        let mine = world.table.take_reader().expect("there is memory");
        let reader = spawn_reader(&world.table, move |table, reader| {
            if let Some(shown) = table.show(old, reader) {
                assert_eq!(shown.read(), 1);
            }
        });
        assert_eq!(world.table.close(old), Ok(()));
        let new = world.insert_shown(2);
        let shown = world.table.show(new, mine).expect("it is open");
        assert_eq!(world.table.close(new), Ok(()));
        reader.join().unwrap();
        assert_eq!((shown.read(), world.drops()), (2, 1));
        drop(shown);
        assert_eq!(world.drops(), 2);
    });
}

#[test]
fn a_view_and_who_shows_the_value_keep_it_each_for_itself() {
    reader_model(|| {
        let world = World::new();
        let handle = world.insert_shown(7);
        world.table.view(handle, |_| ()).expect("it is open");
        let reader = spawn_reader(&world.table, move |table, reader| {
            let read = read(table, handle, reader);
            assert!(matches!(read, Ok(7) | Err(Error::Handle)));
        });
        assert_eq!(world.table.close(handle), Ok(()));
        assert_eq!(world.drops(), 0);
        assert_eq!(world.table.unview(handle), Ok(0));
        reader.join().unwrap();
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn a_fault_of_who_shows_a_closed_value_is_handled() {
    reader_model(|| {
        let world = World::new();
        let handle = world.insert_shown(7);
        let reader = spawn_reader(&world.table, move |table, reader| {
            if let Some(shown) = table.show(handle, reader) {
                assert_eq!(handle_fault(table), Some(7), "it is ours");
                assert_eq!(shown.read(), 7);
            }
        });
        assert_eq!(world.table.close(handle), Ok(()));
        reader.join().unwrap();
        assert_eq!(world.drops(), 1);
        assert_eq!(handle_fault(&world.table), None, "it is nobody's any more");
    });
}

#[test]
fn a_call_inside_a_call_is_counted_and_leaves_what_its_thread_shows() {
    reader_model(|| {
        let world = World::new();
        let (outer, inner) = (world.insert_shown(1), world.insert_shown(2));
        let reader = spawn_reader(&world.table, move |table, reader| {
            if let Some(shown) = table.show(outer, reader) {
                assert!(table.show(inner, reader).is_none());
                let inside = [read(table, inner, reader), read(table, outer, reader)];
                assert!(matches!(inside, [Ok(2), Ok(1) | Err(Error::Handle)]));
                assert_eq!(shown.read(), 1);
            }
        });
        assert_eq!(world.table.close(outer), Ok(()));
        reader.join().unwrap();
        assert_eq!(world.drops(), 1);
        assert_eq!(world.table.close(inner), Ok(()));
    });
}

#[test]
fn a_reader_is_of_one_thread() {
    reader_model(|| {
        let world = World::new();
        let handle = world.insert_shown(7);
        let readers = [(); 2].map(|()| {
            spawn_reader(&world.table, move |table, reader| {
                let shown = table
                    .show(handle, reader)
                    .expect("the reader shows nothing");
                shown.read()
            })
        });
        for reader in readers {
            assert_eq!(reader.join().unwrap(), 7);
        }
        assert_eq!(world.table.close(handle), Ok(()));
        assert_eq!(world.drops(), 1);
    });
}

#[test]
fn a_reader_that_was_given_back_serves_the_next_thread() {
    reader_model(|| {
        let world = World::new();
        let first = world.table.take_reader().expect("there is memory");
        world.table.give_back(first);
        let second = world.table.take_reader().expect("there is memory");
        assert!(std::ptr::eq(first, second));
        world.table.give_back(second);
    });
}

#[test]
fn what_a_thread_shows_that_a_fork_left_behind_keeps_nothing() {
    reader_model(|| {
        let world = World::new();
        let (closed, open) = (world.insert_shown(1), world.insert_shown(2));
        let [left, also_left, mine] =
            [(); 3].map(|()| world.table.take_reader().expect("there is memory"));
        std::mem::forget(world.table.show(closed, left));
        std::mem::forget(world.table.show(open, also_left));
        let shown = world.table.show(open, mine).expect("it is open");
        assert_eq!(world.table.close(closed), Ok(()));
        assert_eq!(world.drops(), 0);
        world.table.keep_only(Some(mine));
        assert_eq!((shown.read(), world.drops()), (2, 1));
        drop(shown);
        let mut pinned = world.table.pin(open).expect("it is open");
        assert!(pinned.alone(Views::Refused).is_ok(), "nobody keeps it out");
        drop(pinned);
        assert_eq!(world.table.close(open), Ok(()));
        assert_eq!(world.drops(), 2);
    });
}
