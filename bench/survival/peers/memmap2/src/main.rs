//! memmap2, as a peer of survival: survival-memmap2 SCENARIO FILE.

use memmap2::MmapMut;
use std::error::Error;
use std::fs::OpenOptions;
use std::hint::black_box;

const SIZE: usize = 64 << 10;
const WHOLE: usize = 0;
const LOST: usize = SIZE * 3 / 4;
const MIDDLE: u64 = SIZE as u64 / 2 + 100;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, scenario, path] = &arguments[..] else {
        return Err("SCENARIO FILE".into());
    };
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    // SAFETY: that others leave the file alone is what memmap2 asks for, and what isn't so here.
    let mut map = unsafe { MmapMut::map_mut(&file)? };
    match scenario.as_str() {
        "nothing" | "middle" => {
            black_box(map[WHOLE]);
            file.set_len(if scenario == "nothing" { 0 } else { MIDDLE })?;
            black_box(map[LOST]);
        }
        "hole" => map[LOST] = b'y',
        "unreadable" => {
            black_box(map[LOST]);
        }
        "closed" => {
            println!("can't happen: the borrow checker refuses it");
            return Ok(());
        }
        _ => return Err(format!("no scenario is called {scenario:?}").into()),
    }
    black_box(&map);
    println!("not told");
    Ok(())
}
