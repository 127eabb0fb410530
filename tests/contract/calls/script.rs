//! Scripts: what a fuzzer's bytes mean. Numbers are mostly those around which code errs.

use arbitrary::{Arbitrary, Result, Unstructured};

/// Calls, each with the thread that makes it.
#[derive(Clone, Debug)]
pub struct Script(pub Vec<(u8, Call)>);

/// The first byte says whether there are threads at all; calls follow up to the last byte.
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

/// More calls than this show nothing new, and take long.
const MOST: usize = 400;

/// How many threads a script has.
pub const THREADS: u8 = 3;

/// How many mappings a thread has in hand, and how many files.
pub const SLOTS: u8 = 5;
pub const FILES: u8 = 3;

pub const PAGE: u64 = 4096;

/// A number of bytes, or a place.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Number {
    Few(u8),
    Any(u16),
    /// Around the beginning of a page.
    Edge(u8, bool),
    /// More than there ever is: up to u64::MAX, which is MEMMAP_TO_END.
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
    /// Whether there is a window at all, and a capacity: most mappings have none.
    pub window: bool,
    pub room: bool,
}

/// One call. The first number says on which of the thread's mappings.
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
    /// Somebody else gives a file another size. The first number says which: one that has a name, or that of a
    /// mapping.
    Cut(u8, Number),
    /// A look at a mapping of another thread, which may close it meanwhile.
    Stray(u8, u8),
    /// A call on a handle that nobody has.
    Invented(u8),
    /// Somebody else writes to a file, by no mapping: at its end, anywhere, or a hole.
    Append(u8, u8, u8),
    Overwrite(u8, Range, u8),
    Punch(u8, Range),
}
