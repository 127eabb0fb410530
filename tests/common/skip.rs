//! What isn't tested on this machine is said, and counted by `make test`.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;

/// Says that something isn't tested here, and why: at once, and to the file that MEMMAP_SKIPPED names.
pub fn skipped(why: impl Display) {
    let line = format!("skipped: {why}\n");
    // Not by eprintln!, which the test harness holds back.
    write_to(&mut std::io::stderr(), &line);
    if let Some(file) = std::env::var_os("MEMMAP_SKIPPED").filter(|file| !file.is_empty()) {
        let file = OpenOptions::new().create(true).append(true).open(file);
        write_to(&mut file.expect("the Makefile names a file"), &line);
    }
}

/// The same of what a program in C prints that it skips.
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
