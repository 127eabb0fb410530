//! Sequences of calls of the C ABI, with several handles, files and threads, compared with a model in plain memory.
//! `make fuzz` searches for scripts with libFuzzer under AddressSanitizer (fuzz/). This test runs the scripts that
//! fuzz/kept has, and random ones.

mod abi;
mod likely;
mod model;
mod run;
mod script;
mod uses;

use arbitrary::{Arbitrary, Unstructured};
use likely::Chance;
// The crate is linked for what it exports to C.
use memmap as _;
use script::Script;

fn script(bytes: &[u8]) -> Script {
    Script::arbitrary(&mut Unstructured::new(bytes)).expect("any bytes are a script")
}

/// Runs a script that the fuzzer found, given the name of its file.
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
    for seed in seeds(400) {
        println!("MEMMAP_SEED={seed}");
        run::run(&script(&chance(seed)));
    }
}

#[test]
fn scripts_in_which_others_write_do_as_the_model_says() {
    for seed in seeds(300) {
        println!("MEMMAP_SEED={seed}");
        run::run(&Chance::new(seed).script(100));
    }
}

/// Runs MEMMAP_SCRIPTS scripts, with seeds from MEMMAP_SEED on. A failure prints the seed that reproduces it.
fn seeds(many: u64) -> std::ops::Range<u64> {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number")),
        Err(_) => default,
    };
    let first = number("MEMMAP_SEED", 0);
    first..first + number("MEMMAP_SCRIPTS", many)
}

/// Random bytes for a script.
fn chance(seed: u64) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let bytes = std::iter::repeat_with(move || chance.byte());
    bytes.take(200 + (seed % 8 * 400) as usize).collect()
}
