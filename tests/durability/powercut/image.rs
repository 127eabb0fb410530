//! The bytes of a disk, and what a power cut leaves of them.

use super::disk::log::Event;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

const BLOCK: usize = 4096;
/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// The blocks of a disk that aren't zero.
#[derive(Clone)]
pub struct Image {
    size: u64,
    blocks: BTreeMap<u64, Box<[u8; BLOCK]>>,
}

impl Image {
    /// The disk that a file is.
    pub fn of(file: &File) -> io::Result<Image> {
        let size = file.metadata()?.len();
        let mut image = Image {
            size,
            blocks: BTreeMap::new(),
        };
        let mut block = [0; BLOCK];
        let mut at = next(file, 0, libc::SEEK_DATA);
        while let Some(start) = at {
            let end = next(file, start, libc::SEEK_HOLE).unwrap_or(size);
            for place in
                (start / BLOCK as u64..end.div_ceil(BLOCK as u64)).map(|n| n * BLOCK as u64)
            {
                file.read_exact_at(&mut block, place)?;
                image.write(place, &block);
            }
            at = next(file, end, libc::SEEK_DATA);
        }
        Ok(image)
    }

    /// Writes bytes.
    pub fn write(&mut self, mut offset: u64, mut data: &[u8]) {
        while !data.is_empty() {
            let within = (offset % BLOCK as u64) as usize;
            let len = data.len().min(BLOCK - within);
            let zero = data[..len].iter().all(|byte| *byte == 0);
            let number = offset / BLOCK as u64;
            if !zero || self.blocks.contains_key(&number) {
                let block = self
                    .blocks
                    .entry(number)
                    .or_insert_with(|| Box::new([0; BLOCK]));
                block[within..within + len].copy_from_slice(&data[..len]);
            }
            offset += len as u64;
            data = &data[len..];
        }
    }

    /// The disk as a file in memory.
    fn to_file(&self) -> io::Result<File> {
        // SAFETY: the name is terminated.
        let fd = unsafe { libc::memfd_create(c"cut".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: memfd_create has just given it to us.
        let file = unsafe { File::from_raw_fd(fd) };
        file.set_len(self.size)?;
        for (number, block) in &self.blocks {
            file.write_all_at(&block[..], number * BLOCK as u64)?;
        }
        Ok(file)
    }
}

/// Where data, or a hole, is next.
fn next(file: &File, from: u64, what: i32) -> Option<u64> {
    // SAFETY: no memory is handed over.
    let at = unsafe { libc::lseek64(file.as_raw_fd(), from as i64, what) };
    u64::try_from(at).ok()
}

/// Numbers that look random and come again with the same seed (splitmix64).
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

/// A disk that goes through a log, and whose power is cut here and there.
pub struct Player<'l> {
    /// What is on the medium for certain: everything before the flush that was last.
    stable: Image,
    events: &'l [Event],
    flushed: usize,
}

impl<'l> Player<'l> {
    pub fn new(base: &Image, events: &'l [Event]) -> Player<'l> {
        Player {
            stable: base.clone(),
            events,
            flushed: 0,
        }
    }

    /// What is left when the power is cut after the first `at` events: what was flushed, and of what was
    /// written since any part. The cuts of one player go forward.
    pub fn cut(&mut self, at: usize, chance: &mut Chance) -> io::Result<OwnedFd> {
        let last_flush = self.events[..at]
            .iter()
            .rposition(|event| matches!(event, Event::Flush));
        for event in &self.events[self.flushed..last_flush.unwrap_or(0)] {
            if let Event::Write(offset, data) = event {
                self.stable.write(*offset, data);
            }
        }
        self.flushed = last_flush.unwrap_or(0);
        let left = self.stable.to_file()?;
        for event in &self.events[self.flushed..at] {
            match event {
                Event::Write(offset, data) if chance.one_in(2) => {
                    write_some(&left, *offset, data, chance)?;
                }
                _ => {}
            }
        }
        Ok(left.into())
    }
}

/// Writes all of it or, as it happens, some of its sectors.
fn write_some(disk: &File, offset: u64, data: &[u8], chance: &mut Chance) -> io::Result<()> {
    let torn = chance.one_in(4);
    for (number, sector) in data.chunks(SECTOR).enumerate() {
        if !torn || chance.one_in(2) {
            disk.write_all_at(sector, offset + (number * SECTOR) as u64)?;
        }
    }
    Ok(())
}
