//! libmemmap as `make install` lays it below a scratch prefix.

use super::{release_folder, root, skip};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

pub struct Prefix {
    folder: TempDir,
}

impl Prefix {
    pub fn installed() -> Prefix {
        let prefix = Prefix {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        make(&["install", &prefix.variable()]);
        prefix
    }

    pub fn uninstall(&self) {
        make(&["uninstall", &self.variable()]);
    }

    fn variable(&self) -> String {
        format!("PREFIX={}", self.path().display())
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn libraries(&self) -> PathBuf {
        self.path().join("lib")
    }

    /// A command that finds what is installed, to build with and to run.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("PKG_CONFIG_PATH", self.libraries().join("pkgconfig"))
            .env("LD_LIBRARY_PATH", self.libraries());
        command
    }
}

/// make, not as a part of the make that may run this.
pub fn make(arguments: &[&str]) -> String {
    release_folder(); // Built once, and not by each of those who install.
    let mut command = Command::new("make");
    command
        .env_remove("MAKEFLAGS")
        .env_remove("MAKEOVERRIDES")
        .arg("--no-print-directory")
        .args(arguments)
        .current_dir(root());
    output_of(&mut command)
}

/// What a command that succeeds has printed.
pub fn output_of(command: &mut Command) -> String {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}",
        said(&output)
    );
    String::from_utf8(output.stdout).expect("it is text")
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Whether a program of the system is there; if not, says that what needs it is skipped.
pub fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    found || skipped(&format!("there is no {program}"))
}

/// Whether this process is root's; if not, says that what needs it is skipped.
pub fn is_root() -> bool {
    let owner = std::fs::metadata("/proc/self").map(|status| status.uid());
    owner.is_ok_and(|user| user == 0) || skipped("it takes root")
}

fn skipped(why: &str) -> bool {
    skip::skipped(why);
    false
}
