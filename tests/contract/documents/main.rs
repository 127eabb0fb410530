//! What the documents show, compiled, run and typed as a reader does it: in empty folders, twice, and as another user.
//! Every program in C and Go is run here. Those in Rust are run by rustdoc (src/lib.rs); pieces in other languages
//! are parts of programs that tests/languages/ffi runs.

#[path = "../../common/mod.rs"]
mod common;
mod links;
mod reading;
mod typing;

use common::c::{Library, how_it_ended, link};
use common::typed::Reader;
use common::{go, root};
use reading::{Block, blocks, of};
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn succeeded(place: &str, output: Output) -> String {
    assert!(output.status.success(), "{place} {}", how_it_ended(&output));
    String::from_utf8(output.stdout).expect("it is text")
}

/// Runs a program as its readers do: under any name that it mentions, twice, by this user and by one without rights. It
/// says the same each time.
fn run(program: &Path, block: &Block) -> String {
    let mut said = Vec::new();
    for reader in [Some(Reader::new()), Reader::without_rights()]
        .into_iter()
        .flatten()
    {
        for name in block.words().chain(["program"]) {
            let folder = reader.new_folder(&format!("as-{name}"));
            let copy = folder.join(name);
            fs::copy(program, &copy).expect("the folder is ours");
            for _ in 0..2 {
                let output = reader.command(&copy).current_dir(&folder).output();
                let place = format!("{} as {name}", block.place);
                said.push(succeeded(&place, output.expect("it can be run")));
            }
        }
    }
    said.dedup();
    let [said] = &said[..] else {
        panic!("{} says one time {said:?}", block.place);
    };
    said.clone()
}

fn run_c(block: &Block) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("program.c");
    fs::write(&source, &block.code).expect("the folder is ours");
    run(&link(&folder, &source, Library::Static, &[]), block)
}

/// A module as a user makes it, with what the README says about finding the package.
fn new_module(go: &Path, folder: &Path) {
    let package = root().join("go");
    let replace = format!("libmemmap/memmap={}", package.display());
    for arguments in [
        &["mod", "init", "example"] as &[&str],
        &[
            "mod",
            "edit",
            "-require",
            "libmemmap/memmap@v0.0.0",
            "-replace",
            &replace,
        ],
    ] {
        let output = Command::new(go)
            .args(arguments)
            .current_dir(folder)
            .output();
        succeeded("a new module", output.expect("it can be run"));
    }
}

fn run_go(go: &Path, block: &Block) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    new_module(go, folder.path());
    fs::write(folder.path().join("main.go"), &block.code).expect("the folder is ours");
    let output = Command::new(go)
        .args(["build", "-o", "program", "."])
        .current_dir(folder.path())
        .output();
    succeeded(&block.place, output.expect("it can be run"));
    run(&folder.path().join("program"), block)
}

/// The programs of examples/ffi of which the blocks in a language are parts; tests/languages/ffi runs them.
fn examples_in(language: &str) -> Option<&'static [&'static str]> {
    const EXAMPLES: [(&str, &[&str]); 7] = [
        ("cpp", &["tour.cpp"]),
        ("csharp", &["Tour.cs"]),
        ("java", &["Tour.java", "TourForeign.java"]),
        ("js", &["tour.js"]),
        ("lua", &["tour.lua"]),
        ("perl", &["tour.pl"]),
        ("ruby", &["tour.rb"]),
    ];
    let found = EXAMPLES.iter().find(|(known, _)| *known == language);
    found.map(|(_, examples)| *examples)
}

fn is_part_of(piece: &str, example: &str) -> bool {
    let text = fs::read_to_string(root().join("examples/ffi").join(example));
    let text = text.expect("it is there");
    let lines: Vec<_> = text.lines().collect();
    let piece: Vec<_> = piece.lines().collect();
    lines
        .windows(piece.len())
        .any(|part| dedented(part) == piece)
}

/// The lines without the indentation that they have in common.
fn dedented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let indentation = |line: &&str| line.len() - line.trim_start().len();
    let written = lines.iter().filter(|line| !line.is_empty());
    let common = written.map(indentation).min().unwrap_or(0);
    let rest = |line: &&'a str| line.get(common..).unwrap_or("");
    lines.iter().map(rest).collect()
}

#[test]
fn the_pieces_in_other_languages_are_parts_of_the_examples() {
    let mut languages = HashSet::new();
    for block in blocks() {
        let Some(examples) = examples_in(&block.language) else {
            continue;
        };
        let found = examples
            .iter()
            .any(|example| is_part_of(&block.code, example));
        assert!(found, "{} is in none of {examples:?}", block.place);
        languages.insert(block.language);
    }
    assert_eq!(languages.len(), 7, "a language has no piece: {languages:?}");
}

#[test]
fn every_block_is_in_a_language_that_is_tested_or_is_not_code() {
    // Those in Python are run by python/tests/test_readme.py.
    const KNOWN: [&str; 7] = ["c", "go", "mermaid", "python", "rust", "sh", "text"];
    for block in blocks() {
        let known = KNOWN.contains(&&*block.language) || examples_in(&block.language).is_some();
        assert!(known, "{}: {:?}", block.place, block.language);
    }
}

#[test]
fn the_programs_in_c_run() {
    let blocks = blocks();
    let said: Vec<_> = of(&blocks, "c").map(run_c).collect();
    assert!(said.contains(&"Hello, mmap\n".to_owned()));
}

#[test]
fn the_programs_in_go_run() {
    let (go, blocks) = (go(), blocks());
    let said: Vec<_> = of(&blocks, "go").map(|block| run_go(&go, block)).collect();
    for words in [
        "Hello, mmap <nil> <nil>\n",
        "Hello, mmap\n",
        "false\n",
        "mmap, 11 bytes\n",
    ] {
        assert!(said.iter().any(|text| text == words), "nobody says {words}");
    }
}

/// The text of all makefiles.
fn makefiles() -> String {
    let mut paths = vec![root().join("Makefile"), root().join("tests/proof.mk")];
    for part in fs::read_dir(root().join("packaging")).expect("it is there") {
        let path = part.expect("it can be listed").path();
        if path.extension().is_some_and(|extension| extension == "mk") {
            paths.push(path);
        }
    }
    let texts = paths.iter().map(fs::read_to_string);
    texts.map(|text| text.expect("it is text")).collect()
}

#[test]
fn what_the_documents_have_make_do_is_in_the_makefiles() {
    let makefiles = makefiles();
    let blocks = blocks();
    for line in of(&blocks, "sh").flat_map(|block| block.code.lines()) {
        let Some(target) = line.strip_prefix("make ") else {
            continue;
        };
        let mut words = target.split(' ');
        let first = words.next().expect("it has a first word");
        let target = if first == "-C" {
            words.nth(1)
        } else {
            Some(first)
        };
        let target = target.expect("it names a target");
        assert!(makefiles.contains(&format!("\n{target}:")), "make {target}");
    }
}

/// The tests that a document names, as `file: test`.
fn tests_in(text: &str) -> Vec<(&str, &str)> {
    let code = text.split('`').skip(1).step_by(2);
    code.filter_map(|code| code.split_once(": ")).collect()
}

/// Each row of a table of promises names at least one, and each is there.
#[test]
fn every_promise_of_the_security_page_names_tests_that_are_there() {
    let page = fs::read_to_string(root().join("SECURITY.md")).expect("it is there");
    let promises: Vec<_> = page
        .split("| promise | test |\n")
        .skip(1)
        .flat_map(|table| {
            table
                .lines()
                .skip(1)
                .take_while(|line| line.starts_with('|'))
        })
        .collect();
    assert!(promises.len() > 30, "{}", promises.len());
    for promise in promises {
        assert!(!tests_in(promise).is_empty(), "{promise}");
    }
    for (file, test) in tests_in(&page) {
        let text = fs::read_to_string(root().join(file)).expect(file);
        let is_test = [
            format!("BEHAVIOUR({test})"),
            format!("fn {test}("),
            format!("func {test}("),
            format!("def {test}("),
        ];
        assert!(
            is_test.iter().any(|is| text.contains(is)),
            "{file} has no test {test}"
        );
    }
}

#[test]
fn what_is_not_run_on_other_platforms_is_a_test_by_that_name() {
    let read = |path: &Path| fs::read_to_string(path).expect("it is there");
    let mut go_tests = String::new();
    let mut folders = vec![root().join("go")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it is there") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with("_test.go") {
                go_tests += &read(&path);
            }
        }
    }
    for line in read(&root().join("tests/packaging/platforms/not-run")).lines() {
        let (test, reason) = line.split_once(": ").expect("the reason is said");
        let words: Vec<_> = test.split(' ').collect();
        let [_, program, name] = words[..] else {
            panic!("{line}: a platform, a program and a test");
        };
        let there = match program {
            "go" => go_tests.contains(&format!("\nfunc {name}(")),
            program => read(&root().join("tests/contract/c").join(program))
                .contains(&format!("BEHAVIOUR({name})")),
        };
        assert!(there && !reason.is_empty(), "{line}: there is no such test");
    }
}

/// Targets that are parts of others, and not in the list of `make help`.
const INTERNAL_TARGETS: [&str; 7] = [
    "check-python",
    "compare-abi",
    "never-a-zero-python",
    "run-32-bit-tests",
    "run-platform-tests",
    "run-python-tests",
    "tools",
];

#[test]
fn make_help_lists_every_target_by_group() {
    let mut make = Command::new("make");
    make.env_remove("MAKEFLAGS").current_dir(root());
    let output = make.arg("help").output().expect("there is make");
    let help = String::from_utf8(output.stdout).expect("it is text");
    let listed = |target: &str| {
        let of_it = help.lines().filter_map(|line| line.strip_prefix("  "));
        of_it
            .filter(|line| line.split_whitespace().next() == Some(target))
            .count()
    };
    let text = makefiles();
    let phony = text.lines().filter_map(|line| line.strip_prefix(".PHONY:"));
    let mut targets: Vec<_> = phony.flat_map(str::split_whitespace).collect();
    targets.sort();
    assert!(targets.len() > 40, "{targets:?}");
    for target in targets {
        let times = usize::from(!INTERNAL_TARGETS.contains(&target));
        assert_eq!(listed(target), times, "{target} in\n{help}");
    }
    for group in ["Build", "Test", "Long tests", "Install", "Package"] {
        assert!(help.lines().any(|line| line == group), "{group}");
    }
    assert!(help.lines().all(|line| line.len() <= 100), "{help}");
}
