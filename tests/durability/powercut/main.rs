//! Power cuts: what is left on a disk when the power goes at any moment, under any order in which the
//! disk may have written what it was not told to flush.
//!
//! A program works on a real file system whose disk logs every write and flush. A cut is a moment of that
//! log: the disk holds all that was written up to the last flush before it, and of what came later any
//! part, torn at sectors. The kernel mounts what is left, journal and all, and every promise that the
//! program had been given by then is looked at.
//!
//! MEMMAP_CUTS is how many cuts each program gets on each file system (make powercut), and MEMMAP_SEED which
//! ones.

mod cells;
mod commits;
#[path = "../../common/mod.rs"]
mod common;
#[path = "../../common/disk/mod.rs"]
mod disk;
mod image;
mod in_rust;
mod programs;
mod promises;
mod recording;
mod tally;

use disk::Kind;
use programs::Program;
use programs::Program::{Go, Python, Rust};
use promises::Loss;
use recording::{Recording, cut};
use std::io;
use tally::Tally;

/// The other process that serves the disk.
#[test]
fn the_disk_of_the_other_tests() {
    disk::serve_if_asked();
}

/// The other process that works on it.
#[test]
fn the_program_of_the_other_tests() {
    in_rust::run_if_asked();
}

fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// How many cuts a program of this library gets.
fn cuts() -> u64 {
    number("MEMMAP_CUTS", 12)
}

/// How many others get at a time: of some that are wrong one cut in forty finds it.
fn cuts_of_others() -> u64 {
    (cuts() / 10).max(60)
}

/// Runs a program on every file system there is and cuts its power, over again until it is enough; the
/// answer is what was lost on each.
fn cut_everywhere(
    program: Program,
    cuts: u64,
    enough: impl Fn(Kind, &Tally) -> bool,
) -> Vec<(Kind, Tally)> {
    let name = program.name();
    let mut all = Vec::new();
    for kind in [Kind::Ext4, Kind::Xfs, Kind::Btrfs] {
        let there = program.is_there();
        let recorded = there.and_then(|()| Recording::of(kind, program));
        let enough = |tally: &Tally| enough(kind, tally);
        match recorded.and_then(|recording| cut_until(&recording, kind, cuts, enough)) {
            Err(error) => {
                common::skip::skipped(format!("power cuts of {name} on {kind:?}: {error}"))
            }
            Ok(tally) => {
                println!("{name} on {kind:?}: {tally}");
                all.push((kind, tally));
            }
        }
    }
    all
}

fn cut_until(
    recording: &Recording,
    kind: Kind,
    cuts: u64,
    enough: impl Fn(&Tally) -> bool,
) -> io::Result<Tally> {
    const PATIENCE: u64 = 30;
    let seed = seed();
    let mut tally = Tally::default();
    for round in 0..PATIENCE {
        tally = tally.add(cut(recording, kind, cuts, seed + round)?);
        if enough(&tally) {
            break;
        }
    }
    Ok(tally)
}

/// What makes the same cuts again.
fn seed() -> u64 {
    number("MEMMAP_SEED", 1)
}

fn nothing_is_lost_of(program: Program) {
    for (kind, tally) in cut_everywhere(program, cuts(), |_, _| true) {
        let (first, seed) = (tally.first, seed());
        assert!(
            tally.losses.is_empty(),
            "{program:?} on {kind:?}, MEMMAP_SEED={seed}: {first:?}"
        );
    }
}

fn is_caught(program: Program, expected: Loss) {
    let caught = |kind: Kind, tally: &Tally| {
        // It never overwrites what is on the disk, so nothing is ever torn there.
        let whole = kind == Kind::Btrfs && expected == Loss::Cell;
        whole || tally.losses.contains_key(&expected)
    };
    for (kind, tally) in cut_everywhere(program, cuts_of_others(), caught) {
        let seed = seed();
        assert!(
            caught(kind, &tally),
            "{program:?} on {kind:?}, MEMMAP_SEED={seed}: {tally}"
        );
    }
}

#[test]
fn what_a_flush_acknowledged_outlives_a_power_cut() {
    nothing_is_lost_of(Rust("flush"));
}

#[test]
fn a_file_made_durable_outlives_a_power_cut_with_its_size_and_permissions() {
    nothing_is_lost_of(Rust("create"));
}

#[test]
fn a_size_that_was_flushed_outlives_a_power_cut() {
    nothing_is_lost_of(Rust("resize"));
}

#[test]
fn what_the_appender_of_go_wrote_and_flushed_outlives_a_power_cut() {
    nothing_is_lost_of(Go("go-append"));
}

#[test]
fn what_write_to_mmap_of_go_acknowledged_outlives_a_power_cut() {
    nothing_is_lost_of(Go("go-write-to-mmap"));
}

#[test]
fn a_cell_holds_a_whole_value_and_no_older_one_than_was_flushed() {
    nothing_is_lost_of(Rust("cell"));
}

/// Each is of one commit, whole: the last that was acknowledged, or the one that was under way.
#[test]
fn a_commit_outlives_a_power_cut_or_was_never_made() {
    for program in ["commit-1", "commit-16", "commit-300"] {
        nothing_is_lost_of(Rust(program));
    }
}

#[test]
fn a_commit_of_another_length_outlives_a_power_cut_or_was_never_made() {
    nothing_is_lost_of(Rust("commit-sizes"));
}

#[test]
fn a_power_cut_while_the_log_begins_anew_leaves_a_whole_commit() {
    nothing_is_lost_of(Rust("commit-checkpoint"));
}

/// Also one while what a power cut has interrupted is written from the log again.
#[test]
fn a_power_cut_while_commits_are_replayed_leaves_a_whole_commit() {
    nothing_is_lost_of(Rust("commit-replay"));
}

#[test]
fn changes_that_are_flushed_and_not_committed_are_caught() {
    is_caught(Rust("commit-by-flush"), Loss::Commit);
}

#[test]
fn a_reader_of_cells_that_ignores_their_sums_is_caught() {
    is_caught(Rust("cell-without-its-sum"), Loss::Cell);
}

#[test]
fn a_flush_that_only_schedules_is_caught() {
    is_caught(Rust("flush-async"), Loss::Bytes);
}

#[test]
fn a_creation_that_does_not_sync_is_caught() {
    is_caught(Rust("create-without-durable"), Loss::File);
}

#[test]
fn a_size_that_was_not_flushed_is_caught() {
    is_caught(Rust("resize-without-flush"), Loss::Size);
}

/// They are measured and not judged: make powercut prints what they lose.
#[test]
#[ignore = "says nothing of this library; make powercut runs it"]
fn what_the_peers_lose() {
    for program in [
        Go("guide-create"),
        Go("guide-write"),
        Go("guide-grow"),
        Go("mmap-go-create"),
        Go("mmap-go-write"),
        Go("mmap-go-grow"),
        Python("python-create"),
        Python("python-write"),
        Python("python-grow"),
    ] {
        cut_everywhere(program, cuts_of_others(), |_, _| true);
    }
}
