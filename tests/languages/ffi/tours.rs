//! Taking the tour in any language: where it runs, what it says, and what comes of the guard beside it.

use crate::common::c::{compiler, how_it_ended, succeeds};
use crate::common::skip::skipped;
use crate::common::typed::{Reader, commands_of};
use crate::common::{release_library, root};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use tempfile::TempDir;

/// What every tour says.
pub static TOUR: LazyLock<String> = LazyLock::new(|| {
    format!(
        "Hello, mmap\n\
         found at 107\n\
         read behind the cut: 0\n\
         the file was cut: {}\n\
         lost: 983040 bytes from 65536 on\n\
         still there: Hello, mmap\n\
         after close: {}\n",
        memmap::Error::Fault,
        memmap::Error::Handle
    )
});

/// A folder to work in, with what is built for a test, and the library under the name that it is loaded by.
pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new() -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        symlink(release_library(), folder.path().join("libmemmap.so.0")).expect("it is ours");
        Place { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new folder in it.
    pub fn new_folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).expect("the folder is ours");
        path
    }

    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            // Where a runtime leaves what it writes about a crash.
            .current_dir(self.folder.path())
            .env("LD_LIBRARY_PATH", self.folder.path())
            .env("NODE_PATH", root().join(".tools/ffi/node/node_modules"));
        // SAFETY: umask may be called between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::umask(0o022);
                Ok(())
            });
        }
        command
    }

    /// A library which, loaded before a program begins, installs the guard.
    pub fn early_guard(&self) -> PathBuf {
        let early = self.path("early.so");
        let mut command = compiler(false);
        command.args(["-shared", "-fPIC"]);
        command.arg(root().join("tests/languages/ffi/early.c"));
        command.arg(self.path("libmemmap.so.0"));
        succeeds(command.arg("-o").arg(&early));
        early
    }
}

pub fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", how_it_ended(output));
    String::from_utf8(output.stdout.clone()).expect("it is text")
}

pub fn run(command: &mut Command) -> Output {
    command.output().expect("it is there, and can be run")
}

/// Whether a language can be used; says so where it can't.
pub fn has(what: &str, found: bool) -> bool {
    if !found {
        skipped(format!("there is no {what}"));
    }
    found
}

pub fn works(probe: &mut Command) -> bool {
    probe.output().is_ok_and(|output| output.status.success())
}

/// Runs a tour of a file that isn't there yet.
pub fn takes_the_tour(mut tour: Command, file: &Path) {
    let output = run(tour.arg(file));
    assert_eq!(said(&output), *TOUR);
    assert!(output.stderr.is_empty(), "{}", how_it_ended(&output));

    let bytes = fs::read(file).expect("the tour has made it");
    assert_eq!(bytes.len(), 65536);
    assert_eq!(&bytes[100..111], b"Hello, mmap");
    let mode = fs::metadata(file).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o640);
}

/// Runs the tour of a file that exists, which is refused: an errno in the language's own words.
pub fn refuses_a_file_that_exists(mut tour: Command, file: &Path) {
    fs::write(file, "kept").expect("the folder is ours");
    let output = run(tour.arg(file));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code != 0));
    assert!(errors.contains("File exists"), "{errors}");
    assert_eq!(fs::read(file).expect("it is there"), b"kept");
}

/// Types what the head of an example says, twice: the tour that it leads to is the same.
pub fn is_run_as_its_head_says(name: &str) {
    says_by_its_head(name, &TOUR);
}

/// The same for a program that says something else.
pub fn says_by_its_head(name: &str, expected: &str) {
    let reader = Reader::new();
    for _ in 0..2 {
        let output = reader.types(&commands_of(&example(name)));
        assert_eq!(said(&output), expected);
    }
}

/// All of it in one language, also with a guard that was installed before the runtime: the tour puts it back in front.
pub fn passes(place: &Place, tour: impl Fn() -> Command) {
    takes_the_tour(tour(), &place.path("first"));
    refuses_a_file_that_exists(tour(), &place.path("second"));

    let mut with_early_guard = tour();
    with_early_guard.env("LD_PRELOAD", place.early_guard());
    takes_the_tour(with_early_guard, &place.path("third"));
}

/// Whether a runtime has reported a fault, which one does on standard output and another on error.
pub fn reports(output: &Output, report: &str) -> bool {
    [&output.stdout, &output.stderr]
        .iter()
        .any(|text| String::from_utf8_lossy(text).contains(report))
}

/// Runs a program of tests/languages/ffi that takes the tour and has the runtime meet a SIGBUS of its own after it.
pub fn keeps_its_own(mut beside: Command, place: &Place, own: &str) -> Output {
    let output = run(beside.arg(place.new_folder("beside")));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with(&**TOUR), "{}", how_it_ended(&output));
    assert_eq!(text[TOUR.len()..].lines().next(), Some(own));
    output
}

pub fn example(name: &str) -> PathBuf {
    root().join("examples/ffi").join(name)
}

pub fn beside(name: &str) -> PathBuf {
    root().join("tests/languages/ffi").join(name)
}
