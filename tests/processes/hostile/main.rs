//! An attacking process, of another user if this one is root, beside all functions that use names or memory that it can
//! change: the programs of tests/processes/hostile. They make a fixed number of calls; `make hostile` runs them longer.

#[path = "../../common/mod.rs"]
mod common;

use common::c::{Library, how_it_ended, link};
use common::root;
use common::skip::tell_what_is_skipped;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Beside functions that take a name.
#[test]
fn names() {
    holds("names", Path::new("/dev/shm"));
}

/// Beside functions that read what a peer writes to shared memory.
#[test]
fn peers() {
    holds("peers", &std::env::temp_dir());
}

/// Runs a program in a folder of that one, which it must leave empty.
fn holds(name: &str, parent: &Path) {
    let built = tempfile::tempdir().expect("a temporary folder");
    let source = root().join(format!("tests/processes/hostile/{name}.c"));
    let headers = format!("-I{}", root().join("tests/contract/c").display());
    let flags = ["-D_GNU_SOURCE", &headers];
    let program = link(&built, &source, Library::Static, &flags);
    let folder = tempfile::tempdir_in(parent).expect("a temporary folder");
    // The other user needs access.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let output = Command::new(program).arg(folder.path()).output();
    let output = output.expect("what has been linked can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    tell_what_is_skipped(&format!("hostile/{name}.c"), &text);
    let ended = how_it_ended(&output);
    assert!(output.status.success(), "hostile/{name}.c {ended}:\n{text}");
    let left: Vec<_> = fs::read_dir(folder.path()).expect("it is there").collect();
    assert!(
        left.is_empty(),
        "hostile/{name}.c left files behind: {left:?}"
    );
}
