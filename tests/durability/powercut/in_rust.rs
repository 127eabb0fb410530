//! Programs that use the library from Rust, and some that don't do what durability takes.

use super::cells;
use memmap::{Flags, Flush, Map, Options, TO_END};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

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

fn resized_and_flushed(map: &Map, old: u64, len: u64) {
    map.flush(old, len, Flush::Sync).expect("the disk is well");
}
