//! What the library is made of: few crates, all from the registry, under licences that allow anything.

#[path = "../common/mod.rs"]
mod common;

use common::prefix::output_of;
use common::root;
use std::fs;
use std::process::Command;

/// The crates of some kind of dependency, as "name licence source".
fn crates(edges: &str) -> Vec<(String, String, String)> {
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--offline", "--locked", "--prefix", "none"])
        .args(["--edges", edges, "--format", "{lib}|{l}|{p}"])
        .current_dir(root());
    let mut crates: Vec<_> = output_of(&mut tree)
        .lines()
        .map(|line| {
            let mut fields = line.trim_end_matches(" (*)").split('|').map(str::to_owned);
            let mut field = || fields.next().expect("it has three fields");
            (field(), field(), field())
        })
        .filter(|(_, _, package)| !package.starts_with("libmemmap "))
        .collect();
    crates.sort();
    crates.dedup();
    crates
}

#[test]
fn the_library_is_made_of_three_crates() {
    let crates = crates("normal");
    let names: Vec<_> = crates.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["libc", "memchr", "memmap2"]);
}

#[test]
fn their_notices_go_with_the_packages() {
    let copyright = fs::read_to_string(root().join("packaging/copyright")).expect("it is there");
    for (name, ..) in crates("normal") {
        let files = format!("{name}/*");
        assert!(
            copyright.contains(&files),
            "packaging/copyright lacks {name}"
        );
    }
}

#[test]
fn the_notices_are_those_of_the_versions_that_are_linked() {
    let mut notices = Command::new(root().join("tools/notices"));
    let made = output_of(notices.env("CARGO", env!("CARGO")));
    let kept = fs::read_to_string(root().join("packaging/NOTICES")).expect("it is there");
    assert!(
        made == kept,
        "run `tools/notices > packaging/NOTICES`, and read what has changed"
    );
}

/// Rust's own library is made of crates, too, which a newer compiler may have more of.
#[test]
fn every_crate_of_rusts_own_library_is_in_the_notices() {
    // Parts of the library itself, and what no library of ours is linked with.
    const OWN: [&str; 9] = [
        "alloc",
        "core",
        "std",
        "std_detect",
        "sysroot",
        "unwind",
        "panic_abort",
        "panic_unwind",
        "proc_macro",
    ];
    const NOT_LINKED: [&str; 5] = [
        "getopts",
        "unicode_width",
        "test",
        "profiler_builtins",
        "rustc_literal_escaper",
    ];
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let folder = output_of(Command::new(rustc).args(["--print", "target-libdir"]));
    let notices = ["packaging/NOTICES", "packaging/copyright"]
        .map(|name| fs::read_to_string(root().join(name)).expect("it is there"));
    let mut crates = 0;
    for entry in fs::read_dir(folder.trim()).expect("it is there") {
        let name = entry.expect("it can be listed").file_name();
        let name = name.to_str().expect("names are text");
        let Some((name, _)) = name
            .strip_suffix(".rlib")
            .and_then(|name| name.rsplit_once('-'))
        else {
            continue;
        };
        let name = name.strip_prefix("lib").expect("a library's name");
        crates += 1;
        if OWN.contains(&name) || NOT_LINKED.contains(&name) || name.contains("workspace") {
            continue;
        }
        for text in &notices {
            assert!(text.contains(name), "{name} is not named");
        }
    }
    assert!(crates > 15, "{crates}");
}

/// Also of what only builds or tests use.
#[test]
fn every_licence_is_a_permissive_one() {
    const FREE: [&str; 9] = [
        "MIT",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Unicode-3.0",
        "Unlicense",
        "Zlib",
    ];
    // cbindgen runs at build time, and what it writes is ours.
    const TOOLS: [(&str, &str); 1] = [("cbindgen", "MPL-2.0")];
    let crates = crates("normal,build,dev");
    assert!(crates.len() > 20, "{crates:?}");
    for (name, licence, package) in crates {
        // Of "A OR B" one is enough, of "A AND B" both are needed.
        let alternatives = licence.replace('/', " OR ").replace(['(', ')'], "");
        let permissive = alternatives
            .split(" AND ")
            .all(|part| part.split(" OR ").any(|one| FREE.contains(&one.trim())));
        let tool = TOOLS.contains(&(name.as_str(), licence.as_str()));
        assert!(permissive || tool, "{package} is under {licence:?}");
    }
}

#[test]
fn every_crate_is_the_one_that_the_lock_file_pins() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("it is there");
    for package in lock.split("[[package]]").skip(1) {
        let ours = package.contains("\nname = \"libmemmap\"\n");
        let source = package
            .contains("\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n");
        let pinned = source && package.contains("\nchecksum = \"");
        assert!(ours || pinned, "{package}");
    }
}
