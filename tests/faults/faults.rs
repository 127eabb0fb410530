//! What happens to a file does not happen to the process: with the guard a lost page is an error.

use memmap::{Access, Causes, Error, Fault, Flags, Flush, Map, Options, TO_END};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

const PAGE: u64 = 4096;

/// A file of `pages` pages, mapped for writing, each byte 1.
fn mapped(pages: u64, options: &Options) -> (tempfile::TempDir, PathBuf, Map) {
    memmap::install_guard().expect("a handler can be installed");
    let folder = tempfile::tempdir().expect("a temporary folder");
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
