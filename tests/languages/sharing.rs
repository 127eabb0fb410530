//! The examples of examples/sharing: processes in several languages on the same bytes at the same time.

#[path = "../common/mod.rs"]
mod common;

use common::c::{Library, how_it_ended, link};
use common::prefix::has;
use common::skip::skipped;
use common::typed::{Reader, blocks_of};
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

/// Builds a program of the module of examples/sharing.
fn in_go(built: &TempDir, name: &str) -> PathBuf {
    common::release_folder(); // What the package links.
    let program = built.path().join(name);
    let mut build = Command::new(common::go());
    build.args(["build", "-o"]).arg(&program);
    build.arg(format!("./{name}")).current_dir(example(""));
    succeeded(build.output().expect("it can be run"));
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

/// A page's blocks, typed in order and twice, by the user of the tests and by one without rights.
#[test]
fn the_commands_of_the_page_work() {
    if !has("python3") || !has("od") {
        return;
    }
    let page = fs::read_to_string(example("README.md")).expect("it is there");
    for reader in [Some(Reader::new()), Reader::without_rights()]
        .into_iter()
        .flatten()
    {
        for _ in 0..2 {
            let said = succeeded(reader.types(&blocks_of(&page)));
            let words: Vec<_> = said.split_whitespace().collect();
            assert!(
                words.contains(&"200000") && words.ends_with(&["4000", "2000", "2000"]),
                "{said}"
            );
            assert_eq!(said.matches("the last is 200000").count(), 2, "{said}");
        }
    }
}

/// Who waits for another program says for which.
#[test]
fn a_program_that_waits_says_for_what() {
    use std::io::{BufRead, BufReader};
    let (built, place) = (folder(), folder());
    let missing = place.path().join("missing");
    let library = release_library();
    let mut waiting = vec![(in_c(&built, "follow.c"), vec![], "until publish has made")];
    if has("python3") {
        let arguments = vec![example("follow.py"), library];
        waiting.push((
            PathBuf::from("python3"),
            arguments,
            "until publish has made",
        ));
    }
    let other = folder();
    waiting.push((in_c(&other, "count.c"), vec![], "until serve listens at"));
    for (program, first, words) in waiting {
        let arguments: Vec<&Path> = first
            .iter()
            .map(PathBuf::as_path)
            .chain([&*missing, Path::new("1")])
            .collect();
        let mut child = begin(&program, &arguments);
        let mut line = String::new();
        let errors = child.stderr.take().expect("it is a pipe");
        BufReader::new(errors)
            .read_line(&mut line)
            .expect("it is text");
        child.kill().expect("it is our child");
        child.wait().expect("it is our child");
        assert!(line.contains(words) && line.contains("missing"), "{line}");
    }
}
