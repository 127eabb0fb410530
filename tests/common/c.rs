//! Compiles and runs C and C++ programs as a user does.

use super::skip::skipped;
use super::{debug_folder, release_folder, root};
use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

pub const C99: [&str; 5] = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"];
pub const CPP11: [&str; 5] = ["-std=c++11", "-Wall", "-Wextra", "-pedantic", "-Werror"];

/// The libraries of the system that the static library needs (`rustc --print native-static-libs`).
pub const SYSTEM_LIBRARIES: [&str; 3] = ["-lpthread", "-ldl", "-lm"];

#[derive(Clone, Copy)]
pub enum Library {
    Static,
    /// As built for development.
    StaticDebug,
    Shared,
}

pub fn compiler(cpp: bool) -> Command {
    // Outside of a build script, the crate cc does not know the target.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut build = cc::Build::new();
    build.cpp(cpp).target(&target).host(&target).opt_level(2);
    let mut command = build.cargo_metadata(false).get_compiler().to_command();
    command.arg("-I").arg(root().join("include"));
    command
}

/// Returns whether there is a C++ compiler, and reports a skipped test if not.
pub fn has_cpp() -> bool {
    let found = compiler(true).arg("--version").output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        skipped("there is no C++ compiler");
    }
    found
}

/// Compiles and links a program in `folder`, which must exist while the program runs.
pub fn link(folder: &TempDir, source: &Path, library: Library, flags: &[&str]) -> PathBuf {
    let cpp = source.extension() == Some(OsStr::new("cpp"));
    let program = folder.path().join("program");
    let mut command = compiler(cpp);
    command.args(if cpp { CPP11 } else { C99 }).args(flags);
    command.arg(source).arg("-o").arg(&program);
    match library {
        Library::Static => command.arg(release_folder().join("libmemmap.a")),
        Library::StaticDebug => command.arg(debug_folder().join("libmemmap.a")),
        Library::Shared => {
            let shared = release_folder().join("libmemmap.so");
            // The loader searches for the soname.
            symlink(&shared, folder.path().join("libmemmap.so.0")).expect("the folder is ours");
            let search = format!("-Wl,-rpath,{}", folder.path().display());
            command.arg(shared).arg(search)
        }
    };
    succeeds(command.args(SYSTEM_LIBRARIES));
    program
}

pub fn succeeds(command: &mut Command) {
    let output = command.output().expect("there is a compiler");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{errors}");
}

pub fn how_it_ended(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    match output.status.signal() {
        Some(signal) => format!("was killed by signal {signal}: {errors}"),
        None => format!("ended with {}: {errors}", output.status),
    }
}
