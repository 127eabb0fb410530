//! What the built libraries are to those who link or load them: symbols, soname, header.

#[path = "../common/mod.rs"]
mod common;

use common::c::{Library, link, succeeds};
use common::elf::weaknesses;
use common::{declared_functions, release_folder, release_library, root};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, elf};
use std::fs;

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

#[test]
fn the_shared_library_has_no_weakness_that_the_linker_can_take_away() {
    let bytes = fs::read(release_library()).expect("cargo has built it");
    assert_eq!(weaknesses(&bytes), [""; 0]);
}

/// Else the test above would tell nothing.
#[test]
fn every_weakness_is_seen() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let weak = folder.path().join("weak.so");
    let mut command = common::c::compiler(false);
    command
        .args(["-shared", "-fPIC", "-x", "c", "/dev/null", "-o"])
        .arg(&weak)
        .args(["-Wl,-z,norelro,-z,lazy,-z,execstack", "-Wl,-rpath,/tmp"]);
    succeeds(&mut command);
    let seen = weaknesses(&fs::read(weak).expect("it was made"));
    let expected = [
        "no RELRO",
        "lazy binding, so no full RELRO",
        "an executable stack",
        "a path to look for libraries",
    ];
    assert_eq!(seen, expected);
}

/// One object without the note that it needs no executable stack gives the whole program one.
#[test]
fn no_object_of_the_static_library_asks_for_an_executable_stack() {
    let bytes = fs::read(release_folder().join("libmemmap.a")).expect("cargo has built it");
    let archive = ArchiveFile::parse(&*bytes).expect("it is an archive");
    let mut objects = 0;
    for member in archive.members() {
        let member = member.expect("it is an archive");
        let name = String::from_utf8_lossy(member.name()).into_owned();
        let data = member.data(&*bytes).expect("it is in the file");
        let object = object::File::parse(data).expect("it is an object");
        let note = object.section_by_name(".note.GNU-stack");
        let flags = note.map(|note| note.flags());
        let executable = match flags {
            Some(SectionFlags::Elf { sh_flags, .. }) => sh_flags.contains(elf::SHF_EXECINSTR),
            _ => true,
        };
        assert!(!executable, "{name} asks for an executable stack");
        objects += 1;
    }
    assert!(objects > 0);
}

/// As distributions link: a program at any address, all of whose relocations are done before it runs.
#[test]
fn the_static_library_fits_into_a_hardened_program() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let flags = [
        "-fPIE",
        "-pie",
        "-Wl,-z,relro,-z,now,-z,text,-z,noexecstack,--fatal-warnings",
    ];
    let source = root().join("examples/copy.c");
    let program = link(&folder, &source, Library::Static, &flags);
    let bytes = fs::read(program).expect("it was made");
    assert_eq!(weaknesses(&bytes), [""; 0]);
}

/// Tag and value of each entry of the dynamic section.
fn dynamic_entries(bytes: &[u8]) -> Vec<(u64, u64)> {
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
