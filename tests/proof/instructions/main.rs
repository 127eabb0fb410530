//! How many instructions calls take, as callgrind counts them, beside how many they took when
//! `counts.txt` was written. Not part of `cargo test`: `make bench-instructions` runs it.
//!
//! Counts are repeatable for the same compiler and processor; what the kernel does is not in them.

#[path = "../../common/mod.rs"]
mod common;

use common::c::{Library, link, succeeds};
use common::root;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const WORKS: [&str; 5] = [
    "open_close",
    "pin_unpin",
    "read_64",
    "find_in_1_mib",
    "rfind_in_1_mib",
];

fn main() -> ExitCode {
    if Command::new("valgrind").arg("--version").output().is_err() {
        common::skip::skipped("there is no valgrind");
        return ExitCode::FAILURE;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = root().join("tests/proof/instructions/work.c");
    let program = link(&folder, &source, Library::Static, &[]);
    let now: Vec<_> = WORKS
        .iter()
        .map(|work| (*work, each(&program, folder.path(), work)))
        .collect();
    let kept = counts();
    match fs::read_to_string(&kept) {
        Ok(before) if std::env::var_os("MEMMAP_KEEP_COUNTS").is_none() => compare(&now, &before),
        _ => keep(&now, &kept),
    }
    ExitCode::SUCCESS
}

fn counts() -> PathBuf {
    root().join("tests/proof/instructions/counts.txt")
}

/// Instructions of doing it once: what more of them cost, so that beginning and end don't count.
fn each(program: &Path, folder: &Path, work: &str) -> u64 {
    const FEW: u64 = 10;
    const MANY: u64 = 30;
    let few = instructions(program, folder, work, FEW);
    let many = instructions(program, folder, work, MANY);
    (many - few).div_ceil(MANY - FEW)
}

fn instructions(program: &Path, folder: &Path, work: &str, times: u64) -> u64 {
    let out = folder.join("callgrind.out");
    succeeds(
        Command::new("valgrind")
            .args(["--tool=callgrind", "--quiet"])
            .arg(format!("--callgrind-out-file={}", out.display()))
            .arg(program)
            .args([work, &times.to_string()])
            .current_dir(folder),
    );
    let text = fs::read_to_string(&out).expect("callgrind has written it");
    let total = text.lines().find_map(|line| {
        line.strip_prefix("summary: ")
            .or(line.strip_prefix("totals: "))
    });
    let total = total.expect("callgrind tells a sum").trim();
    total.parse().expect("the sum is a number")
}

fn compare(now: &[(&str, u64)], before: &str) {
    println!(
        "{:<16} {:>12} {:>12} {:>9}",
        "instructions", "kept", "now", "change"
    );
    for (work, count) in now {
        let kept = before
            .lines()
            .find_map(|line| line.strip_prefix(work)?.trim().parse::<u64>().ok());
        match kept {
            Some(kept) => {
                let change = (*count as f64 / kept as f64 - 1.0) * 100.0;
                println!("{work:<16} {kept:>12} {count:>12} {change:>+8.1}%");
            }
            None => println!("{work:<16} {:>12} {count:>12}", "none"),
        }
    }
}

fn keep(now: &[(&str, u64)], path: &Path) {
    let lines: String = now
        .iter()
        .map(|(work, count)| format!("{work:<16} {count:>12}\n"))
        .collect();
    fs::write(path, &lines).expect("the source tree can be written");
    print!("{lines}");
}
