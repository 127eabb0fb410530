//! Scripts, decoded from the bytes of a fuzzer. Most numbers are boundary values.

use arbitrary::{Arbitrary, Result, Unstructured};

/// Calls, each with the thread that makes it.
#[derive(Clone, Debug)]
pub struct Script(pub Vec<(u8, Call)>);

/// The first byte decides whether there are threads; the other bytes are calls.
impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Script> {
        let threads = if bytes.arbitrary()? { THREADS } else { 1 };
        let mut calls = Vec::new();
        while !bytes.is_empty() && calls.len() < MOST {
            let by: u8 = bytes.arbitrary()?;
            calls.push((by % threads, bytes.arbitrary()?));
        }
        Ok(Script(calls))
    }
}

/// Limits the calls, since longer scripts take long and find nothing more.
const MOST: usize = 400;

/// The number of threads of a script.
pub const THREADS: u8 = 3;

/// The numbers of mappings and of files of a thread.
pub const SLOTS: u8 = 5;
pub const FILES: u8 = 3;

pub const PAGE: u64 = 4096;

/// A length or an offset.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Number {
    Few(u8),
    Any(u16),
    /// Near the beginning of a page.
    Edge(u8, bool),
    /// Larger than any file: up to u64::MAX, which is MEMMAP_TO_END.
    Huge(u8),
}

impl Number {
    pub fn value(self) -> u64 {
        match self {
            Number::Few(few) => few.into(),
            Number::Any(any) => u64::from(any) % (6 * PAGE),
            Number::Edge(page, before) => {
                (u64::from(page) % 7 * PAGE).saturating_sub(before.into())
            }
            Number::Huge(below) => u64::MAX - u64::from(below) / 8,
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Range(pub Number, pub Number);

/// memmap_options.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct How {
    pub access: u8,
    pub flags: u8,
    pub offset: Number,
    pub length: Number,
    pub capacity: Number,
    /// Whether there is a window, and a capacity; most mappings have none.
    pub window: bool,
    pub room: bool,
}

/// One call. The first number selects the mapping of the thread.
#[derive(Arbitrary, Clone, Debug)]
pub enum Call {
    Create(u8, u8, Number, How),
    Open(u8, u8, How),
    FromFd(u8, u8, How),
    Anonymous(u8, Number, How),
    Memfd(u8, Number, How),
    Close(u8),
    Read(u8, Range),
    Write(u8, Range, u8),
    Fill(u8, Range, u8),
    Move(u8, Number, Range),
    Find(u8, Range, [u8; 2], u8, bool),
    Flush(u8, Range, u8),
    Resize(u8, Number),
    Refresh(u8),
    Pin(u8),
    Unpin(u8),
    Check(u8, Range),
    Recover(u8),
    Fault(u8),
    Protect(u8, u8),
    Advise(u8, Range, u8),
    Prefault(u8, Range, u8),
    Residency(u8, Range),
    Add(u8, Number, u64, bool),
    Lock(u8, Range, u8),
    Unlock(u8, Range),
    /// Another writer sets the size of a file. The first number selects the file: one with a name, or that of a
    /// mapping.
    Cut(u8, Number),
    /// Reads a mapping of another thread, which may close it at the same time.
    Stray(u8, u8),
    /// A call with an invalid handle.
    Invented(u8),
    /// Another writer appends to a file, writes to it, or punches a hole, without a mapping.
    Append(u8, u8, u8),
    Overwrite(u8, Range, u8),
    Punch(u8, Range),
}
