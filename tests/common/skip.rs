//! Reports tests that are skipped on this machine, which `make test` counts.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;

/// Prints that a test is skipped and why, and appends this to the file in MEMMAP_SKIPPED.
pub fn skipped(why: impl Display) {
    let line = format!("skipped: {why}\n");
    // eprintln! is captured by the test harness.
    write_to(&mut std::io::stderr(), &line);
    if let Some(file) = std::env::var_os("MEMMAP_SKIPPED").filter(|file| !file.is_empty()) {
        let file = OpenOptions::new().create(true).append(true).open(file);
        write_to(&mut file.expect("the Makefile names a file"), &line);
    }
}

/// Does the same for the lines of a C program that it prints for skipped tests.
#[allow(
    dead_code,
    reason = "every test target compiles this for itself, and none uses all of it"
)]
pub fn tell_what_is_skipped(program: &str, printed: &str) {
    for why in printed
        .lines()
        .filter_map(|line| line.strip_prefix("skipped: "))
    {
        skipped(format!("{program}: {why}"));
    }
}

/// At once, so that lines of others stay apart.
fn write_to(file: &mut impl Write, line: &str) {
    file.write_all(line.as_bytes()).expect("it can be written");
}
