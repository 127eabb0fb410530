//! Cells on disk: what is promised of them, and publishing and reading them by the C ABI.

use memmap::{Map, Options};
use std::ffi::c_void;
use std::path::Path;

/// Bytes of a value: enough for several pages, so that it can be torn.
pub const CAPACITY: u64 = 10_000;
const WORDS: usize = CAPACITY as usize / size_of::<u64>();
/// A reader finds the words of a cell here, as src/share/cell.rs lays them out.
const NEWEST: u64 = 8;
const HEADER: u64 = 16;
const SLOTS: u64 = 4;
const HEAD: u64 = 3;

/// MEMMAP_ERR_CORRUPT.
const NONE_WHOLE: i32 = -12;

unsafe extern "C" {
    fn memmap_cell_size(capacity: u64, size: *mut u64) -> i32;
    fn memmap_cell_create(handle: u64, offset: u64, capacity: u64) -> i32;
    fn memmap_cell_publish(handle: u64, offset: u64, data: *const c_void, len: u64) -> i32;
    fn memmap_cell_read(
        handle: u64,
        offset: u64,
        buf: *mut c_void,
        buf_len: u64,
        len: *mut u64,
        sequence: *mut u64,
    ) -> i32;
}

/// How many bytes a cell takes.
pub fn size() -> u64 {
    let mut size = 0;
    // SAFETY: the number is there for the call.
    assert_eq!(unsafe { memmap_cell_size(CAPACITY, &mut size) }, 0);
    size
}

/// Makes a cell at the beginning of a mapping.
pub fn create(map: &Map) {
    // SAFETY: it takes numbers.
    let answer = unsafe { memmap_cell_create(map.handle().0, 0, CAPACITY) };
    assert_eq!(answer, 0);
}

/// Publishes the value of that number: the number, over and over.
pub fn publish(map: &Map, number: u64) {
    let value = [number; WORDS];
    // SAFETY: the value is as long as it says.
    let answer = unsafe { memmap_cell_publish(map.handle().0, 0, value.as_ptr().cast(), CAPACITY) };
    assert_eq!(answer, 0);
}

/// The words of the newest value, none where there is none yet.
type Read = fn(&Map) -> Result<Vec<u64>, String>;

/// What is promised of a cell.
#[derive(Default)]
pub struct Promised {
    /// How it is read, once it was said to be there.
    read: Option<Read>,
    acknowledged: u64,
    begun: u64,
}

impl Promised {
    pub fn is_used(&self) -> bool {
        self.read.is_some()
    }

    pub fn is_there(&mut self) {
        self.read = Some(read);
    }

    /// A reader that does not look at the sum of a value.
    pub fn is_there_for_the_gullible(&mut self) {
        self.read = Some(read_gullibly);
    }

    pub fn publish(&mut self, number: u64) {
        self.begun = number;
    }

    pub fn published(&mut self, number: u64) {
        self.acknowledged = number;
    }

    /// Whether the file holds a whole value that is no older than the last that was acknowledged.
    pub fn kept(&self, path: &Path) -> Result<(), String> {
        let Some(read) = self.read else {
            return Ok(());
        };
        let map = Map::open(path, &Options::default()).map_err(|error| error.to_string())?;
        let value = read(&map)?;
        let number = value.first().copied().unwrap_or(0);
        let whole = value.iter().all(|word| *word == number);
        let whole = whole && (number == 0 || value.len() == WORDS);
        match whole && (self.acknowledged..=self.begun).contains(&number) {
            true => Ok(()),
            false => Err(format!(
                "value {number}, whole: {whole}, and not {} to {}",
                self.acknowledged, self.begun
            )),
        }
    }
}

fn read(map: &Map) -> Result<Vec<u64>, String> {
    let mut value = vec![0u64; WORDS];
    let (mut len, mut sequence) = (0, 0);
    // SAFETY: the value has room for as much as it says, and the numbers are there for the call.
    let answer = unsafe {
        memmap_cell_read(
            map.handle().0,
            0,
            value.as_mut_ptr().cast(),
            CAPACITY,
            &mut len,
            &mut sequence,
        )
    };
    match (answer, sequence) {
        (0, 0) => Ok(Vec::new()),
        (0, _) => {
            value.truncate(len as usize / size_of::<u64>());
            Ok(value)
        }
        // No value is whole, which is how it is when none was ever acknowledged.
        (NONE_WHOLE, _) => Ok(Vec::new()),
        (status, _) => Err(format!("status {status}")),
    }
}

fn read_gullibly(map: &Map) -> Result<Vec<u64>, String> {
    let word = |at: u64| {
        let mut bytes = [0; 8];
        let read = map.read(at * 8, &mut bytes);
        read.map(|()| u64::from_ne_bytes(bytes))
            .map_err(|error| error.to_string())
    };
    let newest = word(NEWEST)?;
    if newest == 0 {
        return Ok(Vec::new());
    }
    let slot = (size() / 8 - HEADER) / SLOTS;
    let first = HEADER + newest % SLOTS * slot + HEAD;
    (first..first + WORDS as u64).map(word).collect()
}
