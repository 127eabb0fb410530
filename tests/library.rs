//! What the built libraries are to those who link or load them: symbols, soname, header.

mod common;

use common::{declared_functions, release_library, root};
use object::{Object, ObjectSymbol};

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
    assert_eq!(exported, declared_functions());
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
