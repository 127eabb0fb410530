//! What several test targets need: the library as it is shipped, and the header.
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

/// The folder of the release build, which is made once if it isn't there.
pub fn release_folder() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| built(&["--release"]).join("release"));
    &FOLDER
}

/// The folder of the build for development, whose static library is of many objects.
pub fn debug_folder() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| built(&[]).join("debug"));
    &FOLDER
}

/// Builds the library, if it isn't there; the folder of all builds.
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

/// The release build of the shared library.
pub fn release_library() -> PathBuf {
    release_folder().join("libmemmap.so")
}

/// The names of the functions that the header declares.
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

/// A go command that is recent enough.
pub fn go() -> PathBuf {
    let path = prefix::output_of(&mut Command::new(root().join("tools/go-toolchain")));
    PathBuf::from(path.trim())
}
