//! A disk that doesn't answer: who waits for it, and who doesn't.

use super::{ALL, SIZE, contents, made, mounted, mounted_again, on_the_disk};
use crate::disk::Kind;
use memmap::{Access, Error, Fault, Flush, Map, Options, TO_END};
use std::fs;
use std::sync::mpsc;
use std::thread;

/// While a flush waits for a disk that doesn't answer, everything else goes on.
fn nobody_waits_for_a_flush_that(held: &str) {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        let map = made(&files);
        let other = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(map.write(0, &contents(2)), Ok(()));
        disk.say(&format!("{held} holds"));
        let (done, flushed) = mpsc::channel();
        thread::scope(|scope| {
            let handle = &map;
            scope.spawn(move || {
                let answer = handle.flush(0, TO_END, Flush::Sync);
                done.send(answer).expect("the test waits for it");
            });
            disk.wait_until_held();
            a_mapping_works_but_for_its_disk(&map);
            a_mapping_elsewhere_works(&other.path().join("file"));
            a_child_can_be_forked();
            assert!(flushed.try_recv().is_err(), "{kind:?}: it waits");
            disk.say(&format!("{held} well"));
            assert_eq!(flushed.recv(), Ok(Ok(())), "{kind:?}");
        });
        drop(map);
        let files = mounted_again(&disk, files, kind);
        assert!(on_the_disk(&files) == contents(2), "{kind:?}");
    }
}

fn a_mapping_works_but_for_its_disk(map: &Map) {
    let view = map.pin().expect("it is open");
    assert_eq!(view.len() as u64, SIZE);
    drop(view);
    let mut bytes = vec![0; SIZE as usize];
    assert_eq!(map.read(0, &mut bytes), Ok(()));
    assert!(bytes == contents(2));
    assert_eq!(map.find(0, TO_END, &[2]), Ok(Some(SIZE - 1)));
    assert_eq!(map.fault(), Ok(Fault::default()));
    assert_eq!(map.len(), Ok(SIZE));
}

fn a_mapping_elsewhere_works(path: &std::path::Path) {
    let map = Map::create(path, SIZE, &Options::default()).expect("there is room");
    assert_eq!(map.write(0, b"here"), Ok(()));
    assert_eq!(map.flush(0, TO_END, Flush::Sync), Ok(()));
    assert_eq!(map.resize(2 * SIZE), Ok(()));
    assert_eq!(map.refresh(), Ok(2 * SIZE));
}

fn a_child_can_be_forked() {
    // SAFETY: the child makes one system call.
    match unsafe { libc::fork() } {
        // SAFETY: it ends the child, and nothing of the test harness runs in it.
        0 => unsafe { libc::_exit(0) },
        child => {
            assert!(child > 0);
            // SAFETY: it is our child.
            let waited = unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            assert_eq!(waited, child);
        }
    }
}

#[test]
fn nobody_waits_for_a_flush_whose_write_is_not_answered() {
    nobody_waits_for_a_flush_that("write");
}

#[test]
fn nobody_waits_for_a_flush_whose_disk_does_not_flush() {
    nobody_waits_for_a_flush_that("flush");
}

#[test]
fn closing_does_not_wait_for_a_flush_that_is_not_answered() {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        let map = made(&files);
        assert_eq!(map.write(0, &contents(2)), Ok(()));
        disk.say("write holds");
        let flushing = std::sync::Arc::new(map);
        let closed = std::sync::Arc::clone(&flushing);
        let flush = thread::spawn(move || flushing.flush(0, TO_END, Flush::Sync));
        disk.wait_until_held();
        close(&closed);
        assert_eq!(closed.len(), Err(Error::Handle));
        assert!(!flush.is_finished(), "{kind:?}");
        disk.say("write well");
        let answer = flush.join().expect("it does not panic");
        assert_eq!(answer, Ok(()), "{kind:?}");
        let files = mounted_again(&disk, files, kind);
        assert!(on_the_disk(&files) == contents(2), "{kind:?}");
    }
}

#[test]
fn a_change_that_waits_for_a_flush_which_is_not_answered_keeps_nobody_out() {
    let Some((mut disk, files)) = mounted(Kind::Ext4) else {
        return;
    };
    let map = made(&files);
    assert_eq!(map.write(0, &contents(2)), Ok(()));
    disk.say("write holds");
    thread::scope(|scope| {
        let flush = scope.spawn(|| map.flush(0, TO_END, Flush::Sync));
        disk.wait_until_held();
        let (tell, told) = mpsc::channel();
        let map = &map;
        let change = scope.spawn(move || {
            // SAFETY: it takes nothing.
            let thread = unsafe { libc::gettid() };
            tell.send(thread).expect("the test listens");
            map.protect(Access::ReadOnly)
        });
        wait_until_asleep(told.recv().expect("it tells"));
        for _ in 0..10 {
            drop(map.pin().expect("it is open"));
        }
        let gave_up = change.is_finished();
        disk.say("write well");
        assert!(!gave_up, "they waited with it until it gave up");
        assert_eq!(flush.join().expect("it does not panic"), Ok(()));
        assert_eq!(change.join().expect("it does not panic"), Ok(()));
    });
    drop(map);
}

/// Waits until a thread waits for something.
fn wait_until_asleep(thread: i32) {
    let status = format!("/proc/self/task/{thread}/stat");
    let asleep = || fs::read_to_string(&status).is_ok_and(|stat| stat.contains(") S "));
    while !asleep() {
        thread::yield_now();
    }
}

/// Closes a mapping that others have, as who has only its handle does.
fn close(map: &Map) {
    unsafe extern "C" {
        fn memmap_close(handle: u64) -> i32;
    }
    // SAFETY: it takes any number.
    assert_eq!(unsafe { memmap_close(map.handle().0) }, 0);
}
