//! The bugs that `make bugs` puts in: each says what it is, and still applies to the tree.

#[path = "../common/mod.rs"]
mod common;

use common::prefix::has;
use common::root;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const KINDS: [&str; 15] = [
    "publication order",
    "failed call changes memory",
    "model",
    "other writers",
    "wake-ups",
    "identity",
    "handler",
    "lifetime",
    "ranges",
    "flags of pages",
    "durability",
    "drop-ins",
    "search",
    "packaging",
    "hostile neighbour",
];

fn bugs() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("tests/bugs")).expect("it is there");
    let mut bugs: Vec<_> = folder
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    bugs.sort();
    bugs
}

/// What is wrong with what a patch begins with, if anything is.
fn wrong_preamble(text: &str) -> Option<&'static str> {
    let mut lines = text.lines();
    let mut after = |word: &str| lines.next()?.strip_prefix(word);
    let (bug, kind, test) = (after("Bug: "), after("Kind: "), after("Test: "));
    let tests = ["cargo test --", "$GO test ", "$PYTHON -m pytest "];
    match (bug, kind, test, lines.next()) {
        (None | Some(""), ..) => Some("the first line has to be Bug: and what it is"),
        (_, kind, ..) if !kind.is_some_and(|kind| KINDS.contains(&kind)) => {
            Some("the second line has to be Kind: and one of those above")
        }
        (_, _, test, _) if !test.is_some_and(|test| tests.iter().any(|t| test.contains(t))) => {
            Some("the third line has to be Test: and a command as tools/bugs knows it")
        }
        (.., Some("")) => None,
        _ => Some("the fourth line has to be empty"),
    }
}

/// What git says if a patch does not apply to the tree, which need not be a repository.
fn refused(patch: &Path) -> Option<String> {
    let above = root().parent().expect("it is in a folder");
    let mut apply = Command::new("git");
    apply
        .args(["apply", "--check", "-C1"])
        .arg(patch)
        .env("GIT_CEILING_DIRECTORIES", above)
        .current_dir(root());
    let output = apply.output().expect("it can be run");
    let refused = !output.status.success();
    refused.then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_bug_says_what_it_is_and_which_test_notices_it() {
    for bug in bugs() {
        let text = fs::read_to_string(&bug).expect("it is text");
        assert_eq!(wrong_preamble(&text), None, "{}", bug.display());
        let patches = bug
            .extension()
            .is_some_and(|extension| extension == "patch");
        assert!(patches, "{} is no patch", bug.display());
    }
}

#[test]
fn every_bug_applies_to_the_tree_as_it_is() {
    if !has("git") {
        return;
    }
    for bug in bugs() {
        assert_eq!(refused(&bug), None, "{}", bug.display());
    }
}

#[test]
fn there_are_many() {
    assert!(bugs().len() >= 40, "there are {}", bugs().len());
}
