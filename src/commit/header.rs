//! The header of a log: which generation of records is in force, and of which file they are. Every number is
//! little-endian.

use crate::commit::crc::crc32c;

/// How many bytes it takes: less than a sector, which a device writes whole or not at all.
pub const LEN: usize = 72;

const MAGIC: &[u8; 8] = b"MEMMAP\0C";
const VERSION: u32 = 1;

/// What a file is known by beside its contents: a log of another one is never applied to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfFile {
    /// Its inode.
    pub inode: u64,
    /// When it was made, in nanoseconds; 0 where the file system does not say. Inodes are used again.
    pub born: u64,
}

/// A generation of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Grows by one each time that the log begins anew.
    pub generation: u64,
    /// A random number, which every record of the generation has.
    pub salt: u64,
    /// The file.
    pub of: OfFile,
    /// Its length when the generation began.
    pub length: u64,
}

impl Header {
    /// Its bytes.
    pub fn to_bytes(self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        let numbers = [
            self.generation,
            self.salt,
            self.of.inode,
            self.of.born,
            self.length,
        ];
        for (place, number) in bytes[16..56].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32c(0, &bytes[..LEN - 4]);
        bytes[LEN - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// What the bytes say, if they are a header.
    pub fn of_bytes(bytes: &[u8]) -> Option<Header> {
        let bytes: &[u8; LEN] = bytes.get(..LEN)?.try_into().ok()?;
        let number = |at: usize| {
            let eight = bytes[at..at + 8].try_into().expect("there are eight");
            u64::from_le_bytes(eight)
        };
        let header = Header {
            generation: number(16),
            salt: number(24),
            of: OfFile {
                inode: number(32),
                born: number(40),
            },
            length: number(48),
        };
        // One comparison for everything: magic, version, what is unused, and the checksum.
        (header.to_bytes() == *bytes).then_some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_header_is_read_as_it_was_written_and_not_at_all_when_a_bit_of_it_changed(
            numbers: [u64; 5],
            bit in 0..LEN * 8,
        ) {
            let [generation, salt, inode, born, length] = numbers;
            let header = Header { generation, salt, of: OfFile { inode, born }, length };
            let mut bytes = header.to_bytes();
            prop_assert_eq!(Header::of_bytes(&bytes), Some(header));
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Header::of_bytes(&bytes), None);
        }

        #[test]
        fn no_bytes_crash_it(bytes: Vec<u8>) {
            let _ = Header::of_bytes(&bytes);
        }
    }
}
