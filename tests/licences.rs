//! What the library is made of: few crates, all from the registry, under licences that allow anything.

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
