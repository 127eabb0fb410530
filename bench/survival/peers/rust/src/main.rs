//! memmap2 and libmemmap from Rust, as peers of survival: survival-peer WHO SCENARIO FILE.

use memmap::{Access, Map, Options};
use memmap2::MmapMut;
use std::error::Error;
use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io;

const SIZE: usize = 64 << 10;
const WHOLE: usize = 0;
const LOST: usize = SIZE * 3 / 4;
const MIDDLE: u64 = SIZE as u64 / 2 + 100;

/// What either of them does; an access that has no error returns `Ok`.
trait Peer: Sized {
    fn load(&self, offset: usize) -> io::Result<()>;
    fn store(&mut self, offset: usize) -> io::Result<()>;
    /// Adds up the bytes from `offset` on.
    fn sum(&self, offset: usize, len: usize) -> io::Result<u64>;
}

impl Peer for MmapMut {
    fn load(&self, offset: usize) -> io::Result<()> {
        black_box(self[offset]);
        Ok(())
    }

    fn store(&mut self, offset: usize) -> io::Result<()> {
        self[offset] = b'y';
        Ok(())
    }

    fn sum(&self, offset: usize, len: usize) -> io::Result<u64> {
        Ok(black_box(&self[offset..offset + len])
            .iter()
            .map(|byte| u64::from(*byte))
            .sum())
    }
}

impl Peer for Map {
    fn load(&self, offset: usize) -> io::Result<()> {
        let viewed = self.view(|bytes| bytes.get(offset as u64));
        Ok(self.read(offset as u64, &mut [0]).and(viewed.map(drop))?)
    }

    fn store(&mut self, offset: usize) -> io::Result<()> {
        Ok(self.write(offset as u64, b"y")?)
    }

    fn sum(&self, offset: usize, len: usize) -> io::Result<u64> {
        let mut bytes = vec![0; len];
        self.read(offset as u64, &mut bytes)?;
        Ok(bytes.into_iter().map(u64::from).sum())
    }
}

fn met(mut peer: impl Peer, file: &File, scenario: &str) -> Result<String, Box<dyn Error>> {
    let met = match scenario {
        "nothing" | "middle" => {
            peer.load(WHOLE)?;
            file.set_len(if scenario == "nothing" { 0 } else { MIDDLE })?;
            peer.load(LOST)
        }
        "hole" => peer.store(LOST),
        "unreadable" => peer.load(LOST),
        "closed" => return Ok("can't happen: the borrow checker refuses it".into()),
        "sum" => {
            let total = peer.sum(0, SIZE / 2)?;
            file.set_len(0)?;
            return Ok(match peer.sum(SIZE / 2, SIZE / 2) {
                Err(_) => "computed: nothing: `Error::Fault`".into(),
                Ok(rest) if total + rest == SIZE as u64 * u64::from(b'x') => {
                    return Err("the sum is right although half of the bytes are gone".into());
                }
                Ok(_) => "computed: **zeros, not told**".into(),
            });
        }
        _ => return Err(format!("no scenario is called {scenario:?}").into()),
    };
    Ok(match met {
        Ok(()) => "not told".into(),
        Err(error) if error.to_string() == memmap::Error::Fault.to_string() => {
            "told: Error::Fault".into()
        }
        Err(error) => return Err(error.into()),
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, who, scenario, path] = &arguments[..] else {
        return Err("WHO SCENARIO FILE".into());
    };
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let outcome = if who == "memmap2" {
        // SAFETY: memmap2 requires that nobody else changes the file. Here somebody does, which is what the scenario shows.
        met(unsafe { MmapMut::map_mut(&file)? }, &file, scenario)?
    } else {
        memmap::install_guard()?;
        let options = Options {
            access: Access::ReadWrite,
            ..Options::default()
        };
        met(Map::open(path, &options)?, &file, scenario)?
    };
    println!("{outcome}");
    Ok(())
}
