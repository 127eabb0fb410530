//! mmap-sync, as a peer of the benchmark: see ../../peers.go.

use bytecheck::CheckBytes;
use mmap_sync::synchronizer::{Synchronizer, SynchronizerError};
use rkyv::{Archive, Deserialize, Serialize};
use std::io::{self, BufRead};
use std::time::Duration;

#[derive(Archive, Deserialize, Serialize)]
#[archive_attr(derive(CheckBytes))]
struct Value {
    bytes: [u8; 64],
}

/// Writes a value and reads it as another process would, by a synchronizer of its own.
fn cell(times: u64, path: &str) -> Result<(), SynchronizerError> {
    let mut writer = Synchronizer::new(path.as_ref());
    let mut reader = Synchronizer::new(path.as_ref());
    let mut value = Value { bytes: [1; 64] };
    for i in 0..times {
        value.bytes[..8].copy_from_slice(&i.to_ne_bytes());
        writer.write(&value, Duration::from_secs(1))?;
        // SAFETY: nobody writes to the files but the writer above.
        let read = unsafe { reader.read::<Value>(false)? };
        assert_eq!(read.bytes[..8], i.to_ne_bytes());
    }
    Ok(())
}

fn main() {
    for line in io::stdin().lock().lines() {
        let line = line.expect("the benchmark writes text");
        let words: Vec<_> = line.split_whitespace().collect();
        let times = words[1].parse().expect("a number of times");
        let done = match words[0] {
            "cell" => cell(times, words[2]).map_err(|error| error.to_string()),
            _ => Err("unknown work".to_owned()),
        };
        match done {
            Ok(()) => println!("ok"),
            Err(error) => println!("{}: {error}", words[0]),
        }
    }
}
