//! Commits to disks that fail, that are full, and that lie.

use super::disk::Kind;
use super::disk::NEEDLE;
use super::disk::device::Mounted;
use super::{ALL, FAILED, PAGE, SIZE, fill, mounted, mounted_again, on_the_disk};
use memmap::{Access, Error, Flags, Flush, Map, Options, TO_END};
use std::fs;

/// Bytes that the disk knows, everywhere others than those of another number.
fn contents(number: usize) -> Vec<u8> {
    let mut bytes = NEEDLE.repeat(SIZE as usize / NEEDLE.len() + 2);
    bytes.drain(..number);
    bytes.truncate(SIZE as usize);
    bytes
}

fn atomic() -> Options {
    Options {
        access: Access::ReadWrite,
        flags: Flags::ATOMIC,
        ..Options::default()
    }
}

/// A file of which contents number 1 are committed.
fn committed(files: &Mounted) -> Map {
    let map = Map::create(files.path().join("file"), SIZE, &atomic()).expect("there is room");
    assert_eq!(map.write(0, &contents(1)), Ok(()));
    assert_eq!(map.commit(), Ok(()));
    map
}

fn in_memory(map: &Map) -> Vec<u8> {
    let mut bytes = vec![0; map.len().expect("it is open") as usize];
    assert_eq!(map.read(0, &mut bytes), Ok(()));
    bytes
}

/// What `next` finds there after the power was off.
fn after_opening(files: &Mounted) -> Vec<u8> {
    let map = Map::open(files.path().join("file"), &atomic()).expect("the disk is well");
    in_memory(&map)
}

fn a_commit_fails_and_is_made_later(say: &str, well: &str) {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        let map = committed(&files);
        assert_eq!(map.write(0, &contents(2)), Ok(()));
        disk.say(say);
        assert_eq!(map.commit(), FAILED, "{kind:?}");
        assert!(on_the_disk(&files) == contents(1), "{kind:?}: not applied");
        disk.say(well);
        // The kernel has told it, and would say now that all is well.
        assert_eq!(map.commit(), FAILED, "{kind:?}");
        assert_eq!(map.rollback(), FAILED, "{kind:?}");
        assert_eq!(map.checkpoint(), FAILED, "{kind:?}");
        assert_eq!(map.changes(), FAILED.map(|()| Vec::new()), "{kind:?}");
        assert_eq!(map.resize(5), FAILED, "{kind:?}");
        assert!(in_memory(&map) == contents(2), "{kind:?}: memory has it");
        assert_eq!(map.recover(), Ok(()), "{kind:?}");
        assert!(on_the_disk(&files) == contents(1), "{kind:?}");
        assert!(in_memory(&map) == contents(2), "{kind:?}");
        assert_eq!(map.commit(), Ok(()), "{kind:?}");
        assert_eq!(map.write(0, &contents(3)), Ok(()));
        assert_eq!(map.commit(), Ok(()), "{kind:?}");
        drop(map);
        let files = mounted_again(&disk, files, kind);
        assert!(after_opening(&files) == contents(3), "{kind:?}");
    }
}

#[test]
fn a_commit_whose_log_cannot_be_written_is_remembered_and_made_after_recovering() {
    a_commit_fails_and_is_made_later("write EIO", "write well");
}

/// The log has it whole, and so has the page cache: nobody may find it there.
#[test]
fn a_commit_that_failed_does_not_come_back_after_recovering() {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        for before in [true, false] {
            let name = files.path().join("file");
            let map = match before {
                true => committed(&files),
                false => Map::open(&name, &atomic()).expect("it is there"),
            };
            assert_eq!(map.checkpoint(), Ok(()));
            assert_eq!(map.write(0, &contents(2)), Ok(()));
            disk.say("write EIO");
            assert_eq!(map.commit(), FAILED, "{kind:?}");
            disk.say("write well");
            assert_eq!(map.recover(), Ok(()), "{kind:?}");
            drop(map);
            assert!(after_opening(&files) == contents(1), "{kind:?}");
        }
    }
}

#[test]
fn a_commit_whose_log_stays_in_the_cache_is_remembered_and_made_after_recovering() {
    // btrfs and XFS give up the file system then.
    for kind in [Kind::Ext4] {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        let map = committed(&files);
        assert_eq!(map.write(0, &contents(2)), Ok(()));
        disk.say("flush EIO");
        assert_eq!(map.commit(), FAILED, "{kind:?}");
        disk.say("flush well");
        assert_eq!(map.commit(), FAILED, "{kind:?}");
        assert!(on_the_disk(&files) == contents(1), "{kind:?}");
    }
}

/// The kernel forgets the pages of the file that it could not write, and a second fdatasync succeeds without them.
#[test]
fn commits_that_could_not_be_written_to_the_file_are_written_again_from_the_log() {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        let map = committed(&files);
        assert_eq!(map.write(0, &contents(2)), Ok(()));
        assert_eq!(map.commit(), Ok(()), "{kind:?}");
        disk.say("write EIO");
        assert_eq!(map.checkpoint(), FAILED, "{kind:?}");
        disk.say("write well");
        assert_eq!(map.checkpoint(), FAILED, "{kind:?}");
        assert_eq!(map.commit(), FAILED, "{kind:?}");
        // Another mapping of the file is told, too.
        let read_only = Map::open(files.path().join("file"), &Options::default());
        assert_eq!(map.recover(), Ok(()), "{kind:?}");
        drop(read_only);
        assert_eq!(map.checkpoint(), Ok(()), "{kind:?}");
        drop(map);
        let files = mounted_again(&disk, files, kind);
        // Without its log: the file itself is durable.
        fs::remove_file(files.path().join("file.commit")).expect("it is there");
        let differs = on_the_disk(&files)
            .iter()
            .zip(contents(2))
            .position(|(there, byte)| *there != byte);
        assert_eq!(differs, None, "{kind:?}");
    }
}

#[test]
fn a_commit_that_the_disk_has_no_room_for_changes_nothing() {
    const MORE: u64 = 64 << 20;
    for kind in [Kind::Ext4, Kind::Xfs] {
        let Some((disk, files)) = mounted(kind) else {
            continue;
        };
        let map = committed(&files);
        fill(&files);
        assert_eq!(map.resize(MORE), Ok(()), "{kind:?}: in memory");
        assert_eq!(map.write(0, &contents(2)), Ok(()));
        let full = Err(Error::System(libc::ENOSPC));
        assert_eq!(map.commit(), full, "{kind:?}");
        assert_eq!(map.commit(), full, "{kind:?}: it is not remembered");
        assert!(on_the_disk(&files) == contents(1), "{kind:?}");
        assert_eq!(map.rollback(), Ok(()));
        assert!(in_memory(&map) == contents(1), "{kind:?}");
        // What the log and the file have room for can be committed.
        assert_eq!(map.write(0, &contents(2)), Ok(()));
        assert_eq!(map.commit(), Ok(()), "{kind:?}");
        // More than the log has.
        assert_eq!(map.resize(SIZE + PAGE), Ok(()));
        let grown = map.commit();
        assert!(grown == full || grown == Ok(()), "{kind:?}: {grown:?}");
        drop(map);
        let files = mounted_again(&disk, files, kind);
        assert!(
            after_opening(&files)[..SIZE as usize] == contents(2),
            "{kind:?}"
        );
    }
}

/// A hole has no blocks before something is stored there.
#[test]
fn a_commit_to_a_hole_of_a_full_disk_changes_nothing() {
    for kind in [Kind::Ext4, Kind::Xfs] {
        let Some((_disk, files)) = mounted(kind) else {
            continue;
        };
        let name = files.path().join("file");
        let file = fs::File::create(&name).expect("there is room");
        file.set_len(SIZE).expect("it is a hole");
        let map = Map::open(&name, &atomic()).expect("there is room for a log");
        fill(&files);
        assert_eq!(map.write(0, &contents(1)), Ok(()));
        let full = Err(Error::System(libc::ENOSPC));
        assert_eq!(map.commit(), full, "{kind:?}");
        assert!(on_the_disk(&files) == vec![0; SIZE as usize], "{kind:?}");
        assert!(in_memory(&map) == contents(1), "{kind:?}");
        fs::remove_file(files.path().join("filler")).expect("it is ours");
        // What was freed is to be had once the journal says so.
        fs::File::open(files.path())
            .and_then(|folder| folder.sync_all())
            .expect("the disk is well");
        assert_eq!(map.commit(), Ok(()), "{kind:?}");
        assert!(on_the_disk(&files) == contents(1), "{kind:?}");
    }
}

#[test]
fn a_commit_to_a_disk_that_vanished_fails_and_goes_on_failing() {
    for kind in ALL {
        let Some((mut disk, files)) = mounted(kind) else {
            continue;
        };
        let map = committed(&files);
        assert_eq!(map.write(0, &contents(2)), Ok(()));
        disk.vanish();
        let failed = map.commit();
        assert!(failed.is_err(), "{kind:?}");
        assert_eq!(map.commit(), failed, "{kind:?}");
        assert!(map.recover().is_err(), "{kind:?}");
        assert!(in_memory(&map) == contents(2), "{kind:?}");
        assert!(map.flush(0, TO_END, Flush::Sync).is_err());
        drop(map);
    }
}
