//! Handles under many threads: every answer is OK or a stale handle, and nothing stays mapped.

use memmap::{Error, Flags, Flush, Map, Options};
use std::sync::Mutex;
use std::thread;

const THREADS: usize = 8;
const ROUNDS: usize = 5_000;

/// How many mappings of the file at `path` this process has.
fn mappings_of(path: &std::path::Path) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("procfs is there");
    maps.lines()
        .filter(|line| line.ends_with(path.to_str().expect("it is text")))
        .count()
}

/// The C ABI, as a program that has only the number uses it.
mod c {
    unsafe extern "C" {
        pub fn memmap_read(handle: u64, offset: u64, buf: *mut u8, len: u64) -> i32;
        pub fn memmap_write(handle: u64, offset: u64, buf: *const u8, len: u64) -> i32;
        pub fn memmap_fill(handle: u64, offset: u64, len: u64, byte: u8) -> i32;
        pub fn memmap_len(handle: u64, len: *mut u64) -> i32;
        pub fn memmap_flush(handle: u64, offset: u64, len: u64, mode: u32) -> i32;
        pub fn memmap_pin(handle: u64, view: *mut View) -> i32;
        pub fn memmap_unpin(handle: u64) -> i32;
        pub fn memmap_close(handle: u64) -> i32;
    }

    #[repr(C)]
    pub struct View {
        pub data: *mut u8,
        pub len: u64,
    }
}

const OK: i32 = 0;
const STALE: i32 = -2;
const ASYNC: u32 = 1;

/// Does something with a handle that other threads may close at any moment, or have closed long ago.
fn use_once(handle: u64, round: usize) -> i32 {
    let mut bytes = [0u8; 64];
    let mut len = 0;
    let mut view = c::View {
        data: std::ptr::null_mut(),
        len: 0,
    };
    // SAFETY: every pointer is good for what the call does with it; a pinned view is read in between.
    unsafe {
        match round % 6 {
            0 => c::memmap_read(handle, 100, bytes.as_mut_ptr(), 64),
            1 => c::memmap_write(handle, 200, bytes.as_ptr(), 64),
            2 => c::memmap_fill(handle, 0, 64, 7),
            3 => c::memmap_len(handle, &mut len),
            4 => c::memmap_flush(handle, 0, 1, ASYNC),
            _ => match c::memmap_pin(handle, &mut view) {
                OK => {
                    view.data.add(view.len as usize - 1).read_volatile();
                    c::memmap_unpin(handle)
                }
                status => status,
            },
        }
    }
}

#[test]
fn threads_that_open_use_and_close_the_same_handles_get_ok_or_a_stale_handle() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("shared");
    std::fs::write(&path, [1; 8192]).expect("it can be written");
    // Every handle that was ever shared: the newest are open, the rest stale.
    let shared = Mutex::new(Vec::<u64>::new());
    let options = Options {
        access: memmap::Access::ReadWrite,
        ..Options::default()
    };

    let work = |seed: usize| {
        let mut random = seed as u64 * 2_654_435_761 + 1;
        for round in 0..ROUNDS {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let pick = (random >> 33) as usize;
            if round % 8 == 0 {
                let map = Map::open(&path, &options).expect("there is room for a few mappings");
                shared.lock().unwrap().push(map.handle().0);
                std::mem::forget(map); // Closed below, by whichever thread comes to it.
            }
            let handle = {
                let shared = shared.lock().unwrap();
                shared[shared.len().saturating_sub(1 + pick % 64)]
            };
            let status = match pick % 16 {
                // SAFETY: any number may be closed.
                0 | 1 => unsafe { c::memmap_close(handle) },
                _ => use_once(handle, round),
            };
            assert!(status == OK || status == STALE, "status {status}");
        }
    };
    thread::scope(|scope| {
        for seed in 0..THREADS {
            scope.spawn(move || work(seed));
        }
    });

    assert!(
        mappings_of(&path) > 0,
        "some must still be open, or this shows nothing"
    );
    for handle in shared.into_inner().unwrap() {
        // SAFETY: any number may be closed.
        let status = unsafe { c::memmap_close(handle) };
        assert!(status == OK || status == STALE, "status {status}");
    }
    assert_eq!(mappings_of(&path), 0);
}

#[test]
fn a_closed_handle_stays_stale_however_often_its_slot_is_used_again() {
    let stale = Map::anonymous(1, &Options::default())
        .expect("one byte can be had")
        .handle();
    for _ in 0..10_000 {
        let map = Map::anonymous(1, &Options::default()).expect("one byte can be had");
        assert_ne!(map.handle(), stale);
        // SAFETY: any number may be closed.
        assert_eq!(unsafe { c::memmap_close(stale.0) }, STALE);
        assert_eq!(map.len(), Ok(1));
    }
}

#[test]
fn a_view_outlives_the_close_from_elsewhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("viewed");
    let map = Map::create(&path, 4096, &Options::default()).expect("there is room");
    map.write(0, b"still here").expect("it is writable");
    let view = map.pin().expect("it is open");
    // SAFETY: any number may be closed.
    assert_eq!(unsafe { c::memmap_close(map.handle().0) }, OK);
    assert_eq!(map.len(), Err(Error::Handle));
    // SAFETY: the view is pinned and 4096 bytes long.
    let bytes = unsafe { std::slice::from_raw_parts(view.as_ptr(), 10) };
    assert_eq!(bytes, b"still here");
    assert_eq!(mappings_of(&path), 1);
    drop(view);
    assert_eq!(mappings_of(&path), 0);
}

#[test]
fn a_mapping_without_descriptor_still_flushes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("closed");
    let options = Options {
        flags: Flags::NO_DESCRIPTOR,
        ..Options::default()
    };
    let map = Map::create(&path, 100, &options).expect("there is room");
    map.write(90, b"0123456789").expect("it is writable");
    assert_eq!(map.flush(90, 10, Flush::Sync), Ok(()));
    assert_eq!(
        std::fs::read(&path).expect("it is there")[90..],
        *b"0123456789"
    );
    assert_eq!(map.resize(200), Err(Error::Unsupported));
}
