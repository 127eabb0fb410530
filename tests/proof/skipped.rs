//! What is skipped is told in the last line of `make test`: every skip is counted, and the line says what is missing.

#[path = "../common/mod.rs"]
mod common;

use common::prefix::output_of;
use common::root;
use common::skip::skipped;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `make test` says last where tests have skipped these.
fn told(lines: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("skipped.txt");
    fs::write(&file, lines).expect("the folder is ours");
    let told = output_of(Command::new(root().join("tools/skipped")).arg(&file));
    told.replace(&*file.to_string_lossy(), "FILE")
}

#[test]
fn the_last_line_tells_how_many_and_what_brings_what_they_need() {
    let lines = "skipped: there is no lintian\n\
                 skipped: power cuts of cells on Xfs: there is no mkfs.xfs\n\
                 skipped: power cuts of sqlite on Xfs: there is no mkfs.xfs\n\
                 skipped: there is no hexdump: TestItShows\n\
                 skipped: open.c: a_tebibyte: no sparse file here (No space left on device)\n";
    let wanted = "skipped: 5 tests; there is no hexdump, lintian, mkfs.xfs: \
                  'make test-deps' brings what can be had; FILE says why\n";
    assert_eq!(told(lines), wanted);
    let kernel = "skipped: nothing can be mounted here: TestADiskThatIsFull\n";
    assert_eq!(told(kernel), "skipped: 1 test; FILE says why\n");
    assert_eq!(told(""), "skipped: no test\n");
}

/// The files below a folder whose names end like that.
fn sources(folder: &Path, suffix: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("it can be listed").path();
        match path.is_dir() {
            true => sources(&path, suffix, found),
            false if path.to_string_lossy().ends_with(suffix) => found.push(path),
            false => {}
        }
    }
}

/// Places that skip and don't say so to the file.
#[test]
fn every_skip_is_counted() {
    // Where it is counted, and this one.
    const COUNTING: [&str; 4] = [
        "skip.rs",
        "skipped.rs",
        "programtest.go",
        "survival_test.go",
    ];
    let mut files = Vec::new();
    for (folder, suffix) in [("tests", ".rs"), ("go", ".go"), ("bench", "_test.go")] {
        sources(&root().join(folder), suffix, &mut files);
    }
    let counting = |path: &Path| COUNTING.iter().any(|name| path.ends_with(name));
    for path in files.iter().filter(|path| !counting(path)) {
        let text = fs::read_to_string(path).expect("it is text");
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{}: {line}", path.display(), number + 1);
            let calls = [".Skip(", ".Skipf(", ".SkipNow("].map(|call| line.contains(call));
            let in_go = calls.contains(&true) && !line.contains("programtest.Skip(");
            let in_rust = line.contains("\"skipped") && !path.ends_with("child_test.go");
            assert!(!in_go && !in_rust, "{place}");
        }
    }
}

#[test]
fn what_is_skipped_in_rust_is_a_line_in_the_file() {
    const OURS: &str = "MEMMAP_SKIPPED";
    let name = "what_is_skipped_in_rust_is_a_line_in_the_file";
    if std::env::var_os("MEMMAP_TEST_SKIPS").is_some() {
        return skipped("there is no such thing");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("skipped.txt");
    for times in 1..3 {
        let mut again = Command::new(std::env::current_exe().expect("it runs"));
        again.args(["--exact", name]).env("MEMMAP_TEST_SKIPS", "1");
        let output = again.env(OURS, &file).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        let line = "skipped: there is no such thing\n";
        assert_eq!(said, line);
        let lines = fs::read_to_string(&file).expect("it was made");
        assert_eq!(lines, line.repeat(times));
    }
}

/// Cargo finds no test below a folder of `tests/` by itself.
#[test]
fn every_file_with_tests_is_in_the_manifest() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("it is there");
    let mut files = Vec::new();
    sources(&root().join("tests"), ".rs", &mut files);
    for path in files {
        let text = fs::read_to_string(&path).expect("it is text");
        // In a folder with a main.rs the other files are its modules.
        let is_main = path.ends_with("main.rs");
        let has_tests = text.lines().any(|line| line.trim() == "#[test]");
        if is_main || (has_tests && !path.with_file_name("main.rs").exists()) {
            let name = path.strip_prefix(root()).expect("it is below");
            let entry = format!("path = \"{}\"\n", name.display());
            assert!(manifest.contains(&entry), "Cargo.toml lacks {entry}");
        }
    }
}

#[test]
fn the_table_of_tests_has_each_of_the_manifest() {
    let read = |name| fs::read_to_string(root().join(name)).expect("it is there");
    let (manifest, table) = (read("Cargo.toml"), read("tests/README.md"));
    let tests = manifest.split("[[test]]\nname = \"").skip(1);
    let names = tests.filter_map(|entry| entry.split_once('"').map(|(name, _)| name));
    let missing: Vec<_> = names
        .filter(|name| !table.contains(&format!("| `cargo test --test {name}` | make test |")))
        .collect();
    assert!(missing.is_empty(), "tests/README.md lacks {missing:?}");
}
