//! What a program has been promised up to a moment, by the marks that it left, and what came of it.
//!
//! A mark is one line. Those of what begins: `create FILE`, `size FILE BYTES`, `write FILE OFFSET LEN
//! BYTE`. Those of what was acknowledged: `exists FILE BYTES MODE`, `sized FILE BYTES`, `flushed FILE
//! OFFSET LEN`, of a file that is changed by commits `commits FILE PAGES SIZES` and `committed FILE NUMBER` after `commit FILE
//! NUMBER`, and of a cell `cell FILE` and `published FILE NUMBER` after `publish FILE NUMBER`; `grows FILE` says that it may be any longer than that.

use super::{cells, commits};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What is not as it was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// The kernel can't mount the disk any more.
    Disk,
    /// A file is not there.
    File,
    /// It has other permissions.
    Permissions,
    /// It is too short, or too long.
    Size,
    /// Bytes are neither those that were acknowledged nor those that were under way.
    Bytes,
    /// A cell has no value, an old one, or a torn one.
    Cell,
    /// A file is as no commit has left it that may be there.
    Commit,
}

/// All promises of a program.
#[derive(Default)]
pub struct Promises {
    files: BTreeMap<String, Promised>,
}

/// Those about one file.
#[derive(Default)]
struct Promised {
    /// Its permissions, once it was said to exist.
    mode: Option<u32>,
    /// The sizes that it may have; the first is the one that was acknowledged.
    sizes: Vec<u64>,
    /// Whether it may be longer, too.
    grows: bool,
    /// What was acknowledged.
    bytes: Vec<u8>,
    /// What may be there instead.
    under_way: Vec<(Range<usize>, u8)>,
    cell: cells::Promised,
    commits: commits::Promised,
}

impl Promises {
    /// Takes a mark in.
    pub fn hear(&mut self, mark: &[u8]) {
        let mark = std::str::from_utf8(mark).expect("a mark is text");
        for line in mark.lines() {
            let mut words = line.split(' ');
            let (Some(what), Some(file)) = (words.next(), words.next()) else {
                panic!("{line:?} is no mark");
            };
            let rest: Vec<&str> = words.collect();
            self.files
                .entry(file.to_owned())
                .or_default()
                .hear(what, &rest);
        }
    }

    /// What is lost in the folder `files`.
    pub fn losses(&self, files: &Path) -> Vec<(Loss, String)> {
        let promised = self.files.iter().filter(|(_, file)| file.mode.is_some());
        promised
            .filter_map(|(name, file)| {
                let (loss, what) = file.kept(&files.join(name)).err()?;
                Some((loss, format!("{name}: {what}")))
            })
            .collect()
    }

    /// Whether looking at what is left writes to it: a log is written to its file.
    pub fn look_by_writing(&self) -> bool {
        self.files.values().any(|file| file.commits.is_used())
    }

    /// How many files that were being created are there with another size than they were to have.
    pub fn half_made(&self, files: &Path) -> usize {
        let creating = self.files.iter().filter(|(_, file)| file.mode.is_none());
        creating
            .filter_map(|(name, file)| {
                let there = fs::metadata(files.join(name)).ok()?;
                (!file.sizes.contains(&there.len())).then_some(())
            })
            .count()
    }
}

impl Promised {
    fn hear(&mut self, what: &str, rest: &[&str]) {
        let number = |at: usize| -> u64 { rest[at].parse().expect("a number") };
        let range = || number(0) as usize..(number(0) + number(1)) as usize;
        match what {
            "create" => self.sizes = vec![number(0)],
            "exists" => {
                self.mode = Some(u32::from_str_radix(rest[1], 8).expect("an octal number"));
                self.sizes = vec![number(0)];
                self.bytes = vec![0; number(0) as usize];
            }
            "grows" => self.grows = true,
            "size" => self.sizes.push(number(0)),
            "sized" => {
                self.sizes = vec![number(0)];
                self.bytes.resize(number(0) as usize, 0);
            }
            "write" => self.under_way.push((range(), number(2) as u8)),
            "flushed" => self.acknowledge(&range()),
            "commits" => self.commits.is_there(commits::Kind {
                pages: number(0) as usize,
                sizes: rest[1] == "true",
            }),
            "commit" => self.commits.begin(number(0)),
            "committed" => self.commits.committed(number(0)),
            "cell" => self.cell.is_there(),
            "cell-for-the-gullible" => self.cell.is_there_for_the_gullible(),
            "publish" => self.cell.publish(number(0)),
            "published" => self.cell.published(number(0)),
            other => panic!("no mark is called {other:?}"),
        }
    }

    fn acknowledge(&mut self, flushed: &Range<usize>) {
        self.bytes.resize(self.bytes.len().max(flushed.end), 0);
        for (range, byte) in &self.under_way {
            let both = range.start.max(flushed.start)..range.end.min(flushed.end);
            if !both.is_empty() {
                self.bytes[both].fill(*byte);
            }
        }
        self.under_way
            .retain(|(range, _)| range.start < flushed.start || flushed.end < range.end);
    }

    fn kept(&self, path: &Path) -> Result<(), (Loss, String)> {
        let there = fs::metadata(path).map_err(|error| (Loss::File, error.to_string()))?;
        let mode = there.permissions().mode() & 0o777;
        if Some(mode) != self.mode {
            return Err((Loss::Permissions, format!("{mode:o}")));
        }
        if self.commits.is_used() {
            return self.commits.kept(path).map_err(|what| (Loss::Commit, what));
        }
        if !self.may_be_long(there.len()) {
            let what = format!("{} bytes and not {:?}", there.len(), self.sizes);
            return Err((Loss::Size, what));
        }
        let bytes = fs::read(path).map_err(|error| (Loss::Bytes, error.to_string()))?;
        if self.cell.is_used() {
            return self.cell.kept(path).map_err(|what| (Loss::Cell, what));
        }
        match (0..bytes.len().min(self.bytes.len())).find(|at| !self.may_be(*at, bytes[*at])) {
            None => Ok(()),
            Some(at) => {
                let what = format!("byte {at} is {} and not {}", bytes[at], self.bytes[at]);
                Err((Loss::Bytes, what))
            }
        }
    }

    fn may_be_long(&self, bytes: u64) -> bool {
        self.sizes.contains(&bytes) || self.grows && self.sizes.iter().any(|size| *size <= bytes)
    }

    fn may_be(&self, at: usize, byte: u8) -> bool {
        let under_way = |(range, other): &(Range<usize>, u8)| range.contains(&at) && *other == byte;
        self.bytes[at] == byte || self.under_way.iter().any(under_way)
    }
}
