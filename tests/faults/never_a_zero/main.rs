//! No value that was computed from zeros is returned as good, while a process truncates the file: for a second, on tmpfs,
//! since ext4 shows zeros of the kernel's own meanwhile, which no signal reports (docs/faults.md). `make never-a-zero` does it
//! for a minute.

#[path = "../../common/mod.rs"]
mod common;

use common::c::{Library, how_it_ended, link};
use common::root;
use std::process::Command;

#[test]
fn no_value_is_computed_from_zeros() {
    let built = tempfile::tempdir().expect("a temporary folder");
    let source = root().join("tests/faults/never_a_zero/never_a_zero.c");
    let program = link(&built, &source, Library::Static, &["-std=c11"]);
    let folder = tempfile::tempdir_in("/dev/shm").expect("a temporary folder");
    let mut command = Command::new(program);
    let output = command.arg(folder.path()).arg("1").output();
    let output = output.expect("what has been linked can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "never_a_zero.c {}:\n{text}",
        how_it_ended(&output)
    );
    println!("{text}");
}
