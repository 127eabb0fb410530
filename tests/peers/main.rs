//! What peers write: by bytes that a fuzzer has found (`make fuzz`) and that chance makes, and by a process that does
//! what it can (tests/hostile/peers.c), as often as MEMMAP_ROUNDS says.

mod abi;
mod cells;
#[path = "../common/mod.rs"]
mod common;

use arbitrary::{Arbitrary, Unstructured};
use cells::{Script, run};
// The crate is linked for what it exports to C.
use common::c::{Library, how_it_ended, link};
use memmap as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

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

#[test]
fn a_hostile_peer_is_survived() {
    let built = tempfile::tempdir().expect("a temporary folder");
    let source = common::root().join("tests/hostile/peers.c");
    let checks = format!("-I{}", common::root().join("tests/c").display());
    let program = link(
        &built,
        &source,
        Library::Static,
        &["-D_GNU_SOURCE", &checks],
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), all).expect("it is ours");
    let output = Command::new(program).arg(folder.path()).output();
    let output = output.expect("what has been linked can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    let ended = how_it_ended(&output);
    assert!(output.status.success(), "peers.c {ended}:\n{text}");
}
