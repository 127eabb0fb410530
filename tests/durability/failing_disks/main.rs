//! Disks that fail under a real file system: write errors of the kernel's own writeback, read errors
//! under a mapping, a disk that vanishes, one that is full, and one that doesn't answer.
//!
//! What the test gives the disk carries [`NEEDLE`], by which the disk knows what to fail or to hold: the
//! file system's own blocks always go through.

mod commits;
#[path = "../../common/disk/mod.rs"]
mod disk;
#[path = "../../common/skip.rs"]
mod skip;
mod stalled;

use disk::device::Mounted;
use disk::{Disk, Kind, NEEDLE};
use memmap::{Access, Causes, Error, Fault, Flags, Flush, Map, Options, TO_END};
use skip::skipped;
use std::fs;

const PAGE: u64 = 4096;
const SIZE: u64 = 16 * PAGE;
const FAILED: Result<(), Error> = Err(Error::System(libc::EIO));

/// The other process that serves the disk.
#[test]
fn the_disk_of_the_other_tests() {
    disk::serve_if_asked();
}

/// A disk of that kind and its file system, or none and why.
fn mounted(kind: Kind) -> Option<(Disk, Mounted)> {
    memmap::install_guard().expect("a handler can be installed");
    let both = Disk::new(kind).and_then(|disk| {
        let mounted = disk.mount(kind)?;
        Ok((disk, mounted))
    });
    both.inspect_err(|error| skipped(format!("failing disks, {kind:?}: {error}")))
        .ok()
}

/// The same after the machine has been off: nothing of the file system is in memory.
fn mounted_again(disk: &Disk, before: Mounted, kind: Kind) -> Mounted {
    drop(before);
    disk.mount(kind).expect("it was mounted before")
}

const ALL: [Kind; 3] = [Kind::Ext4, Kind::Xfs, Kind::Btrfs];

fn read_write() -> Options {
    Options {
        access: Access::ReadWrite,
        ..Options::default()
    }
}

/// Bytes that the disk knows, all over a file, and a number at its end.
fn contents(number: u8) -> Vec<u8> {
    let mut bytes = NEEDLE.repeat(SIZE as usize / NEEDLE.len() + 1);
    bytes.truncate(SIZE as usize);
    bytes[SIZE as usize - 1] = number;
    bytes
}

/// A file that is on the disk with contents number 1.
fn made(files: &Mounted) -> Map {
    let map = Map::create(files.path().join("file"), SIZE, &Options::default());
    let map = map.expect("there is room");
    assert_eq!(map.write(0, &contents(1)), Ok(()));
    assert_eq!(map.flush(0, TO_END, Flush::Sync), Ok(()));
    map
}

fn on_the_disk(files: &Mounted) -> Vec<u8> {
    fs::read(files.path().join("file")).expect("the disk is well")
}

#[test]
fn a_write_back_that_failed_is_remembered_after_the_kernel_has_forgotten_it() {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        let map = made(&files);
        disk.say("write EIO");
        assert_eq!(map.write(0, &contents(2)), Ok(()), "{kind:?}");
        assert_eq!(map.flush(0, TO_END, Flush::Sync), FAILED, "{kind:?}");
        disk.say("write well");
        // The kernel has told it, has the pages for clean, and has nothing to write.
        let view = map.pin().expect("it is open");
        // SAFETY: the view is the mapping's.
        let forgotten = unsafe { libc::msync(view.as_ptr().cast(), view.len(), libc::MS_SYNC) };
        assert_eq!(forgotten, 0, "{kind:?}: it would be as if all was well");
        drop(view);
        assert_eq!(map.flush(0, TO_END, Flush::Sync), FAILED, "{kind:?}");
        assert_eq!(map.flush(0, 1, Flush::Async), FAILED, "{kind:?}");

        assert_eq!(map.recover(), Ok(()));
        assert_eq!(map.write(0, &contents(3)), Ok(()));
        assert_eq!(map.flush(0, TO_END, Flush::Sync), Ok(()), "{kind:?}");
        drop(map);
        let files = mounted_again(&disk, files, kind);
        assert!(on_the_disk(&files) == contents(3), "{kind:?}");
    }
}

/// The kernel tells it once for each open file description: the mappings of one descriptor share it.
#[test]
fn a_write_back_that_failed_is_told_to_each_mapping_of_the_file() {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        let map = made(&files);
        let same = map.descriptor().expect("it has one");
        let same = Map::from_fd(&same, &read_write()).expect("it is open");
        let another = Map::open(files.path().join("file"), &read_write()).expect("it is there");
        disk.say("write EIO");
        assert_eq!(same.write(0, &contents(2)), Ok(()), "{kind:?}");
        assert_eq!(map.flush(0, TO_END, Flush::Sync), FAILED, "{kind:?}");
        disk.say("write well");
        for other in [&same, &another] {
            assert_eq!(other.flush(0, TO_END, Flush::Sync), FAILED, "{kind:?}");
        }
        assert_eq!(map.recover(), Ok(()));
        assert_eq!(map.write(0, &contents(3)), Ok(()));
        assert_eq!(map.flush(0, TO_END, Flush::Sync), Ok(()), "{kind:?}");
        assert_eq!(same.flush(0, TO_END, Flush::Sync), FAILED, "{kind:?}");
        assert_eq!(same.recover(), Ok(()));
        assert_eq!(same.flush(0, TO_END, Flush::Sync), Ok(()), "{kind:?}");
    }
}

#[test]
fn threads_that_flush_at_once_are_all_told_of_a_write_back_that_failed() {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        let map = made(&files);
        for round in 0..10 {
            disk.say("write EIO");
            assert_eq!(map.write(0, &contents(round)), Ok(()), "{kind:?}");
            let flushed = std::thread::scope(|scope| {
                let all = [0; 4].map(|_| scope.spawn(|| map.flush(0, TO_END, Flush::Sync)));
                all.map(|thread| thread.join().expect("it does not panic"))
            });
            assert_eq!(flushed, [FAILED; 4], "{kind:?}, round {round}");
            disk.say("write well");
            assert_eq!(map.recover(), Ok(()));
            assert_eq!(map.write(0, &contents(1)), Ok(()));
            assert_eq!(map.flush(0, TO_END, Flush::Sync), Ok(()), "{kind:?}");
        }
    }
}

/// The disk has to promise space that it hasn't got: thin provisioning.
#[test]
fn a_disk_that_runs_out_of_what_it_promised_is_remembered_too() {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        let map = made(&files);
        disk.say("write ENOSPC");
        assert_eq!(map.write(0, &contents(2)), Ok(()));
        let failed = map.flush(0, TO_END, Flush::Sync);
        let errnos = [libc::EIO, libc::ENOSPC].map(|errno| Err(Error::System(errno)));
        assert!(errnos.contains(&failed), "{kind:?}: {failed:?}");
        disk.say("write well");
        assert_eq!(map.flush(0, TO_END, Flush::Sync), failed, "{kind:?}");
    }
}

#[test]
fn a_disk_that_does_not_empty_its_cache_is_remembered_too() {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        let map = made(&files);
        disk.say("flush EIO");
        assert_eq!(map.write(0, &contents(2)), Ok(()));
        assert_eq!(map.flush(0, TO_END, Flush::Sync), FAILED, "{kind:?}");
        disk.say("flush well");
        assert_eq!(map.flush(0, TO_END, Flush::Sync), FAILED, "{kind:?}");
    }
}

#[test]
fn what_was_acknowledged_before_a_write_back_failed_is_still_on_the_disk() {
    // btrfs writes elsewhere what it writes again, and gives up the whole transaction.
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        let map = made(&files);
        disk.say("write EIO");
        assert_eq!(map.write(0, &contents(2)), Ok(()));
        assert_eq!(map.flush(0, TO_END, Flush::Sync), FAILED);
        drop(map);
        let files = mounted_again(&disk, files, kind);
        assert!(on_the_disk(&files) == contents(1), "{kind:?}");
    }
}

#[test]
fn a_page_that_cannot_be_read_is_a_fault_and_comes_back() {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        drop(made(&files));
        let files = mounted_again(&disk, files, kind);
        disk.say("read EIO");
        let map = Map::open(files.path().join("file"), &read_write()).expect("it is there");
        let mut byte = [0];
        assert_eq!(map.read(3 * PAGE, &mut byte), Err(Error::Fault), "{kind:?}");
        let fault = map.fault().expect("it is open");
        assert_eq!(
            (fault.offset, fault.causes),
            (3 * PAGE, Causes::IO),
            "{kind:?}"
        );
        assert_eq!(map.flush(0, TO_END, Flush::Sync), Err(Error::Fault));
        disk.say("read well");
        assert_eq!(map.recover(), Ok(()));
        assert_eq!(map.fault(), Ok(Fault::default()));
        let mut bytes = vec![0; SIZE as usize];
        assert_eq!(map.read(0, &mut bytes), Ok(()), "{kind:?}");
        assert!(bytes == contents(1), "{kind:?}");
    }
}

#[test]
fn a_disk_that_vanishes_takes_its_mappings_down_and_nothing_else() {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        drop(made(&files));
        let files = mounted_again(&disk, files, kind);
        let map = Map::open(files.path().join("file"), &read_write()).expect("it is there");
        let elsewhere = Map::anonymous(SIZE, &Options::default()).expect("there is memory");
        disk.vanish();
        let mut byte = [0];
        assert_eq!(map.read(0, &mut byte), Err(Error::Fault), "{kind:?}");
        assert_eq!(map.fault().map(|fault| fault.causes), Ok(Causes::IO));
        assert_eq!(map.write(0, b"nowhere"), Err(Error::Fault));
        let flushed = map.flush(0, TO_END, Flush::Sync);
        assert!(
            flushed == FAILED || flushed == Err(Error::Fault),
            "{kind:?}"
        );
        assert!(map.resize(2 * SIZE).is_err());
        assert_eq!(elsewhere.write(0, b"here"), Ok(()));
        assert_eq!(
            map.len(),
            Ok(SIZE),
            "the process lives, and the handle answers"
        );
        drop(map);
    }
}

#[test]
fn a_flush_to_a_disk_that_vanished_fails_and_goes_on_failing() {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        let map = made(&files);
        disk.vanish();
        let mut bytes = [0; 5];
        assert_eq!(map.read(0, &mut bytes), Ok(()), "it is in memory");
        assert_eq!(bytes, NEEDLE[..5]);
        let written = map.write(0, &contents(2));
        assert!(matches!(written, Ok(()) | Err(Error::Fault)), "{kind:?}");
        let flushed = map.flush(0, TO_END, Flush::Sync);
        assert!(flushed.is_err(), "{kind:?}");
        assert_eq!(map.flush(0, TO_END, Flush::Sync), flushed, "{kind:?}");
        drop(map);
    }
}

/// Takes all the space there is.
fn fill(files: &Mounted) {
    let file = fs::File::create(files.path().join("filler")).expect("there is an inode");
    let mut block = vec![b'f'; 64 << 10];
    while !block.is_empty() {
        match std::io::Write::write_all(&mut &file, &block) {
            Ok(()) => {}
            Err(_) => block.truncate(block.len() / 2),
        }
    }
    let _ = file.sync_all();
}

#[test]
fn a_full_disk_refuses_a_creation_and_leaves_nothing_of_it() {
    for kind in ALL {
        let Some((_disk, files)) = mounted(kind) else {
            continue;
        };
        let map = made(&files);
        fill(&files);
        let name = files.path().join("new");
        let refused = Map::create(&name, 64 << 20, &Options::default());
        assert_eq!(refused.err(), Some(Error::System(libc::ENOSPC)), "{kind:?}");
        assert!(!name.exists(), "{kind:?}");
        let refused = map.resize(256 << 20);
        assert_eq!(refused, Err(Error::System(libc::ENOSPC)), "{kind:?}");
        let file = files.path().join("file");
        let size = fs::metadata(&file).expect("it is there").len();
        assert_eq!((map.len(), size), (Ok(SIZE), SIZE), "{kind:?}");
        assert!(on_the_disk(&files) == contents(1), "{kind:?}");
    }
}

#[test]
fn a_hole_of_a_full_disk_is_a_fault_and_what_was_flushed_stays() {
    for kind in [Kind::Ext4, Kind::Xfs] {
        let Some((_disk, files)) = mounted(kind) else {
            continue;
        };
        drop(made(&files));
        let sparse = Options {
            flags: Flags::SPARSE,
            ..read_write()
        };
        let map = Map::open(files.path().join("file"), &sparse).expect("it is there");
        assert_eq!(map.resize(2 * SIZE), Ok(()));
        fill(&files);
        assert_eq!(
            map.write(SIZE, &[1; PAGE as usize]),
            Err(Error::Fault),
            "{kind:?}"
        );
        assert_eq!(map.fault().map(|fault| fault.causes), Ok(Causes::IO));
        fs::remove_file(files.path().join("filler")).expect("it is ours");
        // What was freed is to be had once the journal says so.
        fs::File::open(files.path())
            .and_then(|folder| folder.sync_all())
            .expect("the disk is well");
        assert_eq!(map.recover(), Ok(()));
        assert_eq!(map.write(SIZE, &[2; PAGE as usize]), Ok(()), "{kind:?}");
        assert_eq!(map.flush(0, TO_END, Flush::Sync), Ok(()), "{kind:?}");
        assert!(
            on_the_disk(&files)[..SIZE as usize] == contents(1),
            "{kind:?}"
        );
    }
}
