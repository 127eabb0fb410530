//! Sequences of calls of the C ABI, over several handles, files and threads, against a model in plain
//! memory. `make fuzz` has libFuzzer look for scripts under AddressSanitizer (fuzz/); here those that it
//! has kept are run again, and some that chance makes.

mod abi;
mod model;
mod run;
mod script;
mod uses;

use arbitrary::{Arbitrary, Unstructured};
// The crate is linked for what it exports to C.
use memmap as _;
use script::Script;

fn script(bytes: &[u8]) -> Script {
    Script::arbitrary(&mut Unstructured::new(bytes)).expect("any bytes are a script")
}

/// Runs what a fuzzer has found, by the name of its file.
#[test]
fn scripts_that_were_kept_still_do_as_the_model_says() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/kept");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("it is there")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    names.sort();
    assert!(!names.is_empty());
    for path in names {
        let bytes = std::fs::read(&path).expect("it is a file");
        println!("{}", path.display());
        run::run(&script(&bytes));
    }
}

#[test]
fn scripts_made_by_chance_do_as_the_model_says() {
    let scripts: u64 = match std::env::var("MEMMAP_SCRIPTS") {
        Ok(text) => text.parse().expect("MEMMAP_SCRIPTS is a number"),
        Err(_) => 400,
    };
    let first = match std::env::var("MEMMAP_SEED") {
        Ok(text) => text.parse().expect("MEMMAP_SEED is a number"),
        Err(_) => 0,
    };
    for seed in first..first + scripts {
        let bytes = chance(seed);
        println!("seed {seed}");
        run::run(&script(&bytes));
    }
}

/// Bytes of a script: a generator of Knuth's (MMIX), its upper bits.
fn chance(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
    let bytes = std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    bytes.take(200 + (seed % 8 * 400) as usize).collect()
}
