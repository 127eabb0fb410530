//! What several test targets use: the library as it is shipped, the header, compilers and prefixes.
#![allow(
    dead_code,
    reason = "every test target compiles this for itself, and none uses all of it"
)]

pub mod c;
pub mod elf;
pub mod prefix;
pub mod skip;
pub mod typed;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the folder of the release build, which is built once if it is missing.
pub fn release_folder() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| built(&["--release"]).join("release"));
    &FOLDER
}

/// Returns the folder of the debug build, whose static library has many objects.
pub fn debug_folder() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| built(&[]).join("debug"));
    &FOLDER
}

/// Builds the library if it is missing, and returns the folder of all builds.
fn built(profile: &[&str]) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--lib"])
        .args(profile)
        .current_dir(root())
        .status();
    assert!(built.expect("cargo runs").success());
    let target = std::env::var_os("CARGO_TARGET_DIR");
    target.map_or(root().join("target"), PathBuf::from)
}

/// Returns the path of the shared library of the release build.
pub fn release_library() -> PathBuf {
    release_folder().join("libmemmap.so")
}

/// Returns the names of the functions that the header declares.
pub fn declared_functions() -> Vec<String> {
    let header = std::fs::read_to_string(root().join("include/memmap.h")).expect("it is there");
    let mut declared: Vec<_> = header
        .lines()
        .filter(|line| !line.starts_with([' ', '#', '/']) && !line.starts_with("typedef"))
        .filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next())
        .map(str::to_owned)
        .collect();
    declared.sort();
    assert!(
        declared.len() >= 20,
        "the header was not understood: {declared:?}"
    );
    declared
}

/// Returns the path of a go command that is recent enough.
pub fn go() -> PathBuf {
    let path = prefix::output_of(&mut Command::new(root().join("tools/go-toolchain")));
    PathBuf::from(path.trim())
}
