//! Writes the C header into OUT_DIR (never into the source tree; `make header` copies it) and gives
//! the shared library its soname.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Where the constants and types of the header stand.
const TYPES: [&str; 8] = [
    "src/handles/table.rs",
    "src/status.rs",
    "src/range.rs",
    "src/options.rs",
    "src/memory/losses.rs",
    "src/fault/hooks.rs",
    "src/share/seals.rs",
    "src/capi/types.rs",
];

/// The sections of the header, in its order; the first line of each file is the section's title.
const SECTIONS: [&str; 15] = [
    "src/capi/about.rs",
    "src/capi/open.rs",
    "src/capi/look.rs",
    "src/capi/access.rs",
    "src/capi/durability.rs",
    "src/capi/commits.rs",
    "src/capi/size.rs",
    "src/capi/paging.rs",
    "src/capi/sharing.rs",
    "src/capi/locks.rs",
    "src/capi/atomics.rs",
    "src/capi/cells.rs",
    "src/capi/faults.rs",
    "src/capi/attempts.rs",
    "src/capi/system.rs",
];

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    for input in ["build.rs", "cbindgen.toml", "src", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={input}");
    }
    fs::write(out.join("memmap.h"), header(&root)).expect("OUT_DIR can be written");
    cc::Build::new()
        .file("src/threads/thread.c")
        .std("gnu99")
        .warnings(true)
        .extra_warnings(true)
        .opt_level(2)
        .flag("-fexceptions") // So that who unwinds through it gives back what it holds.
        .compile("memmap_thread");

    // A signal handler and fork hooks of ours must outlive a dlclose, hence nodelete.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libmemmap.so.0,-z,nodelete");
}

fn header(root: &Path) -> String {
    let mut config =
        cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is valid");
    config.after_includes = Some(version_macros());
    let builder = cbindgen::Builder::new().with_config(config);
    let mut header = Vec::new();
    TYPES
        .iter()
        .chain(&SECTIONS)
        .fold(builder, |builder, file| builder.with_src(root.join(file)))
        .generate()
        .expect("the C ABI is within what cbindgen reads")
        .write(&mut header);
    let header = String::from_utf8(header).expect("cbindgen writes text");
    SECTIONS.iter().fold(header, |header, file| {
        let source = fs::read_to_string(root.join(file)).expect("every section has its file");
        with_title(&header, &source)
    })
}

/// Puts a section's title before the comment of its first function.
fn with_title(header: &str, source: &str) -> String {
    let title = source
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("//! "));
    let title = title
        .expect("a section begins with its title")
        .trim_end_matches('.');
    let function = source
        .split(" fn memmap_")
        .nth(1)
        .and_then(|rest| rest.split('(').next());
    let function = function.expect("a section has a function");
    // The last mention is the declaration; comments come before it.
    let declared = header
        .rfind(&format!("memmap_{function}("))
        .expect("it is in the header");
    let comment = header[..declared].rfind("/**");
    let (before, after) = header.split_at(comment.expect("it has a comment"));
    format!(
        "{before}/* ---- {title} {}*/\n\n{after}",
        "-".repeat(80 - title.len()) + " "
    )
}

fn version_macros() -> String {
    let part = |name: &str| env::var(format!("CARGO_PKG_VERSION{name}")).expect("cargo sets it");
    format!(
        "\n/** The version of this header; memmap_version() tells that of the library. */\n\
         #define MEMMAP_VERSION \"{}\"\n\
         #define MEMMAP_VERSION_MAJOR {}\n\
         #define MEMMAP_VERSION_MINOR {}\n\
         #define MEMMAP_VERSION_PATCH {}",
        part(""),
        part("_MAJOR"),
        part("_MINOR"),
        part("_PATCH")
    )
}
