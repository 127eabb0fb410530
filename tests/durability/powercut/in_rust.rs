//! Programs that use the library from Rust, and some that don't do what durability takes.

use super::{cells, commits};
use memmap::{Flags, Flush, Map, Options, TO_END};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the program, its folder, its file of marks, and how many rounds it goes.
pub const PROGRAM: &str = "MEMMAP_TEST_PROGRAM";

/// What a program has.
struct Stage {
    files: PathBuf,
    marks: File,
    rounds: usize,
}

impl Stage {
    fn mark(&mut self, text: &str) {
        self.marks
            .write_all(text.as_bytes())
            .expect("the disk serves");
    }

    fn create(&mut self, name: &str, size: u64, flags: Flags) -> Map {
        let options = Options {
            flags,
            mode: 0o640,
            ..Options::default()
        };
        self.mark(&format!("create {name} {size}"));
        let map = Map::create(self.files.join(name), size, &options).expect("there is room");
        self.mark(&format!("exists {name} {size} 640"));
        map
    }
}

/// Runs the program that the environment names, if this process was started for that.
pub fn run_if_asked() {
    let Some(words) = std::env::var_os(PROGRAM) else {
        return;
    };
    let words = words.into_string().expect("it is text");
    let words: Vec<&str> = words.split('\n').collect();
    let mut stage = Stage {
        files: PathBuf::from(words[1]),
        marks: marks(Path::new(words[2])),
        rounds: words[3].parse().expect("a number"),
    };
    match words[0] {
        "flush" => flush(&mut stage, Flush::Sync),
        "flush-async" => flush(&mut stage, Flush::Async),
        "create" => create(&mut stage, Flags::DURABLE),
        "create-without-durable" => create(&mut stage, Flags::default()),
        "resize" => resize(&mut stage, resized_and_flushed),
        "resize-without-flush" => resize(&mut stage, |_, _, _| {}),
        "commit-1" => commit(&mut stage, 1, |_, _| {}),
        "commit-16" => commit(&mut stage, 16, |_, _| {}),
        "commit-300" => commit(&mut stage, 300, |map, number| checkpoint(map, number, 20)),
        "commit-checkpoint" => {
            commit(&mut stage, 16, |map, number| checkpoint(map, number, 3));
        }
        "commit-sizes" => commit_sizes(&mut stage),
        "commit-replay" => commit_and_replay(&mut stage),
        "commit-and-die" => commit_and_die(&mut stage, words[4].parse().expect("a number")),
        "commit-by-flush" => commit_by_flush(&mut stage),
        "cell" => cell(&mut stage, "cell"),
        "cell-without-its-sum" => cell(&mut stage, "cell-for-the-gullible"),
        other => panic!("no program is called {other:?}"),
    }
}

fn marks(path: &Path) -> File {
    let marks = OpenOptions::new().write(true).open(path);
    marks.expect("the disk serves")
}

/// Records at places of no alignment are written over and over, each made durable alone.
fn flush(stage: &mut Stage, how: Flush) {
    const SIZE: u64 = 64 << 10;
    const LEN: usize = 1000;
    let map = stage.create("data", SIZE, Flags::DURABLE);
    for round in 0..stage.rounds {
        let offset = (round * 37 % 64 * 1007) as u64;
        let byte = (round % 251 + 1) as u8;
        stage.mark(&format!("write data {offset} {LEN} {byte}"));
        map.write(offset, &[byte; LEN]).expect("it is inside");
        map.flush(offset, LEN as u64, how)
            .expect("the disk is well");
        stage.mark(&format!("flushed data {offset} {LEN}"));
    }
}

/// Files are made, one after the other.
fn create(stage: &mut Stage, flags: Flags) {
    for round in 0..stage.rounds.min(100) {
        drop(stage.create(&format!("file-{round}"), 5000, flags));
    }
}

/// A file grows by records.
fn resize(stage: &mut Stage, make_durable: fn(&Map, u64, u64)) {
    const LEN: u64 = 1500;
    let map = stage.create("data", 10, Flags::DURABLE);
    for round in 0..stage.rounds as u64 {
        let (old, new) = (10 + round * LEN, 10 + (round + 1) * LEN);
        let byte = (round % 251 + 1) as u8;
        stage.mark(&format!("size data {new}\nwrite data {old} {LEN} {byte}"));
        map.resize(new).expect("there is room");
        map.write(old, &[byte; LEN as usize]).expect("it is inside");
        make_durable(&map, old, LEN);
        stage.mark(&format!("flushed data {old} {LEN}\nsized data {new}"));
    }
}

/// A cell gets values; each time some are published it is made durable. Those are fewer than it has room
/// for, so that the last which was durable isn't overwritten.
fn cell(stage: &mut Stage, kind: &str) {
    let map = stage.create("cell", cells::size(), Flags::DURABLE);
    stage.mark(&format!("{kind} cell"));
    cells::create(&map);
    map.flush(0, TO_END, Flush::Sync).expect("the disk is well");
    let mut number = 0;
    for round in 0..stage.rounds as u64 {
        for _ in 0..round % 3 + 1 {
            number += 1;
            stage.mark(&format!("publish cell {number}"));
            cells::publish(&map, number);
        }
        map.flush(0, TO_END, Flush::Sync).expect("the disk is well");
        stage.mark(&format!("published cell {number}"));
    }
}

/// A file is changed by commits, each of so many pages.
fn commit(stage: &mut Stage, pages: usize, afterwards: fn(&Map, u64)) {
    let kind = commits::Kind {
        pages,
        sizes: false,
    };
    let map = stage.create("data", commits::LENGTH, Flags::ATOMIC);
    stage.mark(&format!("commits data {pages} false"));
    for number in 1..=stage.rounds as u64 {
        commits::change(&map, kind, number);
        stage.mark(&format!("commit data {number}"));
        map.commit().expect("the disk is well");
        stage.mark(&format!("committed data {number}"));
        afterwards(&map, number);
    }
}

/// Has the log begin anew after every so many commits.
fn checkpoint(map: &Map, number: u64, every: u64) {
    if number % every == 0 {
        map.checkpoint().expect("the disk is well");
    }
}

const SIZES: commits::Kind = commits::Kind {
    pages: 3,
    sizes: true,
};

/// The same, where each commit makes the file longer or shorter.
fn commit_sizes(stage: &mut Stage) {
    let map = stage.create("data", commits::LENGTH, Flags::ATOMIC);
    stage.mark("commits data 3 true");
    commit_from(stage, &map, 1..=stage.rounds as u64);
}

fn commit_from(stage: &mut Stage, map: &Map, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        commits::change(map, SIZES, number);
        stage.mark(&format!("commit data {number}"));
        map.commit().expect("the disk is well");
        stage.mark(&format!("committed data {number}"));
    }
}

/// The same by processes that end without closing the file, each of which begins with what the one before has left in
/// the log.
fn commit_and_replay(stage: &mut Stage) {
    drop(stage.create("data", commits::LENGTH, Flags::ATOMIC));
    stage.mark("commits data 3 true");
    let words = std::env::var(PROGRAM).expect("it is set");
    let words = words.replacen("commit-replay", "commit-and-die", 1);
    for round in 0..stage.rounds / 5 {
        let mut child = Command::new(std::env::current_exe().expect("it runs"));
        child.args(["--exact", "the_program_of_the_other_tests", "--nocapture"]);
        child.env(PROGRAM, format!("{words}\n{round}"));
        let status = child.status().expect("it can be run");
        assert_eq!(status.signal(), Some(libc::SIGKILL));
    }
}

fn commit_and_die(stage: &mut Stage, round: u64) {
    let map = Map::open(stage.files.join("data"), &commits::options());
    let map = map.expect("it is there");
    commit_from(stage, &map, round * 5 + 1..=round * 5 + 5);
    // SAFETY: it takes numbers, and ends this process.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

/// What the library is compared with: a mapping that is flushed, which is not atomic.
fn commit_by_flush(stage: &mut Stage) {
    let kind = commits::Kind {
        pages: 300,
        sizes: false,
    };
    let map = stage.create("data", commits::LENGTH, Flags::DURABLE);
    stage.mark("commits data 300 false");
    for number in 1..=stage.rounds as u64 {
        commits::change(&map, kind, number);
        stage.mark(&format!("commit data {number}"));
        map.flush(0, TO_END, Flush::Sync).expect("the disk is well");
        stage.mark(&format!("committed data {number}"));
    }
}

fn resized_and_flushed(map: &Map, old: u64, len: u64) {
    map.flush(old, len, Flush::Sync).expect("the disk is well");
}
