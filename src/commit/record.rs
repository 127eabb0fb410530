//! A record: what one commit changes of a file. Every number is little-endian, and every byte of a log is input that
//! anybody may have damaged.
//!
//! ```text
//! magic  0   salt  number  before  after  payload  extents  previous  checksum   payload
//!     4  4      8       8       8      8        8        8         4         4   (offset 8, length 4, bytes) ...
//! ```
//!
//! `before` and `after` are lengths of the file, `previous` is the checksum of the record before, 0 for the first, and
//! the checksum is of everything but itself. A record begins at a block, so that writing one touches no block of an
//! earlier one.

use crate::commit::crc::crc32c;

/// What a record begins at a multiple of: no device writes more of this at once than it writes whole.
pub const BLOCK: usize = 4096;

/// How long a record is without its payload.
pub const HEAD: usize = 64;

const MAGIC: u32 = 0x4352_4d4d;

/// How long the place and the length of an extent are.
const EXTENT: usize = 12;

/// What the next record of a generation has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    salt: u64,
    number: u64,
    /// Of the file.
    pub length: u64,
    previous: u32,
}

impl Chain {
    /// For the first record of a generation that began with a file of `length` bytes.
    pub fn begin(salt: u64, length: u64) -> Chain {
        Chain {
            salt,
            number: 1,
            length,
            previous: 0,
        }
    }

    /// How many records there were.
    pub fn records(&self) -> u64 {
        self.number - 1
    }
}

/// A record that is being made.
#[derive(Debug)]
pub struct Draft(Vec<u8>);

impl Draft {
    /// One that changes nothing.
    pub fn new() -> Draft {
        Draft(vec![0; HEAD])
    }

    /// Adds bytes, which lie behind those of the extent before. They are no more than a number of 32 bits counts.
    pub fn push(&mut self, offset: u64, bytes: &[u8]) {
        let len = u32::try_from(bytes.len()).expect("changes are compared a piece at a time");
        self.0.extend_from_slice(&offset.to_le_bytes());
        self.0.extend_from_slice(&len.to_le_bytes());
        self.0.extend_from_slice(bytes);
        // Counted where it stands in the end.
        let count = number(&self.0, 48) + 1;
        self.0[48..56].copy_from_slice(&count.to_le_bytes());
    }

    /// Whether it changes no byte.
    pub fn is_empty(&self) -> bool {
        self.0.len() == HEAD
    }

    /// How many bytes it takes in a log.
    pub fn len(&self) -> u64 {
        self.0.len().next_multiple_of(BLOCK) as u64
    }

    /// Where it changes bytes, and how many.
    pub fn places(&self) -> impl Iterator<Item = (u64, u64)> {
        extents(&self.0[HEAD..]).map(|(offset, bytes)| (offset, bytes.len() as u64))
    }

    /// The record, behind those of `chain`, of a file that has `after` bytes with it.
    pub fn seal(mut self, chain: &Chain, after: u64) -> Sealed {
        let payload = (self.0.len() - HEAD) as u64;
        let head = &mut self.0[..HEAD];
        head[..4].copy_from_slice(&MAGIC.to_le_bytes());
        let numbers = [chain.salt, chain.number, chain.length, after, payload];
        for (place, number) in head[8..48].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        head[56..60].copy_from_slice(&chain.previous.to_le_bytes());
        let crc = checksum(&self.0);
        self.0[60..64].copy_from_slice(&crc.to_le_bytes());
        let end = self.0.len();
        self.0.resize(end.next_multiple_of(BLOCK), 0);
        Sealed {
            bytes: self.0,
            end,
            before: chain.length,
            next: Chain {
                number: chain.number + 1,
                length: after,
                previous: crc,
                ..*chain
            },
        }
    }
}

/// A record that was made.
#[derive(Debug)]
pub struct Sealed {
    bytes: Vec<u8>,
    /// Of its payload.
    end: usize,
    before: u64,
    next: Chain,
}

impl Sealed {
    /// What is written to the log: whole blocks.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What comes behind it.
    pub fn next(&self) -> Chain {
        self.next
    }

    /// The record.
    pub fn record(&self) -> Record<'_> {
        Record {
            before: self.before,
            after: self.next.length,
            payload: &self.bytes[HEAD..self.end],
        }
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("there are eight"))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("there are four"))
}

fn checksum(record: &[u8]) -> u32 {
    crc32c(crc32c(0, &record[..60]), &record[HEAD..])
}

/// A record that was read, and found whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'b> {
    /// How long the file was before.
    pub before: u64,
    /// How long it is with it.
    pub after: u64,
    payload: &'b [u8],
}

/// How many bytes the record at the beginning of `bytes`, of which there are HEAD, has with its payload and without
/// what fills its last block, if it may be the next of `chain`.
pub fn length(bytes: &[u8], chain: &Chain) -> Option<u64> {
    let head = bytes.get(..HEAD)?;
    let expected = [chain.salt, chain.number, chain.length];
    let same = (0..3).all(|i| number(head, 8 + 8 * i) == expected[i]);
    let fixed = word(head, 0) == MAGIC && word(head, 4) == 0 && word(head, 56) == chain.previous;
    match same && fixed {
        true => number(head, 40).checked_add(HEAD as u64),
        false => None,
    }
}

impl<'b> Record<'b> {
    /// The record that `bytes` are, all of them, if it is the next of `chain`; and what comes behind it.
    pub fn of_bytes(bytes: &'b [u8], chain: &Chain) -> Option<(Record<'b>, Chain)> {
        if length(bytes, chain)? != bytes.len() as u64 || checksum(bytes) != word(bytes, 60) {
            return None;
        }
        let record = Record {
            before: chain.length,
            after: number(bytes, 32),
            payload: &bytes[HEAD..],
        };
        if !record.is_sound(number(bytes, 48)) {
            return None;
        }
        let next = Chain {
            number: chain.number.checked_add(1)?,
            length: record.after,
            previous: word(bytes, 60),
            ..*chain
        };
        Some((record, next))
    }

    /// Whether the payload is as many extents as were counted, in order, all of them in the file.
    fn is_sound(&self, count: u64) -> bool {
        let (mut rest, mut end, mut seen) = (self.payload, 0, 0);
        while !rest.is_empty() {
            let Some((offset, bytes, behind)) = first(rest) else {
                return false;
            };
            let ends = offset.checked_add(bytes.len() as u64);
            match ends {
                Some(ends) if !bytes.is_empty() && offset >= end && ends <= self.after => {
                    end = ends
                }
                _ => return false,
            }
            (rest, seen) = (behind, seen + 1);
        }
        seen == count && self.after <= i64::MAX as u64
    }

    /// Where bytes are changed, and to what, in order.
    pub fn extents(&self) -> impl Iterator<Item = (u64, &'b [u8])> {
        extents(self.payload)
    }
}

fn extents(mut payload: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let (offset, bytes, behind) = first(payload)?;
        payload = behind;
        Some((offset, bytes))
    })
}

/// The first extent of a payload, and what is behind it.
fn first(payload: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    if payload.len() < EXTENT {
        return None;
    }
    let (head, rest) = payload.split_at(EXTENT);
    let (bytes, behind) = rest.split_at_checked(word(head, 8) as usize)?;
    Some((number(head, 0), bytes, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Extents with so many bytes between them, of so many bytes.
    fn extents() -> impl Strategy<Value = Vec<(u64, Vec<u8>)>> {
        let one = (0..100_u64, prop::collection::vec(any::<u8>(), 1..50));
        prop::collection::vec(one, 0..10).prop_map(|gaps| {
            let mut end = 0;
            let placed = gaps.into_iter().map(|(gap, bytes)| {
                let offset = end + gap;
                end = offset + bytes.len() as u64;
                (offset, bytes)
            });
            placed.collect()
        })
    }

    fn sealed(extents: &[(u64, Vec<u8>)], chain: &Chain, after: u64) -> (Vec<u8>, Chain) {
        let mut draft = Draft::new();
        extents
            .iter()
            .for_each(|(at, bytes)| draft.push(*at, bytes));
        let len = draft.len();
        let sealed = draft.seal(chain, after);
        assert_eq!(sealed.bytes().len() as u64, len);
        (sealed.bytes().to_vec(), sealed.next())
    }

    fn chain() -> Chain {
        Chain {
            salt: 0x1234,
            number: 7,
            length: 100,
            previous: 99,
        }
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(extents in extents(), more in 0..10_u64) {
            let after = extents.last().map_or(0, |(at, bytes)| at + bytes.len() as u64) + more;
            let (bytes, next) = sealed(&extents, &chain(), after);
            prop_assert_eq!(bytes.len() % BLOCK, 0);
            let len = length(&bytes, &chain()).expect("it is one") as usize;
            prop_assert!(len <= bytes.len());
            let (record, behind) = Record::of_bytes(&bytes[..len], &chain()).expect("it is whole");
            prop_assert_eq!((record.before, record.after), (100, after));
            let read: Vec<_> = record.extents().map(|(at, bytes)| (at, bytes.to_vec())).collect();
            prop_assert_eq!(read, extents);
            prop_assert_eq!(behind, next);
        }

        #[test]
        fn a_record_of_which_a_bit_changed_is_none(extents in extents(), bit: prop::sample::Index) {
            let (mut bytes, _) = sealed(&extents, &chain(), 10_000);
            let len = length(&bytes, &chain()).expect("it is one") as usize;
            let bit = bit.index(len * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Some(len) = length(&bytes, &chain()) {
                let read = bytes.get(..len as usize).and_then(|it| Record::of_bytes(it, &chain()));
                prop_assert_eq!(read, None);
            }
        }

        #[test]
        fn a_record_of_another_place_is_none(salt: u64, number in 1..u64::MAX, length in 0..1_u64 << 40) {
            let other = Chain { salt, number, length, previous: 99 };
            prop_assume!(other != chain());
            let (bytes, _) = sealed(&[(3, vec![1])], &other, 50);
            prop_assert_eq!(super::length(&bytes, &chain()), None);
        }

        #[test]
        fn a_record_of_another_generation_is_none(salt: u64) {
            prop_assume!(salt != chain().salt);
            let (bytes, _) = sealed(&[(3, vec![1])], &Chain { salt, ..chain() }, 50);
            prop_assert_eq!(super::length(&bytes, &chain()), None);
        }

        #[test]
        fn extents_out_of_the_file_or_out_of_order_are_no_record(
            parts in prop::collection::vec((0..60_u64, 0..60_usize), 1..4),
            after in 0..100_u64,
        ) {
            let mut draft = Draft::new();
            parts.iter().for_each(|(at, len)| draft.push(*at, &vec![1; *len]));
            let bytes = draft.seal(&chain(), after).bytes;
            let len = length(&bytes, &chain()).expect("it has a head") as usize;
            let mut end = 0;
            let sound = parts.iter().all(|(at, len)| {
                let follows = *len > 0 && *at >= end && at + *len as u64 <= after;
                end = at + *len as u64;
                follows
            });
            prop_assert_eq!(Record::of_bytes(&bytes[..len], &chain()).is_some(), sound);
        }

        #[test]
        fn no_bytes_crash_it(mut bytes: Vec<u8>, right_head: bool) {
            if right_head && bytes.len() >= HEAD {
                // As somebody would make them who knows all: what is left to be wrong is the payload.
                let len = (bytes.len() - HEAD) as u64;
                bytes[..8].copy_from_slice(&u64::from(MAGIC).to_le_bytes());
                for (at, number) in [(8, 0x1234), (16, 7), (24, 100), (40, len)] {
                    bytes[at..at + 8].copy_from_slice(&u64::to_le_bytes(number));
                }
                bytes[56..60].copy_from_slice(&99_u32.to_le_bytes());
                let crc = checksum(&bytes);
                bytes[60..64].copy_from_slice(&crc.to_le_bytes());
            }
            let _ = length(&bytes, &chain());
            if let Some((record, _)) = Record::of_bytes(&bytes, &chain()) {
                record.extents().for_each(|(at, bytes)| assert!(at + bytes.len() as u64 <= record.after));
            }
        }
    }
}
