//! What abi/README.md promises: nothing that abi/memmap.abi records changes or goes, and it is complete.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/header.rs"]
mod header;

use common::prefix::output_of;
use common::{release_folder, root};
use std::fs;
use std::process::Command;

fn recorded() -> String {
    fs::read_to_string(root().join("abi/memmap.abi")).expect("it is there")
}

fn current() -> String {
    release_folder(); // It looks into the shared library.
    output_of(&mut Command::new(root().join("tools/abi")))
}

/// What of the promises of `recorded` the ABI `current` breaks.
fn broken(recorded: &str, current: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name, text| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("the folder is ours");
        path
    };
    let output = Command::new(root().join("tools/abi-check"))
        .arg(file("recorded", recorded))
        .arg(file("current", current))
        .output()
        .expect("it can be run");
    let said = String::from_utf8(output.stdout).expect("it is text");
    assert_eq!(output.status.success(), said.is_empty());
    said
}

#[test]
fn no_promise_is_broken() {
    assert_eq!(broken(&recorded(), &current()), "");
}

#[test]
fn everything_is_recorded() {
    assert!(recorded() == current(), "the ABI has grown: run `make abi`");
}

#[test]
fn what_is_recorded_is_all_that_the_header_has() {
    let recorded = recorded();
    let lines = |kind: &str| {
        recorded
            .lines()
            .filter(|line| line.starts_with(kind))
            .count()
    };
    let functions = common::declared_functions();
    assert_eq!(lines("function "), functions.len());
    assert_eq!(lines("symbol "), functions.len());
    let header = fs::read_to_string(root().join("include/memmap.h")).expect("it is there");
    let count = |text: &str| header.lines().filter(|line| line.starts_with(text)).count();
    assert_eq!(lines("struct "), count("typedef struct "));
    assert_eq!(lines("enum "), count("typedef enum "));
    // The version, four times, changes; the guard has no value.
    let enumerators = header
        .lines()
        .filter(|line| line.starts_with("    MEMMAP_"))
        .count();
    assert_eq!(
        lines("constant "),
        count("#define MEMMAP_") - 5 + enumerators
    );
}

const SMALL: &str = "constant MEMMAP_A: 1
function memmap_status memmap_do(uint32_t what)
member memmap_view.len: uint64_t, 8 bytes at 0
member memmap_wish.size: uint32_t, 4 bytes at 0
struct memmap_view: 8 bytes
struct memmap_wish: 8 bytes
";

#[test]
fn what_is_new_breaks_nothing() {
    let grown = SMALL.replace("wish: 8 bytes", "wish: 16 bytes") + "constant MEMMAP_B: 2\n";
    assert_eq!(broken(SMALL, &grown), "");
}

#[test]
fn what_changes_or_goes_breaks_a_promise() {
    for (was, is) in [
        ("MEMMAP_A: 1", "MEMMAP_A: 2"),
        ("MEMMAP_A: 1", "MEMMAP_B: 1"),
        ("(uint32_t what)", "(uint64_t what)"),
        ("uint64_t, 8 bytes at 0", "uint64_t, 8 bytes at 8"),
        ("wish: 8 bytes", "wish: 4 bytes"),
        ("view: 8 bytes", "view: 16 bytes"), // It doesn't begin with its size.
    ] {
        let said = broken(SMALL, &SMALL.replace(was, is));
        assert_eq!(said.lines().count(), 1, "{was} -> {is}: {said}");
    }
}

/// The value of a constant in tests/common/header.rs.
fn value(expression: &str) -> String {
    match expression.split_once(" << ") {
        Some((one, by)) => {
            let bits: u32 = by.parse().expect("it is a number");
            (one.parse::<u64>().expect("it is a number") << bits).to_string()
        }
        None => expression.replace("u64::MAX", &u64::MAX.to_string()),
    }
}

#[test]
fn what_tests_in_rust_declare_is_what_is_recorded() {
    let recorded = recorded();
    let declared = include_str!("../common/header.rs").lines();
    let mut constants = 0;
    for line in declared.filter_map(|line| line.strip_prefix("pub const ")) {
        let (name, rest) = line.split_once(": ").expect("it has a type");
        let (of, expression) = rest.split_once(" = ").expect("it has a value");
        let prefix = if of == "i32" {
            "MEMMAP_ERR_"
        } else {
            "MEMMAP_"
        };
        let expected = format!(
            "constant {prefix}{name}: {}",
            value(expression.trim_end_matches(';'))
        );
        let found = recorded.lines().any(|fact| {
            fact.strip_prefix(&expected)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
        });
        assert!(found, "{line}: not recorded: {expected}");
        constants += 1;
    }
    assert!(constants > 20, "{constants}");
    let sizes = [
        ("options", size_of::<header::Options>()),
        ("info", size_of::<header::Info>()),
        ("fault", size_of::<header::Fault>()),
        ("view", size_of::<header::View>()),
        ("mapped", size_of::<header::Mapped>()),
    ];
    for (name, size) in sizes {
        let expected = format!("struct memmap_{name}: {size} bytes\n");
        assert!(recorded.contains(&expected), "{expected}");
    }
}
