//! libFuzzer's side of tests/calls.

#![no_main]

#[path = "../../tests/calls/abi.rs"]
mod abi;
#[path = "../../tests/calls/model.rs"]
mod model;
#[path = "../../tests/calls/run.rs"]
mod run;
#[path = "../../tests/calls/script.rs"]
mod script;
#[path = "../../tests/calls/uses.rs"]
mod uses;

// The crate is linked for what it exports to C.
use memmap as _;

libfuzzer_sys::fuzz_target!(|script: script::Script| run::run(&script));
