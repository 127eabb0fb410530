//! What the built libraries are to those who link or load them: symbols, soname, header.

use object::{Object, ObjectSymbol};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The release build of the shared library, made if it isn't there.
fn release_library() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--lib"])
        .current_dir(root())
        .status();
    assert!(built.expect("cargo runs").success());
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), PathBuf::from);
    target.join("release/libmemmap.so")
}

#[test]
fn the_shared_library_exports_the_functions_of_the_header_and_nothing_else() {
    let bytes = std::fs::read(release_library()).expect("cargo has built it");
    let library = object::File::parse(&*bytes).expect("it is an ELF file");
    let mut exported: Vec<_> = library
        .dynamic_symbols()
        .filter(|symbol| symbol.is_definition())
        .map(|symbol| symbol.name().expect("a name is text").to_owned())
        .collect();
    exported.sort();
    let header = std::fs::read_to_string(root().join("include/memmap.h")).expect("it is there");
    let mut declared: Vec<_> = header
        .lines()
        .filter(|line| !line.starts_with([' ', '#', '/']))
        .filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next())
        .map(str::to_owned)
        .collect();
    declared.sort();
    assert!(
        declared.len() >= 20,
        "the header was not understood: {declared:?}"
    );
    assert_eq!(exported, declared);
}

#[test]
fn the_shared_library_has_its_soname_and_is_never_unloaded() {
    const DT_SONAME: u64 = 14;
    const DT_FLAGS_1: u64 = 0x6fff_fffb;
    const DF_1_NODELETE: u64 = 8;
    let bytes = std::fs::read(release_library()).expect("cargo has built it");
    let entries = dynamic_entries(&bytes);
    let value = |tag| {
        entries
            .iter()
            .find(|(found, _)| *found == tag)
            .map(|(_, value)| *value)
    };
    let soname = value(DT_SONAME).expect("there is a soname");
    assert!(contains(&bytes, b"libmemmap.so.0\0") && soname != 0);
    assert_eq!(
        value(DT_FLAGS_1).unwrap_or(0) & DF_1_NODELETE,
        DF_1_NODELETE
    );
}

/// Tag and value of each entry of the dynamic section.
fn dynamic_entries(bytes: &[u8]) -> Vec<(u64, u64)> {
    use object::ObjectSection;
    let library = object::File::parse(bytes).expect("it is an ELF file");
    let section = library
        .section_by_name(".dynamic")
        .expect("a shared library has one");
    let data = section.data().expect("it is in the file");
    let word = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("eight bytes"));
    data.chunks_exact(16)
        .map(|entry| (word(&entry[..8]), word(&entry[8..])))
        .collect()
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn the_committed_header_is_what_cbindgen_makes() {
    let committed = std::fs::read_to_string(root().join("include/memmap.h")).expect("it is there");
    let made = include_str!(concat!(env!("OUT_DIR"), "/memmap.h"));
    assert!(
        committed == made,
        "include/memmap.h is stale: run `make header`"
    );
}
