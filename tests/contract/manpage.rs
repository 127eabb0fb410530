//! The manual pages: memmap(3), made by tools/manpage from the header, and those of the programs, made by
//! tools/program-manpage from their --help.

#[path = "../common/mod.rs"]
mod common;

use common::prefix::{has, output_of};
use common::{declared_functions, root};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn path() -> PathBuf {
    root().join("man/memmap.3")
}

fn page() -> String {
    fs::read_to_string(path()).expect("it is there")
}

#[test]
fn the_committed_page_is_what_the_header_makes() {
    let made = output_of(&mut Command::new(root().join("tools/manpage")));
    assert!(page() == made, "man/memmap.3 is stale: run `make man`");
}

#[test]
fn the_pages_of_the_programs_are_what_their_help_makes() {
    for (name, source) in [("mapview", "mapview"), ("memmap-guide", "guide")] {
        let mut make = Command::new(root().join("tools/program-manpage"));
        let made = output_of(make.args([name, &format!("go/cmd/{source}")]));
        let page = root().join(format!("man/{name}.1"));
        let committed = fs::read_to_string(&page).expect("it is there");
        assert!(committed == made, "man/{name}.1 is stale: run `make man`");
        for section in ["SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"] {
            assert!(made.contains(&format!("\n.SH {section}\n")), "{section}");
        }
        assert!(!made.contains("PROGRAM"), "{made}");
    }
}

#[test]
fn it_has_every_function_constant_type_and_member() {
    let page = page();
    let names = page.lines().skip_while(|line| *line != ".SH NAME").nth(1);
    let names = names.expect("it has a name").replace(',', " ");
    for function in declared_functions() {
        assert!(page.contains(&format!("\n.SS {function}\n")), "{function}");
        let listed = names.split(' ').any(|name| name == function);
        assert!(listed, "{function} is not among the names of the page");
    }
    let abi = fs::read_to_string(root().join("abi/memmap.abi")).expect("it is there");
    for fact in abi.lines() {
        let mut words = fact.split([' ', ':']);
        let (kind, name) = (words.next(), words.next().expect("it is of something"));
        let said = match kind {
            Some("constant") => page.contains(&format!("\n.B {name} = ")),
            Some("struct" | "enum") => page.contains(&format!(" {name}\"\n")),
            Some("member") => {
                let member = name.split('.').nth(1).expect("it is a struct's");
                page.lines().any(|line| {
                    line.starts_with(".B ") && line.split([' ', '*']).next_back() == Some(member)
                })
            }
            _ => true,
        };
        assert!(said, "{name} is missing");
    }
}

#[test]
fn the_pages_are_laid_out_without_a_warning() {
    if !has("groff") {
        return;
    }
    for page in fs::read_dir(root().join("man")).expect("it is there") {
        let mut groff = Command::new("groff");
        let output = groff
            .args(["-man", "-ww", "-z", "-Tutf8", "-Kutf8"])
            .arg(page.expect("it can be listed").path())
            .output();
        let warnings = output.expect("it can be run").stderr;
        assert_eq!(String::from_utf8_lossy(&warnings), "");
    }
}
