//! The program that `make soak` runs for an hour, for some seconds. It ends when each thread has made its rounds, or
//! after its time. `MEMMAP_SEED` selects the operations.

#[path = "../../common/mod.rs"]
mod common;

use common::c::{Library, how_it_ended, link};
use common::root;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Limits for each of 32 threads.
const ROUNDS: &str = "1500";
const SECONDS: &str = "10";

#[test]
fn everything_at_once_loses_nothing_on_the_file_system_of_temporary_files() {
    soak_in(&std::env::temp_dir());
}

#[test]
fn everything_at_once_loses_nothing_on_tmpfs() {
    soak_in(Path::new("/dev/shm"));
}

fn soak_in(parent: &Path) {
    let built = tempfile::tempdir().expect("a temporary folder");
    let source = root().join("tests/threads/soak/soak.c");
    let program = link(&built, &source, Library::Static, &["-std=c11"]);
    let folder = tempfile::tempdir_in(parent).expect("a temporary folder");
    let mut command = Command::new(program);
    let command = command.arg(folder.path()).args([SECONDS, SECONDS, ROUNDS]);
    let output = command.output().expect("what has been linked can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    let seed = text.lines().next().unwrap_or_default();
    // Not by println!, which the test harness holds back.
    writeln!(std::io::stderr(), "soak: {seed}").expect("stderr can be written");
    let ended = how_it_ended(&output);
    assert!(output.status.success(), "soak.c {ended}:\n{text}");
}
