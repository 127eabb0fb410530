//! memmap2, as a peer of the benchmark: see ../../peers.go.

use memmap2::Mmap;
use std::fs::File;
use std::io::{self, BufRead};

fn open_close(times: u64, path: &str) -> io::Result<()> {
    for _ in 0..times {
        // SAFETY: nobody changes the file, and nothing of it is read.
        drop(unsafe { Mmap::map(&File::open(path)?)? });
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
            _ => Err(io::Error::other("unknown work")),
        };
        match done {
            Ok(()) => println!("ok"),
            Err(error) => println!("{}: {error}", words[0]),
        }
    }
}
