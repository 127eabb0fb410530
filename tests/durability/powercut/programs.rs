//! The programs whose power is cut, in three languages.

use super::common::{self, release_folder, root};
use super::in_rust;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// How often a program does what it does: often enough that few cuts are at the same moment.
fn rounds() -> u64 {
    super::cuts().clamp(60, 200)
}

/// A program by its name.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// Of this test.
    Rust(&'static str),
    /// Of bench/powercut.
    Go(&'static str),
    /// Of bench/powercut/peer.py.
    Python(&'static str),
}

impl Program {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Program::Rust(name) | Program::Go(name) | Program::Python(name) => name,
        }
    }

    /// The error says why it can't be run here.
    pub fn is_there(self) -> io::Result<()> {
        match self {
            Program::Rust(_) => Ok(()),
            Program::Go(_) => in_go()
                .as_ref()
                .map(drop)
                .map_err(|why| io::Error::other(why.as_str())),
            Program::Python(_) => Command::new("python3").arg("--version").output().map(drop),
        }
    }

    /// What runs it on a folder.
    pub fn command(self, files: &Path, marks: &Path) -> Command {
        let rounds = rounds().to_string();
        let (files, marks) = (files.as_os_str(), marks.as_os_str());
        if let Program::Rust(name) = self {
            let mut command = Command::new(std::env::current_exe().expect("it runs"));
            let words = [name.as_ref(), files, marks, rounds.as_ref()].join("\n".as_ref());
            command.args(["--exact", "the_program_of_the_other_tests", "--nocapture"]);
            command.env(in_rust::PROGRAM, words);
            return command;
        }
        let mut command = match (self, in_go()) {
            (Program::Go(_), Ok(program)) => Command::new(program),
            _ => Command::new("python3"),
        };
        if let Program::Python(_) = self {
            command.arg(root().join("bench/powercut/peer.py"));
        }
        command.arg(self.name()).args([files, marks]).arg(rounds);
        command
    }
}

/// The program of bench/powercut, built once.
fn in_go() -> &'static Result<PathBuf, String> {
    static BUILT: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        let program = release_folder().join("powercut");
        // Go's cache does not look into a static library; a build from anew does.
        let mut build = Command::new(common::go());
        build
            .args(["build", "-o"])
            .arg(&program)
            .arg("-ldflags")
            .arg(format!("-X main.library={}", library_stamp()))
            .arg("./powercut")
            .current_dir(root().join("bench"));
        let output = build.output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(program),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    });
    &BUILT
}

/// What changes with the static library, so that a program that has the old one isn't taken for built.
fn library_stamp() -> u128 {
    let library = release_folder().join("libmemmap.a").metadata();
    let changed = library.and_then(|library| library.modified());
    let age = changed
        .expect("it was built")
        .duration_since(std::time::UNIX_EPOCH);
    age.expect("it is younger than 1970").as_nanos()
}
