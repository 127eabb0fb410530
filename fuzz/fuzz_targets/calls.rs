//! libFuzzer's side of tests/contract/calls.

#![no_main]

#[path = "../../tests/contract/calls/abi.rs"]
mod abi;
#[path = "../../tests/contract/calls/model.rs"]
mod model;
#[path = "../../tests/contract/calls/run.rs"]
mod run;
#[path = "../../tests/contract/calls/script.rs"]
mod script;
#[path = "../../tests/contract/calls/uses.rs"]
mod uses;

// The crate is linked for what it exports to C.
use memmap as _;

libfuzzer_sys::fuzz_target!(|script: script::Script| run::run(&script));
