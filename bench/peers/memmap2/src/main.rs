//! memmap2, as a peer of the benchmark: see ../../peers.go.

use memmap2::{Mmap, MmapMut};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead};

fn open_close(times: u64, path: &str) -> io::Result<()> {
    for _ in 0..times {
        // SAFETY: nobody changes the file, and nothing of it is read.
        drop(unsafe { Mmap::map(&File::open(path)?)? });
    }
    Ok(())
}

/// Writes 11 bytes at the start and makes them durable, while the rest is not dirty.
fn write_flush(times: u64, path: &str) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    // SAFETY: nobody else changes the file.
    let mut map = unsafe { MmapMut::map_mut(&file)? };
    for _ in 0..times {
        map[..11].copy_from_slice(b"Hello, mmap");
        map.flush_range(0, 11)?;
    }
    Ok(())
}

fn main() {
    for line in io::stdin().lock().lines() {
        let line = line.expect("the benchmark writes text");
        let words: Vec<_> = line.split_whitespace().collect();
        let times = words[1].parse().expect("a number of times");
        let done = match words[0] {
            "open_close" => open_close(times, words[2]),
            "write_flush" => write_flush(times, words[2]),
            _ => Err(io::Error::other("unknown work")),
        };
        match done {
            Ok(()) => println!("ok"),
            Err(error) => println!("{}: {error}", words[0]),
        }
    }
}
