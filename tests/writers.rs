//! Who else is in the file: the program of tests/writers, which runs every function that changes a size or a
//! file beside processes that append, overwrite, cut and lock, on each file system that is at hand.

mod common;

use common::c::{Library, how_it_ended, link};
use common::root;
use common::skip::tell_what_is_skipped;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn nothing_is_lost_on_the_file_system_of_temporary_files() {
    runs_in(&std::env::temp_dir());
}

#[test]
fn nothing_is_lost_on_tmpfs() {
    runs_in(Path::new("/dev/shm"));
}

fn runs_in(parent: &Path) {
    let built = tempfile::tempdir().expect("a temporary folder");
    let source = root().join("tests/writers/writers.c");
    let headers = format!("-I{}", root().join("tests/c").display());
    let flags = ["-std=c11", "-D_GNU_SOURCE", &headers];
    let program = link(&built, &source, Library::Static, &flags);
    let folder = tempfile::tempdir_in(parent).expect("a temporary folder");
    let output = Command::new(program).arg(folder.path()).output();
    let output = output.expect("what has been linked can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    tell_what_is_skipped("writers.c", &text);
    let ended = how_it_ended(&output);
    assert!(output.status.success(), "writers.c {ended}:\n{text}");
    let left: Vec<_> = fs::read_dir(folder.path()).expect("it is there").collect();
    assert!(left.is_empty(), "writers.c left files behind: {left:?}");
}
