//! The manual page memmap(3), which tools/manpage makes of the header.

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
fn it_is_laid_out_without_a_warning() {
    if !has("groff") {
        return;
    }
    let mut groff = Command::new("groff");
    let output = groff
        .args(["-man", "-ww", "-z", "-Tutf8"])
        .arg(path())
        .output();
    let warnings = output.expect("it can be run").stderr;
    assert_eq!(String::from_utf8_lossy(&warnings), "");
}
