//! Files that are changed by commits: what each commit changes, and what is promised of it.

use super::image::Chance;
use memmap::{Access, Flags, Map, Options};
use std::ops::Range;
use std::path::Path;

const PAGE: usize = 4096;

/// What the commits of a program are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kind {
    /// How many pages a commit changes.
    pub pages: usize,
    /// Whether it changes the length of the file.
    pub sizes: bool,
}

/// The length of the file at first.
pub const LENGTH: u64 = 400 * PAGE as u64 + 77;

/// What the commit of that number does: the length of the file with it, and which bytes get which value.
pub fn changes(kind: Kind, number: u64) -> (u64, Vec<(Range<u64>, u8)>) {
    let mut chance = Chance(number);
    let length = match kind.sizes {
        true => chance.below(60 * PAGE) as u64,
        false => LENGTH,
    };
    let byte = (number % 251 + 1) as u8;
    let ranges = (0..kind.pages).filter_map(|_| {
        let page = chance.below(length as usize / PAGE + 1) * PAGE;
        let start = (page + chance.below(PAGE)) as u64;
        let end = (start + 1 + chance.below(700) as u64).min(length);
        (start < end).then_some((start..end, byte))
    });
    (length, ranges.collect())
}

/// The options of a file that is committed to.
pub fn options() -> Options {
    Options {
        access: Access::ReadWrite,
        flags: Flags::ATOMIC,
        ..Options::default()
    }
}

/// Makes the changes of that number, and does not commit them.
pub fn change(map: &Map, kind: Kind, number: u64) {
    let (length, ranges) = changes(kind, number);
    if kind.sizes {
        map.resize(length).expect("there is room");
    }
    for (range, byte) in ranges {
        map.fill(range.start, range.end - range.start, byte)
            .expect("it is inside");
    }
}

/// What is promised of a file.
#[derive(Default)]
pub struct Promised {
    kind: Kind,
    acknowledged: u64,
    begun: u64,
}

impl Promised {
    pub fn is_used(&self) -> bool {
        self.kind.pages > 0
    }

    pub fn is_there(&mut self, kind: Kind) {
        self.kind = kind;
    }

    pub fn begin(&mut self, number: u64) {
        self.begun = number;
    }

    pub fn committed(&mut self, number: u64) {
        self.acknowledged = number;
    }

    /// Whether the file is as the last commit that was acknowledged has left it, or the one that was under way.
    pub fn kept(&self, path: &Path) -> Result<(), String> {
        let map = Map::open(path, &options()).map_err(|error| error.to_string())?;
        let len = map.len().map_err(|error| error.to_string())?;
        let mut bytes = vec![0; len as usize];
        map.read(0, &mut bytes).map_err(|error| error.to_string())?;
        let mut state = vec![0; LENGTH as usize];
        for number in 1..=self.begun {
            if number > self.acknowledged && bytes == state {
                return Ok(());
            }
            let (length, ranges) = changes(self.kind, number);
            state.resize(length as usize, 0);
            for (range, byte) in ranges {
                state[range.start as usize..range.end as usize].fill(byte);
            }
        }
        if bytes == state {
            return Ok(());
        }
        let differs = bytes
            .iter()
            .zip(&state)
            .position(|(byte, other)| byte != other);
        Err(format!(
            "{} bytes, and not commit {} to {} of {} bytes: byte {differs:?}",
            bytes.len(),
            self.acknowledged,
            self.begun,
            state.len()
        ))
    }
}
