//! How many instructions calls take, as callgrind counts them, beside how many they took when `counts.txt` was
//! written. The test fails for a call that takes over 10 % more.
//!
//! Counts are repeatable for the same compiler, C library and kind of processor, which the first line of `counts.txt`
//! names; elsewhere nothing can be compared, and the test is skipped. What the kernel does is not counted.

#[path = "../../common/mod.rs"]
mod common;

use common::c::{Library, link, succeeds};
use common::prefix::output_of;
use common::root;
use common::skip::skipped;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const WORKS: [&str; 11] = [
    "open_close",
    "pin_unpin",
    "read_64",
    "write_64",
    "try_a_mapping",
    "try_any",
    "find_in_1_mib",
    "rfind_in_1_mib",
    "publish_64",
    "cell_read_64",
    "lock_unlock",
];

/// How many per cent more are a regression.
const LIMIT: f64 = 10.0;

const KEEP: &str = "MEMMAP_KEEP_COUNTS";

#[test]
fn no_call_takes_more_instructions() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return skipped("there is no valgrind: instructions are not counted");
    }
    let kept = root().join("tests/proof/instructions/counts.txt");
    let compilers = compilers();
    if std::env::var_os(KEEP).is_some() {
        return keep(&count(), &compilers, &kept);
    }
    let before = fs::read_to_string(&kept).expect("the counts are in the source tree");
    let counted_with = before
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# "));
    let counted_with = counted_with.expect("the first line names the compilers");
    if compilers != counted_with {
        return skipped(format!(
            "instructions are not compared: the kept counts are of {counted_with}, and this is {compilers}"
        ));
    }
    let more = compare(&count(), &before);
    assert!(
        more.is_empty(),
        "over {LIMIT} % more instructions than in tests/proof/instructions/counts.txt: {}. Find out why; where it is the \
         price of something wanted, `{KEEP}=1 make bench-instructions` keeps the new counts, to be committed with the \
         change.",
        more.join(", ")
    );
}

/// What counts depend on besides the code.
fn compilers() -> String {
    let rustc = output_of(Command::new("rustc").arg("--version"));
    let rustc = rustc.split(" (").next().expect("it is not empty").trim();
    let libc = output_of(Command::new("getconf").arg("GNU_LIBC_VERSION"));
    format!(
        "{rustc}, {}, {}{}",
        libc.trim(),
        std::env::consts::ARCH,
        wide()
    )
}

/// The searches use the widest registers that callgrind knows.
fn wide() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return " with AVX2";
    }
    ""
}

fn count() -> Vec<(&'static str, u64)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = root().join("tests/proof/instructions/work.c");
    let program = link(&folder, &source, Library::Static, &[]);
    WORKS
        .map(|work| (work, each(&program, folder.path(), work)))
        .to_vec()
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
    let total = total.expect("callgrind prints a sum").trim();
    total.parse().expect("the sum is a number")
}

/// Prints both counts of each work, and returns the works that take more than the limit allows.
fn compare(now: &[(&'static str, u64)], before: &str) -> Vec<&'static str> {
    println!(
        "{:<16} {:>12} {:>12} {:>9}",
        "instructions", "kept", "now", "change"
    );
    let mut more = Vec::new();
    for (work, count) in now {
        let kept = before
            .lines()
            .find_map(|line| line.strip_prefix(work)?.trim().parse::<u64>().ok());
        let Some(kept) = kept else {
            println!("{work:<16} {:>12} {count:>12}", "none");
            more.push(*work);
            continue;
        };
        let change = (*count as f64 / kept as f64 - 1.0) * 100.0;
        let verdict = if change > LIMIT { "  FAILED" } else { "" };
        println!("{work:<16} {kept:>12} {count:>12} {change:>+8.1}%{verdict}");
        if change > LIMIT {
            more.push(*work);
        }
    }
    more
}

fn keep(now: &[(&str, u64)], compilers: &str, path: &PathBuf) {
    let lines: String = now
        .iter()
        .map(|(work, count)| format!("{work:<16} {count:>12}\n"))
        .collect();
    fs::write(path, format!("# {compilers}\n{lines}")).expect("the source tree can be written");
    print!("{lines}");
}
