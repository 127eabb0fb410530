//! What peers write to shared memory, by bytes that a fuzzer has found (`make fuzz`) and that chance makes.

mod abi;
mod cells;

use arbitrary::{Arbitrary, Unstructured};
use cells::{Script, run};
// The crate is linked for what it exports to C.
use memmap as _;

fn script(bytes: &[u8]) -> Script {
    Script::arbitrary(&mut Unstructured::new(bytes)).expect("any bytes are a script")
}

/// Bytes that a fuzzer has found.
fn kept() -> Vec<std::path::PathBuf> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/kept-cells");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("it is there")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_kept_is_survived() {
    assert!(!kept().is_empty());
    for path in kept() {
        println!("{}", path.display());
        run(&script(&std::fs::read(&path).expect("it is a file")));
    }
}

#[test]
fn what_chance_writes_is_survived() {
    for seed in 1..300u64 {
        println!("seed {seed}");
        let mut random = seed;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            // xorshift (Marsaglia, 2003).
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 32) as u8
        })
        .take(1500)
        .collect();
        run(&script(&bytes));
    }
}
