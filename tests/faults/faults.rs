//! What happens to a file does not happen to the process: with the guard a lost page is an error.

use memmap::{Access, Causes, Error, Fault, Flags, Flush, Map, Options, TO_END};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

const PAGE: u64 = 4096;

/// A file of `pages` pages, mapped for writing, each byte 1.
fn mapped(pages: u64, options: &Options) -> (tempfile::TempDir, PathBuf, Map) {
    mapped_in(&std::env::temp_dir(), pages, options)
}

fn mapped_in(parent: &Path, pages: u64, options: &Options) -> (tempfile::TempDir, PathBuf, Map) {
    memmap::install_guard().expect("a handler can be installed");
    let folder = tempfile::tempdir_in(parent).expect("a temporary folder");
    let path = folder.path().join("file");
    let map = Map::create(&path, pages * PAGE, options).expect("there is room");
    map.fill(0, TO_END, 1).expect("it is writable");
    (folder, path, map)
}

fn set_size(path: &Path, size: u64) {
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|file| file.set_len(size))
        .expect("it can be sized");
}

#[test]
fn what_is_behind_the_end_of_a_truncated_file_is_lost_and_the_rest_is_not() {
    let (_folder, path, map) = mapped(8, &Options::default());
    set_size(&path, 2 * PAGE + 100);
    let mut byte = [0];
    assert_eq!(map.read(7 * PAGE, &mut byte), Err(Error::Fault));
    assert_eq!(map.read(2 * PAGE + 99, &mut byte), Ok(()));
    assert_eq!(byte, [1]);
    assert_eq!(map.read(2 * PAGE + 100, &mut byte), Err(Error::Fault));
    assert_eq!(map.write(5 * PAGE, b"lost"), Err(Error::Fault));
    assert_eq!(map.fill(0, 2 * PAGE, 2), Ok(()));
    assert_eq!(map.move_within(0, 3 * PAGE, 1), Err(Error::Fault));
    assert_eq!(map.check(0, TO_END), Err(Error::Fault));
    assert_eq!(map.flush(0, 1, Flush::Sync), Err(Error::Fault));
    let lost = Fault {
        offset: 2 * PAGE + 100,
        length: 6 * PAGE - 100,
        count: 1,
        causes: Causes::TRUNCATED,
    };
    assert_eq!(map.fault(), Ok(lost));
    assert_eq!(map.resize(PAGE), Err(Error::Fault));
    assert_eq!(map.refresh(), Err(Error::Fault));
}

#[test]
fn a_file_that_is_whole_again_is_mapped_back_where_it_was() {
    let (_folder, path, map) = mapped(8, &Options::default());
    set_size(&path, 0);
    let view = map.pin().expect("it is open");
    // SAFETY: the view is pinned and has more than 3 pages.
    unsafe { view.as_ptr().add(3 * PAGE as usize).write_volatile(9) };
    assert_eq!(map.recover(), Err(Error::Fault), "it is too short");
    std::fs::write(&path, vec![5; 8 * PAGE as usize]).expect("it can be written");
    assert_eq!(map.recover(), Ok(()));
    assert_eq!(map.fault(), Ok(Fault::default()));
    let mut bytes = vec![0; 8 * PAGE as usize];
    assert_eq!(map.read(0, &mut bytes), Ok(()));
    assert!(
        bytes.iter().all(|byte| *byte == 5),
        "the 9 went into a stand-in page"
    );
    // SAFETY: the view is still pinned.
    let byte = unsafe { view.as_ptr().read_volatile() };
    assert_eq!(byte, 5, "the address stays");
    assert_eq!(map.write(0, b"new"), Ok(()));
    assert_eq!(std::fs::read(&path).expect("it is there")[..3], *b"new");
}

#[test]
fn a_window_at_an_odd_offset_loses_what_the_file_loses() {
    let (_folder, path, whole) = mapped(8, &Options::default());
    let options = Options {
        offset: PAGE + 10,
        ..Options::default()
    };
    let map = Map::open(&path, &options).expect("the offset is inside");
    set_size(&path, 3 * PAGE);
    let mut byte = [0];
    assert_eq!(map.read(4 * PAGE, &mut byte), Err(Error::Fault));
    assert_eq!(map.read(2 * PAGE - 11, &mut byte), Ok(()));
    assert_eq!(map.read(2 * PAGE - 10, &mut byte), Err(Error::Fault));
    let fault = map.fault().expect("it is open");
    assert_eq!((fault.offset, fault.length), (2 * PAGE - 10, 5 * PAGE));
    assert_eq!(whole.fault().map(|fault| fault.count), Ok(0));
    set_size(&path, 8 * PAGE);
    assert_eq!(map.recover(), Ok(()));
    assert_eq!(map.check(0, TO_END), Ok(()));
}

#[test]
fn without_a_descriptor_a_fault_is_survived_and_cannot_be_recovered() {
    let options = Options {
        flags: Flags::NO_DESCRIPTOR,
        ..Options::default()
    };
    let (_folder, path, map) = mapped(8, &options);
    set_size(&path, 0);
    assert_eq!(map.read(0, &mut [0]), Err(Error::Fault));
    assert_eq!(map.fault().map(|fault| fault.causes), Ok(Causes::UNKNOWN));
    set_size(&path, 8 * PAGE);
    assert_eq!(map.recover(), Err(Error::Unsupported));
}

/// How many regions of memory this process has, which vm.max_map_count limits.
fn regions() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("procfs is there");
    maps.lines().count()
}

#[test]
fn a_huge_mapping_that_is_lost_page_by_page_does_not_use_up_the_mappings() {
    memmap::install_guard().expect("a handler can be installed");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("huge");
    let size: u64 = 64 << 30;
    // Without its descriptor nobody can tell that it was truncated, so blocks are what is replaced.
    let options = Options {
        access: Access::ReadWrite,
        flags: Flags::NO_DESCRIPTOR | Flags::SPARSE,
        ..Options::default()
    };
    let map = Map::create(&path, size, &options).expect("a sparse file takes no room");
    set_size(&path, 0);
    let before = regions();
    // A generator modulo a power of two whose period is full visits every page once.
    let (pages, mut page) = (size / PAGE, 0);
    for _ in 0..pages {
        page = (page * 1_664_525 + 1_013_904_223) % pages;
        assert_eq!(map.read(page * PAGE, &mut [0]), Err(Error::Fault));
    }
    assert!(regions() < before + 20_000, "{} regions", regions());
}

#[test]
fn one_call_replaces_all_of_a_truncated_mapping() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    memmap::install_guard().expect("a handler can be installed");
    let path = folder.path().join("huge");
    let options = Options {
        flags: Flags::SPARSE,
        ..Options::default()
    };
    let size: u64 = 1 << 40;
    let map = Map::create(&path, size, &options).expect("a sparse file takes no room");
    set_size(&path, PAGE);
    for page in (1..size / PAGE).step_by(100_000) {
        assert_eq!(map.read(page * PAGE, &mut [0]), Err(Error::Fault));
    }
    assert_eq!(map.fault().map(|fault| fault.count), Ok(1));
}

#[test]
fn a_view_of_lost_bytes_is_an_error_at_the_access_and_no_zero() {
    let (_folder, path, map) = mapped(8, &Options::default());
    set_size(&path, 2 * PAGE);
    let lost = map.view(|bytes| {
        assert_eq!(bytes.len(), 8 * PAGE);
        assert_eq!(bytes.get(0)?, 1);
        assert_eq!(bytes.array::<8>(2 * PAGE - 8)?, [1; 8]);
        assert_eq!(bytes.get(2 * PAGE), Err(Error::Fault));
        assert_eq!(bytes.array::<8>(2 * PAGE - 4), Err(Error::Fault));
        let mut to = vec![0; PAGE as usize];
        assert_eq!(bytes.copy_to(7 * PAGE, &mut to), Err(Error::Fault));
        let whole = bytes.chunks::<1000>().take_while(|chunk| chunk.is_ok());
        assert_eq!(whole.count() as u64, 2 * PAGE / 1000);
        bytes.get(3 * PAGE)
    });
    assert_eq!(lost, Err(Error::Fault));
    set_size(&path, 8 * PAGE);
    map.recover().expect("the file is whole");
    assert_eq!(map.view(|bytes| bytes.get(2 * PAGE)), Ok(0));
    assert_eq!(map.view(|bytes| bytes.get(0)), Ok(1));
}

#[test]
fn a_view_is_checked_against_its_length_and_shows_all_of_it() {
    let (_folder, _path, map) = mapped(2, &Options::default());
    let looked = map.view(|bytes| {
        assert!(!bytes.is_empty());
        assert_eq!(bytes.get(2 * PAGE), Err(Error::Range));
        assert_eq!(bytes.array::<2>(2 * PAGE - 1), Err(Error::Range));
        assert_eq!(bytes.get(u64::MAX), Err(Error::Range));
        assert_eq!(bytes.copy_to(2 * PAGE, &mut []), Ok(()));
        let chunks = bytes.chunks::<3000>();
        assert_eq!(chunks.len(), 3);
        let pieces: Vec<_> = chunks
            .map(|chunk| chunk.map(|chunk| (chunk.offset(), chunk.to_vec())))
            .collect::<Result<_, _>>()?;
        let lengths: Vec<_> = pieces
            .iter()
            .map(|(at, piece)| (*at, piece.len()))
            .collect();
        assert_eq!(lengths, [(0, 3000), (3000, 3000), (6000, 2192)]);
        assert!(
            pieces
                .iter()
                .all(|(_, piece)| piece.iter().all(|byte| *byte == 1))
        );
        Ok(7)
    });
    assert_eq!(looked, Ok(7));
    assert_eq!(map.resize(PAGE), Ok(()), "the pin is given back");
    let mut seen = None;
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        map.view(|bytes| -> Result<(), Error> {
            seen = Some(bytes.len());
            panic!("on purpose, by a test");
        })
    }));
    assert_eq!(seen, Some(PAGE));
    assert_eq!(map.resize(10), Ok(()), "also by a function that panics");
}

/// Every 8 bytes say where they are; threads read them by views while the file is cut and written anew, and recover. On tmpfs:
/// see "What the kernel does not report" in docs/faults.md.
#[test]
fn a_view_never_shows_a_zero_while_the_file_is_cut() {
    use std::os::unix::fs::FileExt;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    const SIZE: u64 = 32 * PAGE;
    let (_folder, path, map) = mapped_in(Path::new("/dev/shm"), SIZE / PAGE, &Options::default());
    let word = |offset: u64| (offset | 1 << 63).to_ne_bytes();
    let whole: Vec<u8> = (0..SIZE / 8).flat_map(|i| word(8 * i)).collect();
    map.write(0, &whole).expect("it is writable");
    let (over, good, lost) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for first in 0..4 {
            let (map, over, good, lost) = (&map, &over, &good, &lost);
            scope.spawn(move || {
                let mut at: u64 = first;
                while !over.load(Ordering::Relaxed) {
                    at = at
                        .wrapping_mul(6364136223846793005)
                        .wrapping_add(1442695040888963407);
                    let offset = (at >> 33) % (SIZE / 8) * 8;
                    match map.view(|bytes| bytes.array(offset)) {
                        Ok(found) => {
                            assert_eq!(found, word(offset));
                            good.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(Error::Fault) => {
                            lost.fetch_add(1, Ordering::Relaxed);
                            let _ = map.recover();
                        }
                        Err(other) => panic!("{other}"),
                    }
                }
            });
        }
        let file = OpenOptions::new()
            .write(true)
            .open(&path)
            .expect("it is ours");
        for _ in 0..100 {
            file.set_len(0).expect("it can be cut");
            std::thread::yield_now();
            file.write_all_at(&whole, 0).expect("there is room");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(good.into_inner() > 0 && lost.into_inner() > 0);
}
