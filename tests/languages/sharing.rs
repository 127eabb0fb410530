//! The examples of examples/sharing: processes in several languages on the same bytes at the same time.

#[path = "../common/mod.rs"]
mod common;

use common::c::{Library, how_it_ended, link};
use common::skip::skipped;
use common::{release_library, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn example(name: &str) -> PathBuf {
    root().join("examples/sharing").join(name)
}

fn in_c(built: &TempDir, name: &str) -> PathBuf {
    link(built, &example(name), Library::Static, &["-D_GNU_SOURCE"])
}

/// Builds an example in Go as a module of its own, which finds the package as the README says.
fn in_go(built: &TempDir, name: &str) -> PathBuf {
    let toolchain = Command::new(root().join("tools/go-toolchain")).output();
    let go = succeeded(toolchain.expect("it can be run"));
    common::release_folder(); // What the package links.
    let source = example(name).join("main.go");
    fs::copy(source, built.path().join("main.go")).expect("the folder is ours");
    let module = format!(
        "module example\n\ngo 1.24\n\nrequire libmemmap/memmap v0.0.0\n\nreplace libmemmap/memmap => {}\n",
        root().join("go").display()
    );
    fs::write(built.path().join("go.mod"), module).expect("the folder is ours");
    let program = built.path().join(name);
    let build = Command::new(go.trim())
        .args(["build", "-o"])
        .arg(&program)
        .current_dir(built.path())
        .output();
    succeeded(build.expect("it can be run"));
    program
}

fn succeeded(output: Output) -> String {
    assert!(output.status.success(), "{}", how_it_ended(&output));
    String::from_utf8(output.stdout).expect("it is text")
}

/// Begins a program; what it prints is asked for by `end`.
fn begin(program: &Path, arguments: &[&Path]) -> Child {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("what was built can be run")
}

fn end(child: Child) -> String {
    succeeded(child.wait_with_output().expect("it is our child"))
}

#[test]
fn a_go_server_and_a_c_client_count_together() {
    const COUNT: u64 = 100_000;
    let (server, client, place) = (folder(), folder(), folder());
    let (server, client) = (in_go(&server, "serve"), in_c(&client, "count.c"));
    let socket = place.path().join("socket");
    let count = PathBuf::from(COUNT.to_string());
    let serving = begin(&server, &[&socket, &count]);
    end(begin(&client, &[&socket, &count]));
    assert_eq!(end(serving).trim(), (2 * COUNT).to_string());
}

#[test]
fn a_go_writer_publishes_to_a_c_and_a_python_reader() {
    const COUNT: u64 = 200_000;
    let (writer, reader, place) = (folder(), folder(), folder());
    let (writer, reader) = (in_go(&writer, "publish"), in_c(&reader, "follow.c"));
    let file = place.path().join("cell");
    let count = PathBuf::from(COUNT.to_string());
    let python = Command::new("python3").arg("--version").output().is_ok();
    let mut readers = vec![begin(&reader, &[&file, &count])];
    if python {
        let (script, library) = (example("follow.py"), release_library());
        let arguments: [&Path; 4] = [&script, &library, &file, &count];
        readers.push(begin(Path::new("python3"), &arguments));
    } else {
        skipped("there is no python3");
    }
    end(begin(&writer, &[&file, &count]));
    for reader in readers {
        let told = end(reader);
        assert!(
            told.trim().ends_with(&format!("the last is {COUNT}")),
            "{told}"
        );
    }
}

#[test]
fn two_processes_lock_ranges_of_one_file() {
    const COUNT: u64 = 2_000;
    let (built, place) = (folder(), folder());
    let tally = in_c(&built, "tally.c");
    let file = place.path().join("numbers");
    fs::write(&file, [0; 24]).expect("the folder is ours");
    let count = PathBuf::from(COUNT.to_string());
    let both = ["1", "2"].map(|slot| begin(&tally, &[&file, Path::new(slot), &count]));
    both.into_iter().for_each(|process| drop(end(process)));
    let bytes = fs::read(&file).expect("it is there");
    let numbers = bytes.chunks_exact(8);
    let numbers = numbers.map(|bytes| u64::from_ne_bytes(bytes.try_into().expect("eight")));
    assert_eq!(numbers.collect::<Vec<_>>(), [2 * COUNT, COUNT, COUNT]);
}
