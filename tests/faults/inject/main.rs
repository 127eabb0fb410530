//! Every system call that the library makes is made to fail once, with each errno that its manual page lists. The
//! function must return that errno or the documented status, must change nothing, and must succeed when called again.
//!
//! answers.txt lists the results; `make inject` writes it. The test fails at a system call that is not listed.
#![cfg(target_arch = "x86_64")] // The numbers of system calls are those of x86_64.

mod abi;
mod areas;
mod calls;
#[path = "../../common/mod.rs"]
mod common;
#[path = "../../common/disk/mod.rs"]
mod disk;
mod filter;
mod list;
mod names;
mod rules;
mod stage;
mod state;

use disk::Kind;
use disk::device::{Device, FOR_USE, Mounted};
use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// The variable with the name of the file to which the process that makes the calls writes the results.
const ANSWERS: &str = "MEMMAP_TEST_ANSWERS";

/// The calls are made in a process of their own, so that all new descriptors and mappings are those of the call. Its
/// allocator has all memory from the start, so that every system call is one of the library.
#[test]
fn every_system_call_fails_once_and_a_failed_call_changes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let answers = folder.path().join("answers");
    let output = Command::new(std::env::current_exe().expect("it runs"))
        .args(["--exact", "the_calls_of_the_other_test", "--nocapture"])
        .env(ANSWERS, &answers)
        .env("GLIBC_TUNABLES", "glibc.malloc.arena_max=1:glibc.malloc.top_pad=67108864:glibc.malloc.trim_threshold=1073741824:glibc.malloc.mmap_threshold=33554432")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    eprintln!("{said}");
    let Ok(answered) = fs::read_to_string(&answers) else {
        return common::skip::skipped(format!("system calls that fail: {}", said.trim()));
    };
    println!("{}", count(&answered));
    let kept = common::root().join("tests/faults/inject/answers.txt");
    if std::env::var_os("MEMMAP_KEEP_ANSWERS").is_some() {
        fs::write(&kept, &answered).expect("the repository is ours");
    }
    let kept = fs::read_to_string(&kept).unwrap_or_default();
    let news: Vec<_> = answered
        .lines()
        .filter(|line| !kept.contains(line))
        .collect();
    assert!(answered == kept, "make inject keeps what is new: {news:#?}");
}

fn count(answered: &str) -> String {
    let (failed, cases): (Vec<_>, Vec<_>) =
        answered.lines().partition(|line| line.starts_with(' '));
    let errnos = failed.iter().filter_map(|line| line.rsplit_once(": "));
    let failures: usize = errnos.map(|(_, errnos)| errnos.split(' ').count()).sum();
    let without = answered.matches(list::NO_CALL).count();
    let with = cases.len() - without;
    format!("{failures} failures in {with} ways to call; in {without} more there is no system call")
}

/// What the other process runs.
#[test]
fn the_calls_of_the_other_test() {
    let Some(answers) = std::env::var_os(ANSWERS).map(PathBuf::from) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mounted = match mounted(folder.path()) {
        Ok(mounted) => mounted,
        Err(error) => return eprintln!("{error}"),
    };
    let files = mounted.path().join("files");
    fs::create_dir(&files).expect("the file system is ours");
    abi::symbol("memmap_version"); // Builds and loads the library.
    let mut answered = String::new();
    match filter::watch(|| answered = list::of_all(&files)) {
        Ok(()) => fs::write(answers, answered).expect("the test waits for it"),
        Err(error) => eprintln!("seccomp: {error}"),
    }
}

/// A file system with a journal on a disk of the test, since the calls that are made depend on the file system.
fn mounted(folder: &Path) -> io::Result<Mounted> {
    disk::own_mounts()?;
    let (image, at) = (folder.join("image"), folder.join("mount"));
    fs::create_dir(&at)?;
    Kind::Ext4.make(&image)?;
    let image = OpenOptions::new().read(true).write(true).open(image)?;
    Mounted::at(
        &at,
        Device::over(&OwnedFd::from(image))?,
        Kind::Ext4,
        FOR_USE,
    )
}

#[test]
fn every_function_has_a_case() {
    let cases: Vec<_> = calls::all().map(|case| function_of(case.name)).collect();
    for function in common::declared_functions() {
        assert!(cases.contains(&function.as_str()), "{function}");
    }
}

/// Returns the name of the function of a case.
fn function_of(name: &str) -> &str {
    name.split_once(',').map_or(name, |(function, _)| function)
}
