//! A program that is recorded, and what is left of its work when the power is cut.

use super::disk::device::{Device, FOR_USE, Mounted, TO_LOOK};
use super::disk::log::Event;
use super::disk::{Disk, Kind};
use super::image::{Chance, Image, Player};
use super::programs::Program;
use super::promises::{Loss, Promises};
use super::tally::Tally;
use std::ffi::c_ulong;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::{fs, io, thread};

/// What a program left: the disk before it, what reached the disk, and the marks among it.
pub struct Recording {
    base: Image,
    events: Vec<Event>,
}

impl Recording {
    /// Of a program that is run to its end. What the disk gets when it is unmounted isn't in it.
    pub fn of(kind: Kind, program: Program) -> io::Result<Recording> {
        let disk = Disk::new(kind)?;
        let base = Image::of(&disk.image())?;
        let mounted = disk.mount(kind)?;
        let before = disk.log().len();
        let output = program.command(mounted.path(), &disk.marks()).output()?;
        let events = disk.log();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", program.name());
        drop(mounted);
        let mut played = base;
        for event in &events[..before] {
            if let Event::Write(offset, data) = event {
                played.write(*offset, data);
            }
        }
        Ok(Recording {
            base: played,
            events: events[before..].to_vec(),
        })
    }
}

/// Cuts the power of a recorded program at many moments.
pub fn cut(recording: &Recording, kind: Kind, cuts: u64, seed: u64) -> io::Result<Tally> {
    let mut chance = Chance(seed);
    let mut moments: Vec<usize> = (0..cuts)
        .map(|_| 1 + chance.below(recording.events.len()))
        .collect();
    moments.sort_unstable();
    // They wait for the kernel more than they compute.
    let workers = 2 * thread::available_parallelism()?.get();
    let share = moments.len().div_ceil(workers).max(1);
    thread::scope(|scope| {
        let shares = moments.chunks(share).enumerate();
        let threads: Vec<_> = shares
            .map(|(number, share)| {
                let chance = Chance(seed.wrapping_mul(1000) + number as u64);
                scope.spawn(move || cut_here(recording, kind, share, chance))
            })
            .collect();
        let tallies = threads
            .into_iter()
            .map(|thread| thread.join().expect("it lives"));
        tallies.sum::<io::Result<Tally>>()
    })
}

fn cut_here(
    recording: &Recording,
    kind: Kind,
    moments: &[usize],
    mut chance: Chance,
) -> io::Result<Tally> {
    let folder = tempfile::tempdir()?;
    let mut player = Player::new(&recording.base, &recording.events);
    let (mut promises, mut heard) = (Promises::default(), 0);
    let mut tally = Tally::default();
    for &at in moments {
        for event in &recording.events[heard..at] {
            if let Event::Mark(mark) = event {
                promises.hear(mark);
            }
        }
        heard = at;
        let disk = player.cut(at, &mut chance)?;
        let how = match promises.look_by_writing() {
            true => FOR_USE,
            false => TO_LOOK,
        };
        match mounted(folder.path(), &disk, (kind, how), &mut tally) {
            Err(error) => tally.count(at, vec![(Loss::Disk, error.to_string())]),
            Ok(mounted) => {
                tally.half_made += promises.half_made(mounted.path()) as u64;
                tally.count(at, promises.losses(mounted.path()));
            }
        }
    }
    fs::remove_dir(folder.path())?;
    Ok(tally)
}

/// Mounts what is left of a disk, if need be after a repair.
fn mounted(
    folder: &Path,
    disk: &OwnedFd,
    (kind, how): (Kind, c_ulong),
    tally: &mut Tally,
) -> io::Result<Mounted> {
    let mount = || Mounted::at(folder, Device::over(disk)?, kind, how);
    mount().or_else(|error| {
        let path = format!("/proc/{}/fd/{}", std::process::id(), disk.as_raw_fd());
        match kind.repair(Path::new(&path)) {
            true => tally.repaired += 1,
            false => return Err(error),
        }
        mount()
    })
}
