//! What a page has people type, typed: in an empty folder, twice, and once more by a user without rights.

use crate::common::c::how_it_ended;
use crate::common::prefix::has;
use crate::common::skip::skipped;
use crate::common::typed::{Reader, commands_of};
use crate::common::{release_library, root};
use crate::reading::{Block, blocks_of, documents, of};
use std::fs;
use std::path::Path;
use std::process::Output;

/// Pages whose commands are typed elsewhere, or are not, and where or why.
const ELSEWHERE: [(&str, &str); 7] = [
    ("CONTRIBUTING.md", "`make test` is what runs this"),
    ("docs/coming-from.md", "typed by tests/languages/compat"),
    (
        "docs/ffi.md",
        "tests/languages/ffi types the head of each program",
    ),
    ("docs/packaging.md", "typed by tests/packaging/install"),
    ("docs/platforms.md", "typed by `make test-aarch64`"),
    (
        "examples/README.md",
        "typed below, as the head of copy.c says it",
    ),
    (
        "examples/sharing/README.md",
        "typed by tests/languages/sharing.rs",
    ),
];

fn page(name: &str) -> Vec<Block> {
    blocks_of(&root().join(name))
}

fn succeeded(what: &str, output: Output) -> String {
    assert!(output.status.success(), "{what} {}", how_it_ended(&output));
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn every_page_with_commands_is_typed_somewhere() {
    for document in documents() {
        let name = document
            .strip_prefix(root())
            .expect("it is below")
            .to_string_lossy();
        let has_commands = of(&blocks_of(&document), "sh").next().is_some();
        let known = name == "README.md" || ELSEWHERE.iter().any(|(page, _)| *page == name);
        assert_eq!(has_commands, known, "{name}");
    }
}

/// Saves the first program in each language under the name that the page says.
fn save_programs(reader: &Reader) {
    let text = fs::read_to_string(root().join("README.md")).expect("it is there");
    let folder = reader.new_folder("hello");
    reader.new_folder("hello/src");
    for (language, name) in [
        ("go", "hello.go"),
        ("c", "hello.c"),
        ("python", "hello.py"),
        ("rust", "src/main.rs"),
    ] {
        assert!(text.contains(&format!("`{name}`")), "{name}");
        let blocks = page("README.md");
        let program = of(&blocks, language).next().expect("there is one");
        fs::write(folder.join(name), &program.code).expect("the folder is ours");
    }
}

/// The commands of the front page, without those of the languages that can't be had here.
fn commands(without: &[&str]) -> String {
    let blocks = page("README.md");
    let lines = of(&blocks, "sh").flat_map(|block| block.code.lines());
    let kept = lines.filter(|line| !without.iter().any(|word| line.contains(word)));
    kept.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_commands_of_the_front_page_work() {
    let mut without = vec!["wheel"]; // Python's own tests make it.
    let wheel = root()
        .join("target/wheel")
        .read_dir()
        .into_iter()
        .flatten()
        .flatten();
    let wheel = wheel.map(|entry| entry.file_name()).any(|name| {
        name.to_string_lossy()
            .starts_with(concat!("memmap-", env!("CARGO_PKG_VERSION")))
    });
    if wheel {
        without = vec!["make -C"];
    } else {
        skipped("the front page's commands for Python: `make wheel` was not run");
    }
    let reader = Reader::new();
    save_programs(&reader);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents");
    let settings = format!(
        "export CARGO_TARGET_DIR='{}' CARGO_NET_OFFLINE=true\n",
        target.display()
    );
    for _ in 0..2 {
        let said = succeeded(
            "README.md",
            reader.types(&(settings.clone() + &commands(&without))),
        );
        let greetings = said.matches("Hello, mmap").count();
        assert_eq!(greetings, if wheel { 4 } else { 3 }, "{said}");
    }
}

/// Cargo, which is somebody's own, and the wheel that it makes are left out.
#[test]
fn the_commands_of_the_front_page_work_for_somebody_without_rights() {
    let Some(reader) = Reader::without_rights() else {
        return;
    };
    save_programs(&reader);
    let said = succeeded("README.md", reader.types(&commands(&["wheel", "cargo"])));
    assert_eq!(said.matches("Hello, mmap").count(), 2, "{said}");
}

/// Python's own tests run them too, with NumPy. Here they are run twice in one folder, and by somebody without rights.
#[test]
fn the_programs_in_python_run() {
    if !has("python3") {
        return;
    }
    for name in ["README.md", "python/README.md"] {
        let blocks = page(name);
        let programs = of(&blocks, "python").filter(|block| !block.code.contains("numpy"));
        let program: Vec<_> = programs.map(|block| block.code.clone()).collect();
        assert!(!program.is_empty(), "{name}");
        let readers = [Some(Reader::new()), Reader::without_rights()];
        for reader in readers.into_iter().flatten() {
            let folder = reader.new_folder("python");
            for _ in 0..2 {
                let mut python = reader.command("python3");
                python
                    .args(["-c", &program.join("\n")])
                    .current_dir(&folder);
                python.env("PYTHONPATH", root().join("python"));
                python.env("MEMMAP_LIBRARY", release_library());
                python.env("PYTHONDONTWRITEBYTECODE", "1");
                let output = python.output().expect("it is there");
                assert!(succeeded(name, output).contains("are lost"), "{name}");
            }
        }
    }
}

#[test]
fn the_head_of_copy_is_what_the_examples_page_says_and_works() {
    let head = commands_of(&root().join("examples/copy.c"));
    let blocks = page("examples/README.md");
    let shown = &of(&blocks, "sh").next().expect("there is one").code;
    assert_eq!(head, format!("make build\n{shown}"));
    for reader in [Some(Reader::new()), Reader::without_rights()]
        .into_iter()
        .flatten()
    {
        for _ in 0..2 {
            let said = succeeded("copy", reader.types(&head));
            assert!(said.starts_with("target/README.copy: "), "{said}");
        }
    }
}

/// The front page is short, and its figures are the chart, which a test of bench/ compares with what was measured.
#[test]
fn the_front_page_is_short_and_shows_what_was_measured() {
    let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
    let lines = readme.lines().count();
    assert!(lines <= 150, "{lines} lines");
    let (_, costs) = readme
        .split_once("\n## What it costs\n")
        .expect("there is one");
    let (costs, _) = costs.split_once("\n## ").expect("others follow");
    assert!(costs.contains("](bench/results.svg)"), "{costs}");
    assert!(costs.contains("](bench/RESULTS.md)"), "{costs}");
}
