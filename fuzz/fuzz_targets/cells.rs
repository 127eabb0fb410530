//! libFuzzer's side of tests/processes/peers.

#![no_main]

#[path = "../../tests/processes/peers/abi.rs"]
mod abi;
#[path = "../../tests/processes/peers/cells.rs"]
mod cells;

// The crate is linked for what it exports to C.
use memmap as _;

libfuzzer_sys::fuzz_target!(|script: cells::Script| cells::run(&script));
