//! The C ABI from C: the programs of tests/contract/c and the example, compiled as a user compiles them, linked
//! with either library, and run.

#[path = "../common/mod.rs"]
mod common;

use common::c::{C99, CPP11, Library, compiler, has_cpp, how_it_ended, link, succeeds};
use common::skip::tell_what_is_skipped;
use common::{declared_functions, release_library, root};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// One test per program and library, so that cargo names them.
macro_rules! programs {
    ($($name:ident)*) => {
        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];

        mod with_the_static_library {
            $(#[test] fn $name() { super::passes(stringify!($name), super::Library::Static) })*
        }

        mod with_the_shared_library {
            $(#[test] fn $name() { super::passes(stringify!($name), super::Library::Shared) })*
        }
    };
}

programs! {
    about open create from_fd anonymous handles look access search durability commits size beside paging cores
    sharing locks atomics cells kills identity names readers
    faults guard hooks attempts handler region poison flush_errors system
}

#[test]
fn a_fork_finds_nothing_locked_also_by_a_static_library_of_many_objects() {
    let resizing = "a_fork_while_another_thread_resizes_finds_nothing_locked";
    let locking = "a_fork_while_another_thread_locks_finds_nothing_locked";
    behaves("handles", Some(resizing), Library::StaticDebug);
    behaves("locks", Some(locking), Library::StaticDebug);
}

#[test]
fn a_descriptor_that_others_have_closed_ends_no_program_also_by_a_library_with_assertions() {
    let closed = "what_cannot_be_locked_says_so";
    let replaced = "another_file_under_the_number_of_ours_is_never_locked";
    behaves("locks", Some(closed), Library::StaticDebug);
    behaves("locks", Some(replaced), Library::StaticDebug);
}

fn passes(name: &str, library: Library) {
    behaves(name, None, library);
}

/// Compiles, links and runs a program of tests/contract/c, or one behaviour of it, in an empty folder, which it must
/// leave empty.
fn behaves(name: &str, behaviour: Option<&str>, library: Library) {
    let built = tempfile::tempdir().expect("a temporary folder");
    let source = root().join(format!("tests/contract/c/{name}.c"));
    let program = link(&built, &source, library, &["-D_GNU_SOURCE"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Some behaviours are those of a user without rights, who must get in.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");

    let folder_and_behaviour = [folder.path().as_os_str()]
        .into_iter()
        .chain(behaviour.map(OsStr::new));
    let output = run(&program, folder_and_behaviour);
    let text = String::from_utf8_lossy(&output.stdout);
    tell_what_is_skipped(&format!("{name}.c"), &text);
    assert!(
        output.status.success(),
        "{name}.c {}:\n{}",
        how_it_ended(&output),
        text
    );
    let left: Vec<_> = fs::read_dir(folder.path()).expect("it is there").collect();
    assert!(left.is_empty(), "{name}.c left files behind: {left:?}");
}

fn run(program: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    let output = Command::new(program)
        .args(arguments)
        // For the programs that load a second copy.
        .env("MEMMAP_SHARED_LIBRARY", release_library())
        .output();
    output.expect("what has been linked can be run")
}

#[test]
fn every_program_of_the_folder_is_run() {
    let mut sources: Vec<_> = fs::read_dir(root().join("tests/contract/c"))
        .expect("it is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension() == Some(OsStr::new("c")))
        .map(|path| path.file_stem().expect("it has a name").to_owned())
        .collect();
    sources.sort();
    let mut programs = PROGRAMS.to_vec();
    programs.sort();
    assert_eq!(sources, programs);
}

#[test]
fn the_programs_call_every_function_that_the_header_declares() {
    let sources: String = PROGRAMS
        .iter()
        .map(|name| fs::read_to_string(root().join(format!("tests/contract/c/{name}.c"))))
        .collect::<Result<_, _>>()
        .expect("they are there");
    for function in declared_functions() {
        assert!(
            sources.contains(&format!("{function}(")),
            "no program of tests/contract/c calls {function}"
        );
    }
}

/// Compiles a text that uses the header, without linking it.
fn compiles(file: &str, text: &str, flags: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join(file);
    fs::write(&source, text).expect("the folder is ours");
    let mut command = compiler(file.ends_with("cpp"));
    command.args(flags).arg("-fsyntax-only").arg(source);
    succeeds(&mut command);
}

#[test]
fn the_header_compiles_alone_and_twice_as_c99() {
    compiles("alone.c", "#include \"memmap.h\"\n", &C99);
    let twice = "#include \"memmap.h\"\n#include \"memmap.h\"\nint main(void) { return 0; }\n";
    compiles("twice.c", twice, &C99);
}

#[test]
fn the_header_compiles_alone_and_twice_as_cpp() {
    if !has_cpp() {
        return;
    }
    compiles("alone.cpp", "#include \"memmap.h\"\n", &CPP11);
    let twice = "#include \"memmap.h\"\n#include \"memmap.h\"\nint main() { return 0; }\n";
    compiles("twice.cpp", twice, &CPP11);
}

#[test]
fn a_cpp_program_links_and_calls_either_library() {
    if !has_cpp() {
        return;
    }
    for library in [Library::Static, Library::Shared] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = link(
            &folder,
            &root().join("tests/contract/c/calls.cpp"),
            library,
            &[],
        );
        let output = run(&program, [""; 0]);
        assert!(output.status.success(), "{}", how_it_ended(&output));
    }
}

/// The example, built, and a folder for it to work in.
struct Copy {
    program: PathBuf,
    folder: TempDir,
    _built: TempDir,
}

impl Copy {
    fn new() -> Copy {
        let built = tempfile::tempdir().expect("a temporary folder");
        let source = root().join("examples/copy.c");
        Copy {
            program: link(&built, &source, Library::Static, &[]),
            folder: tempfile::tempdir().expect("a temporary folder"),
            _built: built,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, names: &[&str]) -> Output {
        run(&self.program, names.iter().map(|name| self.path(name)))
    }

    /// Runs it, expects exit status 1, and answers what it said.
    fn fails(&self, names: &[&str]) -> String {
        let output = self.run(names);
        assert_eq!(output.status.code(), Some(1), "{}", how_it_ended(&output));
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).expect("it is text")
    }
}

#[test]
fn the_example_copies_a_file_of_any_size() {
    let copy = Copy::new();
    for size in [0, 1, 4096, 1_000_003] {
        let bytes: Vec<u8> = (0..size).map(|i: u32| (i % 251) as u8).collect();
        fs::write(copy.path("source"), &bytes).expect("the folder is ours");
        let output = copy.run(&["source", "target"]);
        assert!(output.status.success(), "{}", how_it_ended(&output));
        assert!(output.stderr.is_empty());
        let copied = fs::read(copy.path("target")).expect("it is there");
        assert!(copied == bytes, "the copy of {size} bytes differs");
        fs::remove_file(copy.path("target")).expect("it is ours");
    }
}

#[test]
fn the_example_says_what_is_wrong_and_leaves_no_target() {
    let copy = Copy::new();
    fs::write(copy.path("source"), "source").expect("the folder is ours");
    let made = Command::new("mkfifo").arg(copy.path("fifo")).status();
    assert!(made.expect("there is a mkfifo").success());

    let missing = copy.fails(&["missing", "target"]);
    assert!(missing.contains("missing: No such file"), "{missing}");
    let no_folder = copy.fails(&["source", "missing/target"]);
    assert!(no_folder.contains("target: No such file"), "{no_folder}");
    let fifo = copy.fails(&["fifo", "target"]);
    assert!(fifo.contains("fifo: not a regular file"), "{fifo}");
    assert!(!copy.path("target").exists());
}

#[test]
fn the_example_overwrites_nothing_not_even_its_source() {
    let copy = Copy::new();
    fs::write(copy.path("source"), "source").expect("the folder is ours");
    symlink("source", copy.path("link")).expect("the folder is ours");
    for target in ["source", "link"] {
        let exists = copy.fails(&["source", target]);
        assert!(exists.contains("File exists"), "{exists}");
    }
    assert_eq!(fs::read(copy.path("source")).expect("kept"), b"source");
}

#[test]
fn the_example_tells_its_usage() {
    let copy = Copy::new();
    for names in [&[] as &[&str], &["one"], &["one", "two", "three"]] {
        assert_eq!(copy.fails(names), "usage: copy SOURCE TARGET\n");
    }
}
