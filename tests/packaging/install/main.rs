//! The installed library, as those who depend on it find it: by pkg-config, by CMake, at any prefix.

#[path = "../../common/mod.rs"]
mod common;

use common::c::C99;
use common::prefix::{Prefix, has, make, output_of};
use common::{go, release_folder, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SAYS: &str = concat!(env!("CARGO_PKG_VERSION"), " mmap\n");

fn source(name: &str) -> PathBuf {
    root().join("tests/packaging/install").join(name)
}

/// Every file and link below a folder, by its path from there.
fn files(folder: &Path) -> Vec<String> {
    let list = output_of(
        Command::new("find")
            .args([".", "(", "-type", "f", "-o", "-type", "l", ")"])
            .current_dir(folder),
    );
    let mut files: Vec<_> = list.lines().map(|line| line[2..].to_owned()).collect();
    files.sort();
    files
}

/// Compiles the program with nothing but what pkg-config says and `flags`, and answers how it starts.
fn build(prefix: &Prefix, flags: &[&str]) -> PathBuf {
    let program = prefix.path().join("program");
    let mut command = prefix.command("sh");
    command
        .arg("-euc")
        .arg(r#"out=$1 source=$2; shift 2; cc "$source" "$@" $(pkg-config --cflags --libs $STATIC memmap) -o "$out""#)
        .arg("sh")
        .arg(&program)
        .arg(source("program.c"))
        .args(C99)
        .args(flags);
    let whole = flags.contains(&"-static");
    command.env("STATIC", if whole { "--static" } else { "" });
    output_of(&mut command);
    program
}

fn needed(program: &Path) -> String {
    output_of(Command::new("readelf").arg("-d").arg(program))
}

#[test]
fn a_c_program_is_built_by_pkg_config_alone_with_the_shared_library() {
    if !has("pkg-config") {
        return;
    }
    let prefix = Prefix::installed();
    let program = build(&prefix, &[]);
    let soname = format!("[libmemmap.so.{}]", env!("CARGO_PKG_VERSION_MAJOR"));
    assert!(needed(&program).contains(&soname));
    assert_eq!(output_of(&mut prefix.command(path(&program))), SAYS);
}

#[test]
fn a_c_program_is_built_by_pkg_config_alone_without_any_shared_library() {
    if !has("pkg-config") {
        return;
    }
    let prefix = Prefix::installed();
    let program = build(&prefix, &["-static"]);
    assert!(!needed(&program).contains("NEEDED"));
    fs::remove_dir_all(prefix.libraries()).expect("it is ours");
    assert_eq!(output_of(&mut Command::new(program)), SAYS);
}

#[test]
fn a_cmake_project_finds_it() {
    if !has("cmake") || !has("pkg-config") {
        return;
    }
    let prefix = Prefix::installed();
    let built = tempfile::tempdir().expect("a temporary folder");
    let mut configure = prefix.command("cmake");
    configure
        .arg("-S")
        .arg(source(""))
        .arg("-B")
        .arg(built.path());
    output_of(&mut configure);
    output_of(prefix.command("cmake").arg("--build").arg(built.path()));
    let program = built.path().join("program");
    assert_eq!(output_of(&mut prefix.command(path(&program))), SAYS);
}

#[test]
fn what_is_installed_may_be_moved() {
    if !has("pkg-config") {
        return;
    }
    let prefix = Prefix::installed();
    let moved = tempfile::tempdir().expect("a temporary folder");
    let to = moved.path().join("elsewhere");
    fs::rename(prefix.path(), &to).expect("the folders are ours");
    let flags = output_of(
        Command::new("pkg-config")
            .args(["--cflags", "--libs", "memmap"])
            .env("PKG_CONFIG_PATH", to.join("lib/pkgconfig")),
    );
    for (option, file) in [("-I", "memmap.h"), ("-L", "libmemmap.so")] {
        let folder = flags.split(' ').find_map(|flag| flag.strip_prefix(option));
        let folder = Path::new(folder.expect("it is given"));
        let file = folder.join(file).canonicalize().expect("it is there");
        assert!(file.starts_with(to.canonicalize().expect("it is there")));
    }
}

#[test]
fn a_package_is_made_by_destdir_and_another_libdir() {
    let stage = tempfile::tempdir().expect("a temporary folder");
    let variables = [
        &format!("DESTDIR={}", stage.path().display()),
        "PREFIX=/usr",
        "LIBDIR=/usr/lib/some-linux-gnu",
    ];
    make(&[&["install"], &variables[..]].concat());
    let description = stage
        .path()
        .join("usr/lib/some-linux-gnu/pkgconfig/memmap.pc");
    let description = fs::read_to_string(description).expect("it is there");
    assert!(description.contains("\nlibdir=${prefix}/lib/some-linux-gnu\n"));
    assert!(description.starts_with("prefix=${pcfiledir}/../../..\n"));
    assert!(!description.contains(path(stage.path())) && !description.contains('@'));
    make(&[&["uninstall"], &variables[..]].concat());
    assert_eq!(files(stage.path()), [""; 0]);
    // Those of the system stay, and the library's own goes.
    assert!(stage.path().join("usr/include").is_dir());
    assert!(!stage.path().join("usr/share/doc/memmap").exists());
}

/// A folder that somebody else uses stays, and so does the prefix itself.
#[test]
fn uninstalling_from_a_prefix_of_ones_own_leaves_no_empty_folder() {
    let prefix = Prefix::installed();
    fs::create_dir_all(prefix.path().join("share/man/man1")).expect("the folder is ours");
    fs::write(prefix.path().join("share/man/man1/other.1"), "").expect("the folder is ours");
    prefix.uninstall();
    let left = output_of(Command::new("find").arg(".").current_dir(prefix.path()));
    let mut left: Vec<_> = left.lines().collect();
    left.sort();
    let others = [
        "./share",
        "./share/man",
        "./share/man/man1",
        "./share/man/man1/other.1",
    ];
    assert_eq!(left, [&["."], &others[..]].concat());
    prefix.uninstall(); // What isn't there is no error.
}

#[test]
fn without_lintian_make_says_what_to_install() {
    let tools = tempfile::tempdir().expect("a temporary folder");
    for tool in ["sh", "sed", "head", "uname"] {
        let found = output_of(Command::new("sh").args(["-c", &format!("command -v {tool}")]));
        std::os::unix::fs::symlink(found.trim(), tools.path().join(tool)).expect("it is ours");
    }
    let make = output_of(Command::new("sh").args(["-c", "command -v make"]));
    let mut command = Command::new(make.trim());
    command
        .args(["--no-print-directory", "lintian"])
        .current_dir(root());
    let output = command
        .env("PATH", tools.path())
        .output()
        .expect("it can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        errors.starts_with("lintian is missing: install it"),
        "{errors}"
    );
}

#[test]
fn the_programs_are_installed_and_uninstalled_with_their_pages() {
    let prefix = tempfile::tempdir().expect("a temporary folder");
    let variable = format!("PREFIX={}", prefix.path().display());
    make(&["install-programs", &variable]);
    let installed = [
        "bin/mapview",
        "bin/memmap-guide",
        "share/doc/memmap/LICENSE-APACHE",
        "share/doc/memmap/LICENSE-MIT",
        "share/doc/memmap/NOTICES",
        "share/doc/memmap/NOTICES-go",
        "share/man/man1/mapview.1",
        "share/man/man1/memmap-guide.1",
    ];
    let mut found = files(prefix.path());
    found.sort();
    assert_eq!(found, installed);
    let mut guide = Command::new(prefix.path().join("bin/memmap-guide"));
    assert!(output_of(guide.arg("--help")).contains("Usage: memmap-guide ["));
    make(&["uninstall", &variable]);
    let left = output_of(Command::new("find").arg(prefix.path()));
    assert_eq!(left.trim_end(), prefix.path().to_str().expect("it is text"));
}

#[test]
fn uninstalling_takes_all_that_was_installed_and_nothing_else() {
    let prefix = Prefix::installed();
    let installed = files(prefix.path());
    for file in [
        "include/memmap.h",
        "lib/libmemmap.a",
        "lib/libmemmap.so",
        "lib/pkgconfig/memmap.pc",
        "share/doc/memmap/LICENSE-APACHE",
        "share/doc/memmap/LICENSE-MIT",
        "share/doc/memmap/NOTICES",
        "share/man/man3/memmap.3",
        "share/man/man3/memmap_open.3",
    ] {
        assert!(
            installed.contains(&file.to_owned()),
            "{file}: {installed:?}"
        );
    }
    fs::write(prefix.path().join("include/other.h"), "").expect("the folder is ours");
    prefix.uninstall();
    assert_eq!(files(prefix.path()), ["include/other.h"]);
}

#[test]
fn everybody_can_read_what_root_installed() {
    use std::os::unix::fs::PermissionsExt;
    let prefix = Prefix::installed();
    for file in files(prefix.path()) {
        let status = fs::metadata(prefix.path().join(&file)).expect("no link leads nowhere");
        assert_eq!(status.permissions().mode() & 0o444, 0o444, "{file}");
    }
}

#[test]
fn every_place_that_tells_the_version_tells_the_same() {
    if !has("pkg-config") {
        return;
    }
    let prefix = Prefix::installed();
    let version = env!("CARGO_PKG_VERSION");
    let told = output_of(
        prefix
            .command("pkg-config")
            .args(["--modversion", "memmap"]),
    );
    assert_eq!(told.trim(), version);
    let program = build(&prefix, &[]); // It compares the header's with memmap_version's.
    assert_eq!(output_of(&mut prefix.command(path(&program))), SAYS);
    let shared = prefix.libraries().join(format!("libmemmap.so.{version}"));
    assert!(shared.is_file());
    // The soname's number is the major version: what loads one loads all that share it.
    let major = env!("CARGO_PKG_VERSION_MAJOR");
    assert!(needed(&shared).contains(&format!("soname: [libmemmap.so.{major}]")));
}

/// Its blocks, in order and twice, as somebody types them who has a home with a Go program in it, and an older archive.
#[test]
fn the_commands_of_the_packaging_page_work() {
    if !has("pkg-config") || !has("man") {
        return;
    }
    let home = tempfile::tempdir().expect("a temporary folder");
    let program = home.path().join("program");
    fs::create_dir(&program).expect("the folder is ours");
    fs::create_dir(home.path().join("libmemmap-go-0.0.9")).expect("the folder is ours");
    let main = root().join("tests/packaging/go/with/main.go");
    fs::copy(main, program.join("main.go")).expect("the folder is ours");
    let page = fs::read_to_string(root().join("docs/packaging.md")).expect("it is there");
    let blocks: Vec<_> = page.split("\n```sh\n").skip(1).collect();
    assert_eq!(blocks.len(), 4);
    for block in [&blocks[..], &blocks[..]].concat() {
        let (commands, _) = block.split_once("```").expect("it ends");
        let warnings = warnings_of(&mut typed(commands, home.path()));
        for warning in &warnings {
            let told = page.replace('\n', " ").contains(warning);
            assert!(told, "{warning}: the page doesn't have it");
        }
        assert_eq!(warnings.is_empty(), !commands.contains("cc -static"));
    }
    // What was built finds the library without being told where it is.
    for program in ["copy", "copy-static"] {
        let output = Command::new(home.path().join(program)).output();
        let errors = output.expect("it was built").stderr;
        assert_eq!(
            String::from_utf8_lossy(&errors),
            "usage: copy SOURCE TARGET\n"
        );
    }
    let archive = concat!("libmemmap-go-", env!("CARGO_PKG_VERSION"));
    for (place, _) in page.match_indices("libmemmap-go-") {
        assert!(
            page[place..].starts_with(archive),
            "{}",
            &page[place..place + 30]
        );
    }

    let project = fs::read_to_string(source("CMakeLists.txt")).expect("it is there");
    let (_, shown) = page.split_once("\n```text\n").expect("CMake is shown");
    for line in shown.lines().take_while(|line| *line != "```") {
        assert!(
            project.contains(line),
            "{line} is not in the project that is tested"
        );
    }
}

/// What the linker has warned of, up to the part that is the same for all.
fn warnings_of(command: &mut Command) -> Vec<String> {
    let output = command.output().expect("there is a shell");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let warnings = errors
        .lines()
        .filter_map(|line| line.split_once("warning: "));
    let until = |text: &str| text.split(" requires").next().map(str::to_owned);
    warnings.filter_map(|(_, text)| until(text)).collect()
}

/// Commands in a shell whose home is a scratch folder. What keeps its things in the real one is told so.
fn typed(commands: &str, home: &Path) -> Command {
    release_folder(); // Built once, and not by those who install.
    let go = go();
    let path = std::env::var("PATH").expect("there is a PATH");
    let folder = go.parent().expect("it lies in a folder");
    let mut shell = Command::new("sh");
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let real = std::env::home_dir().expect("there is a home").join(folder);
        shell.env(name, std::env::var_os(name).unwrap_or(real.into()));
    }
    let cache = output_of(Command::new(&go).args(["env", "GOCACHE"]));
    shell
        .args(["-euc", commands])
        .current_dir(root())
        .env("GOCACHE", cache.trim())
        .env("GOENV", "off")
        .env("HOME", home)
        .env("PATH", format!("{}:{path}", folder.display()))
        .env_remove("MAKEFLAGS")
        .env_remove("MAKEOVERRIDES");
    shell
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of ours is text")
}
