//! The log of a disk: writes, flushes, and the marks of the program that uses it, in order.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// One event.
#[derive(Clone, Debug)]
pub enum Event {
    /// Bytes that were written, and their offset.
    Write(u64, Vec<u8>),
    /// A flush: all earlier writes must be on the medium.
    Flush,
    /// A mark of the program that uses the disk.
    Mark(Vec<u8>),
}

const WRITE: u8 = b'w';
const FLUSH: u8 = b'f';
const MARK: u8 = b'm';
const HEADER: usize = 1 + 8 + 8;

/// Writes a log.
pub struct Writer(File);

impl Writer {
    /// Creates a log.
    pub fn create(path: &Path) -> Writer {
        Writer(File::create(path).expect("the folder is ours"))
    }

    /// Adds an event, which readers see at once.
    pub fn append(&mut self, event: &Event) {
        let (kind, offset, data): (u8, u64, &[u8]) = match event {
            Event::Write(offset, data) => (WRITE, *offset, data),
            Event::Flush => (FLUSH, 0, &[]),
            Event::Mark(text) => (MARK, 0, text),
        };
        let mut record = Vec::with_capacity(HEADER + data.len());
        record.push(kind);
        record.extend(offset.to_le_bytes());
        record.extend((data.len() as u64).to_le_bytes());
        record.extend(data);
        self.0.write_all(&record).expect("there is room for it");
    }
}

/// Returns all events of a log.
pub fn read(path: &Path) -> Vec<Event> {
    let bytes = fs::read(path).expect("a log was written");
    let number = |at: usize| {
        let bytes = bytes[at..at + 8].try_into().expect("eight bytes");
        u64::from_le_bytes(bytes)
    };
    let mut events = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (offset, len) = (number(at + 1), number(at + 9) as usize);
        let data = bytes[at + HEADER..at + HEADER + len].to_vec();
        events.push(match bytes[at] {
            WRITE => Event::Write(offset, data),
            FLUSH => Event::Flush,
            MARK => Event::Mark(data),
            other => panic!("no event is called {other}"),
        });
        at += HEADER + len;
    }
    events
}
