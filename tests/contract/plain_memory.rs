//! A mapping against plain memory: after any sequence of operations both hold the same bytes, and so
//! does the file.

use memmap::{Error, Flags, Flush, Map, Options, TO_END};
use proptest::prelude::*;
use std::path::Path;

#[derive(Clone, Debug)]
enum Step {
    Write {
        offset: u64,
        bytes: Vec<u8>,
    },
    Fill {
        offset: u64,
        len: u64,
        byte: u8,
    },
    Move {
        to: u64,
        from: u64,
        len: u64,
    },
    Read {
        offset: u64,
        len: usize,
    },
    Flush {
        offset: u64,
        len: u64,
    },
    Resize {
        len: u64,
    },
    /// Somebody else gives the file another size; the mapping follows.
    Refresh {
        len: u64,
    },
}

/// Three pages and a bit, so that steps fall on either side of every boundary.
const MOST: u64 = 3 * 4096 + 700;

fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..MOST, 1 => Just(u64::MAX), 1 => (u64::MAX - 4096)..u64::MAX]
}

fn len() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0..600u64, 3 => 0..MOST, 1 => Just(TO_END), 1 => (u64::MAX - 4096)..u64::MAX]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (offset(), prop::collection::vec(any::<u8>(), 0..600))
            .prop_map(|(offset, bytes)| Step::Write { offset, bytes }),
        2 => (offset(), len(), any::<u8>()).prop_map(|(offset, len, byte)| Step::Fill { offset, len, byte }),
        2 => (offset(), offset(), len()).prop_map(|(to, from, len)| Step::Move { to, from, len }),
        1 => (offset(), 0..600usize).prop_map(|(offset, len)| Step::Read { offset, len }),
        1 => (offset(), len()).prop_map(|(offset, len)| Step::Flush { offset, len }),
        2 => (0..MOST).prop_map(|len| Step::Resize { len }),
        1 => (0..MOST).prop_map(|len| Step::Refresh { len }),
    ]
}

/// The plain memory, and the rules by wide arithmetic.
struct Plain(Vec<u8>);

impl Plain {
    fn range(&self, offset: u64, len: u64) -> Result<std::ops::Range<usize>, Error> {
        let end = u128::from(offset) + u128::from(len);
        match end <= self.0.len() as u128 {
            true => Ok(offset as usize..end as usize),
            false => Err(Error::Range),
        }
    }

    fn range_to_end(&self, offset: u64, len: u64) -> Result<std::ops::Range<usize>, Error> {
        let rest = (self.0.len() as u64).saturating_sub(offset);
        self.range(offset, if len == TO_END { rest } else { len })
    }

    fn apply(&mut self, step: &Step) -> Result<(), Error> {
        match step {
            Step::Write { offset, bytes } => {
                let range = self.range(*offset, bytes.len() as u64)?;
                self.0[range].copy_from_slice(bytes);
            }
            Step::Fill { offset, len, byte } => {
                let range = self.range_to_end(*offset, *len)?;
                self.0[range].fill(*byte);
            }
            Step::Move { to, from, len } => {
                let to = self.range(*to, *len)?;
                let from = self.range(*from, *len)?;
                self.0.copy_within(from, to.start);
            }
            Step::Read { offset, len } => self.range(*offset, *len as u64).map(drop)?,
            Step::Flush { offset, len } => self.range_to_end(*offset, *len).map(drop)?,
            Step::Resize { len } | Step::Refresh { len } => self.0.resize(*len as usize, 0),
        }
        Ok(())
    }
}

fn apply(map: &Map, path: Option<&Path>, step: &Step) -> Result<(), Error> {
    match step {
        Step::Write { offset, bytes } => map.write(*offset, bytes),
        Step::Fill { offset, len, byte } => map.fill(*offset, *len, *byte),
        Step::Move { to, from, len } => map.move_within(*to, *from, *len),
        Step::Read { offset, len } => map.read(*offset, &mut vec![0; *len]),
        Step::Flush { offset, len } if path.is_some() => map.flush(*offset, *len, Flush::Sync),
        Step::Flush { offset, len } => match map.flush(*offset, *len, Flush::Sync) {
            Err(Error::Unsupported) => Ok(()), // Inside, but there is no file.
            other => other,
        },
        Step::Resize { len } => map.resize(*len),
        Step::Refresh { len } => match path {
            None => map.resize(*len),
            Some(path) => {
                let file = std::fs::OpenOptions::new()
                    .write(true)
                    .open(path)
                    .expect("it is there");
                file.set_len(*len).expect("it can be sized");
                map.refresh().map(|now| assert_eq!(now, *len))
            }
        },
    }
}

fn contents(map: &Map) -> Vec<u8> {
    let mut bytes = vec![0; map.len().expect("it is open") as usize];
    map.read(0, &mut bytes).expect("all of it is inside");
    bytes
}

fn compare(map: Map, path: Option<&Path>, steps: &[Step]) {
    let mut plain = Plain(contents(&map));
    for step in steps {
        assert_eq!(apply(&map, path, step), plain.apply(step), "{step:?}");
        assert!(contents(&map) == plain.0, "{step:?}");
    }
    if let Some(path) = path {
        assert!(std::fs::read(path).expect("it is there") == plain.0);
    }
}

/// On a disk and in memory: they differ in what they do with the tail of the last page.
const FOLDERS: [&str; 2] = [env!("CARGO_TARGET_TMPDIR"), "/dev/shm"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_file_holds_what_plain_memory_holds(
        steps in prop::collection::vec(step(), 1..30),
        size in 0..MOST,
        capacity in prop_oneof![Just(0), Just(2 * 4096u64), Just(1 << 30)],
        flags in prop_oneof![Just(Flags::default()), Just(Flags::SPARSE)],
        folder in prop::sample::select(&FOLDERS[..]),
    ) {
        let folder = tempfile::tempdir_in(folder).expect("a temporary folder");
        let path = folder.path().join("file");
        let options = Options { capacity, flags, ..Options::default() };
        let map = Map::create(&path, size, &options).expect("there is room");
        compare(map, Some(&path), &steps);
    }

    #[test]
    fn anonymous_memory_holds_what_plain_memory_holds(
        steps in prop::collection::vec(step(), 1..30),
        size in 0..MOST,
        capacity in prop_oneof![Just(0), Just(2 * 4096u64), Just(1 << 30)],
    ) {
        let options = Options { capacity, ..Options::default() };
        let map = Map::anonymous(size, &options).expect("there is room");
        compare(map, None, &steps);
    }

    #[test]
    fn a_window_of_a_file_is_that_part_of_it(
        steps in prop::collection::vec(step(), 1..20),
        size in 1..MOST,
        at in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir_in(FOLDERS[0]).expect("a temporary folder");
        let path = folder.path().join("file");
        let whole: Vec<u8> = (0..size).map(|i| i as u8).collect();
        std::fs::write(&path, &whole).expect("it can be written");
        let offset = at.index(size as usize) as u64;
        let options = Options { offset, access: memmap::Access::ReadWrite, ..Options::default() };
        let map = Map::open(&path, &options).expect("the offset is inside");
        let mut plain = Plain(whole[offset as usize..].to_vec());
        for step in steps.iter().filter(|step| !matches!(step, Step::Refresh { .. })) {
            assert_eq!(apply(&map, Some(&path), step), plain.apply(step), "{step:?}");
            assert!(contents(&map) == plain.0, "{step:?}");
        }
        let now = std::fs::read(&path).expect("it is there");
        assert!(now[..offset as usize] == whole[..offset as usize], "what lies before is not ours");
        assert!(now[offset as usize..] == plain.0);
    }
}
