//! What a peer may have written to shared memory, as a fuzzer's bytes say it, and what has to hold of who looks at it:
//! no call crashes, hangs or writes behind its buffer, every status is one that the header names, nothing takes more
//! memory than the caller allows, and a value that was published is the one that is read next.

use crate::abi::*;
use arbitrary::{Arbitrary, Result, Unstructured};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

/// How long the memory is: most of it is holes.
const LENGTH: u64 = 1 << 30;

/// The magic of src/share/cell.rs.
const MAGIC: u64 = 0x6d65_6d6d_6170_0002;

/// Calls up to the last byte.
#[derive(Clone, Debug)]
pub struct Script(pub Vec<Call>);

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Script> {
        let mut calls = Vec::new();
        while !bytes.is_empty() && calls.len() < MOST {
            calls.push(bytes.arbitrary()?);
        }
        Ok(Script(calls))
    }
}

/// More calls than this show nothing new.
const MOST: usize = 200;

/// A number that a peer says.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Number {
    Few(u8),
    /// The least of so many bits, or one less.
    Power(u8, bool),
    /// As 2^64 has it, from the end.
    Huge(u8),
    Any(u64),
}

impl Number {
    fn value(self) -> u64 {
        match self {
            Number::Few(few) => few.into(),
            Number::Power(bits, less) => (1 << (bits % 64)) - u64::from(less),
            Number::Huge(below) => u64::MAX - u64::from(below),
            Number::Any(any) => any,
        }
    }
}

/// Where a cell is asked for: nearly always where one is.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Place {
    First,
    Second,
    Last(u8),
    Any(Number),
}

impl Place {
    fn offset(self) -> u64 {
        match self {
            Place::First => 0,
            Place::Second => 4096,
            Place::Last(before) => LENGTH - u64::from(before) * 8,
            Place::Any(number) => number.value(),
        }
    }
}

/// A word of a cell: of its header, or of the head or the value of a slot, for a capacity.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Word {
    Header(u8),
    Slot(u8, u8, Number),
}

impl Word {
    fn offset(self) -> u64 {
        match self {
            Word::Header(word) => u64::from(word) % 16 * 8,
            Word::Slot(slot, word, capacity) => {
                let each = (24 + capacity.value() % LENGTH).div_ceil(64) * 64;
                128 + u64::from(slot) % 4 * each + u64::from(word) * 8
            }
        }
    }
}

/// What a peer does, or this process.
#[derive(Arbitrary, Clone, Debug)]
pub enum Call {
    Magic(Place),
    Write(Place, Word, Number),
    Fill(Place, u16, u8),
    /// Changes the size of the file.
    Cut(Number),
    Create(Place, Number),
    Publish(Place, u16),
    Read(Place, u16),
    Look(Place),
    Wait(Place, u8),
    Wake(Place),
    Find(u8),
    Recover,
    Refresh,
}

/// Runs it.
pub fn run(script: &Script) {
    // SAFETY: it takes nothing.
    assert_eq!(unsafe { memmap_guard_install() }, 0);
    let memory = Memory::new();
    for call in &script.0 {
        memory.step(call);
    }
    let room = 5 * LOOKED_THROUGH + script.0.len() as u64 * (1 << 17);
    assert!(memory.taken() <= room, "{} bytes", memory.taken());
}

/// What memmap_cell_look goes through of each slot at the most.
const LOOKED_THROUGH: u64 = 64 << 20;

struct Memory {
    handle: u64,
    file: OwnedFd,
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the handle is ours.
        assert_eq!(unsafe { memmap_close(self.handle) }, 0);
    }
}

/// One of the statuses that the header names for the call.
fn among(status: i32, named: &[i32]) {
    assert!(named.contains(&status), "{status} is none of {named:?}");
}

impl Memory {
    fn new() -> Memory {
        let options = Options {
            size: size_of::<Options>() as u32,
            flags: SPARSE,
            ..Options::default()
        };
        let (mut handle, mut fd) = (0, -1);
        // SAFETY: the name is terminated, the options and the output are there.
        let status =
            unsafe { memmap_memfd(c"peers".as_ptr().cast(), LENGTH, &options, &mut handle) };
        assert_eq!(status, 0);
        // SAFETY: the output is there.
        assert_eq!(unsafe { memmap_fd(handle, &mut fd) }, 0);
        // SAFETY: the descriptor is ours.
        let file = unsafe { OwnedFd::from_raw_fd(fd) };
        Memory { handle, file }
    }

    /// Bytes that the file takes.
    fn taken(&self) -> u64 {
        // SAFETY: zeros are a stat.
        let mut status: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: the output is there.
        let told = unsafe { libc::fstat(self.file.as_raw_fd(), &mut status) };
        assert_eq!(told, 0);
        status.st_blocks as u64 * 512
    }

    /// As another process does it.
    fn write(&self, offset: u64, bytes: &[u8]) {
        if offset
            .checked_add(bytes.len() as u64)
            .is_none_or(|end| end > LENGTH)
        {
            return;
        }
        let fd = self.file.as_raw_fd();
        // SAFETY: the bytes are there.
        unsafe {
            libc::pwrite(
                fd,
                bytes.as_ptr().cast(),
                bytes.len(),
                offset as libc::off_t,
            )
        };
    }

    fn step(&self, call: &Call) {
        match *call {
            Call::Magic(place) => self.write(place.offset(), &MAGIC.to_ne_bytes()),
            Call::Write(place, word, number) => {
                let offset = place.offset().wrapping_add(word.offset());
                self.write(offset, &number.value().to_ne_bytes());
            }
            Call::Fill(place, len, byte) => self.write(place.offset(), &vec![byte; len.into()]),
            Call::Cut(size) => {
                let size = (size.value() % (LENGTH + 1)) as libc::off_t;
                // SAFETY: it takes no memory.
                unsafe { libc::ftruncate(self.file.as_raw_fd(), size) };
            }
            Call::Create(place, capacity) => {
                // SAFETY: it takes no memory.
                let status =
                    unsafe { memmap_cell_create(self.handle, place.offset(), capacity.value()) };
                among(status, &[0, INVALID, RANGE, LIMIT, CORRUPT, FAULT]);
            }
            Call::Publish(place, len) => self.publish(place.offset(), len),
            Call::Read(place, room) => drop(self.read(place.offset(), room)),
            Call::Look(place) => self.look(place.offset()),
            Call::Wait(place, expected) => {
                // SAFETY: it takes no memory.
                let status =
                    unsafe { memmap_wait(self.handle, place.offset(), expected.into(), 0) };
                among(status, &[0, INVALID, RANGE, FAULT, TIMEOUT]);
            }
            Call::Wake(place) => {
                // SAFETY: it takes no memory.
                let status = unsafe { memmap_wake(self.handle, place.offset(), 1) };
                among(status, &[0, INVALID, RANGE, FAULT]);
            }
            Call::Find(byte) => {
                let (needle, mut found) = ([byte; 3], 0);
                // SAFETY: the needle and the output are there.
                let status =
                    unsafe { memmap_find(self.handle, 0, 1 << 16, needle.as_ptr(), 3, &mut found) };
                among(status, &[0, RANGE, FAULT]);
            }
            Call::Recover => {
                // SAFETY: it takes no memory.
                among(unsafe { memmap_recover(self.handle) }, &[0, FAULT]);
            }
            Call::Refresh => {
                let mut len = 0;
                // SAFETY: the output is there.
                let status = unsafe { memmap_refresh(self.handle, &mut len) };
                among(status, &[0, FAULT]);
                assert!(len <= LENGTH);
            }
        }
    }

    fn publish(&self, offset: u64, len: u16) {
        let value: Vec<u8> = (0..len).map(|i| (i ^ len) as u8).collect();
        // SAFETY: the value is there.
        let status =
            unsafe { memmap_cell_publish(self.handle, offset, value.as_ptr(), value.len() as u64) };
        among(status, &[0, INVALID, RANGE, CORRUPT, FAULT]);
        if status == 0 {
            assert_eq!(self.read(offset, u16::MAX), Some(value));
        }
    }

    /// The value, None where there is none.
    fn read(&self, offset: u64, room: u16) -> Option<Vec<u8>> {
        const BEHIND: usize = 64;
        let room = usize::from(room);
        let mut value = vec![0xa5; room + BEHIND];
        let (mut len, mut sequence) = (u64::MAX, 0);
        let to = value.as_mut_ptr();
        // SAFETY: the buffer and the outputs are there.
        let status = unsafe {
            memmap_cell_read(
                self.handle,
                offset,
                to,
                room as u64,
                &mut len,
                &mut sequence,
            )
        };
        among(status, &[0, INVALID, RANGE, CORRUPT, BUSY, FAULT]);
        assert_eq!(value[room..], [0xa5; BEHIND]);
        if status != 0 || sequence == 0 {
            return None;
        }
        assert!(len <= room as u64);
        value.truncate(len as usize);
        Some(value)
    }

    fn look(&self, offset: u64) {
        let (mut capacity, mut sequence, mut size) = (0, 0, 0);
        // SAFETY: the outputs are there.
        let status = unsafe { memmap_cell_look(self.handle, offset, &mut capacity, &mut sequence) };
        among(status, &[0, INVALID, RANGE, CORRUPT, FAULT]);
        if status == 0 {
            // SAFETY: the output is there.
            assert_eq!(unsafe { memmap_cell_size(capacity, &mut size) }, 0);
            assert!(offset + size <= LENGTH, "{capacity} bytes at {offset}");
        }
        // SAFETY: no output is to be had.
        let none = unsafe { memmap_cell_look(self.handle, offset, ptr::null_mut(), &mut sequence) };
        assert_eq!(none, INVALID);
    }
}
