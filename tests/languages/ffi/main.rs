//! The programs of examples/ffi, run as a user of each language runs them; and those of tests/languages/ffi, in
//! which the guard stands beside what a language's runtime does with SIGBUS itself, in both orders.
//!
//! Nothing is installed here: a language whose runtime is missing is skipped, and `make ffi-deps` brings it.

#[path = "../../common/mod.rs"]
mod common;
mod java;
mod tours;

use common::c::{Library, compiler, has_cpp, how_it_ended, link, succeeds};
use common::root;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tours::*;

#[test]
fn cpp17() {
    if !has_cpp() {
        return;
    }
    for library in [Library::Static, Library::Shared] {
        let place = Place::new();
        let built = tempfile::tempdir().expect("a temporary folder");
        let tour = link(&built, &example("tour.cpp"), library, &["-std=c++17"]);
        passes(&place, || place.command(&tour));
    }
    is_run_as_its_head_says("tour.cpp");
}

#[test]
fn cpp17_that_is_left_at_a_lost_byte() {
    if !has_cpp() {
        return;
    }
    let expected = "whole: 1048576\ncut: lost\nback: 2097152\ncopied: 4096 bytes\ncopied: lost\n";
    for library in [Library::Static, Library::Shared] {
        let place = Place::new();
        let built = tempfile::tempdir().expect("a temporary folder");
        let flags = ["-std=c++17", "-Wall", "-Wextra", "-pedantic", "-Werror"];
        let program = link(&built, &example("try.cpp"), library, &flags);
        let output = run(place.command(&program).arg(place.path("numbers")));
        assert_eq!(said(&output), expected);
    }
    says_by_its_head("try.cpp", expected);
}

/// What memmap_try must not leave in the middle is refused where it can be told, when it is compiled.
#[test]
fn cpp17_refuses_to_leave_what_owns_something() {
    if !has_cpp() {
        return;
    }
    let text = fs::read_to_string(example("try.cpp")).expect("it is there");
    let sum = "        std::uint64_t sum = 0;\n";
    assert!(text.contains(sum));
    let refused = [
        (
            "[](const std::uint8_t *data, std::size_t length) noexcept {\n        std::uint64_t",
            "[](const std::uint8_t *data, std::size_t length) {\n        std::uint64_t",
            "declare it noexcept",
        ),
        (
            "attempt(map, [](const std::uint8_t *data, std::size_t length) noexcept {",
            "attempt(map, [owned = std::vector<int>()](const std::uint8_t *data, std::size_t length) noexcept {",
            "capture by reference",
        ),
    ];
    for (from, to, why) in refused {
        assert!(text.contains(from), "{from}");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = folder.path().join("try.cpp");
        fs::write(&source, text.replace(from, to)).expect("it is ours");
        let mut command = compiler(true);
        command.args(["-std=c++17", "-fsyntax-only"]).arg(&source);
        let output = run(&mut command);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(why), "{errors}");
    }
}

#[test]
fn node() {
    let place = Place::new();
    let mut probe = place.command("node");
    if !has(
        "Node with koffi",
        works(probe.args(["-e", "require('koffi')"])),
    ) {
        return;
    }
    let node = |script: PathBuf| {
        let mut command = place.command("node");
        command.arg(script);
        command
    };
    passes(&place, || node(example("tour.js")));
    is_run_as_its_head_says("tour.js");
    let output = keeps_its_own(
        node(beside("beside.js")),
        &place,
        "a signal of somebody else",
    );
    said(&output);
}

#[test]
fn ruby() {
    let place = Place::new();
    let mut probe = place.command("ruby");
    if !has(
        "Ruby with Fiddle",
        works(probe.args(["-r", "fiddle", "-e", ""])),
    ) {
        return;
    }
    let ruby = |script: PathBuf| {
        let mut command = place.command("ruby");
        command.arg("-w").arg(script);
        command
    };
    let report = "[BUG] Bus Error";
    passes(&place, || ruby(example("tour.rb")));
    is_run_as_its_head_says("tour.rb");
    let output = keeps_its_own(
        ruby(beside("beside.rb")),
        &place,
        "a fault of somebody else",
    );
    assert!(reports(&output, report), "{}", how_it_ended(&output));
}

#[test]
fn luajit() {
    let place = Place::new();
    if !has("LuaJIT", works(place.command("luajit").arg("-v"))) {
        return;
    }
    let tour = || {
        let mut command = place.command("luajit");
        command.arg(example("tour.lua"));
        command
    };
    passes(&place, tour);
    is_run_as_its_head_says("tour.lua");
}

#[test]
fn perl() {
    let place = Place::new();
    let mut probe = place.command("perl");
    if !has(
        "Perl with FFI::Platypus",
        works(probe.args(["-MFFI::Platypus", "-e", "1"])),
    ) {
        return;
    }
    let perl = |script: PathBuf| {
        let mut command = place.command("perl");
        command.arg(script);
        command
    };
    passes(&place, || perl(example("tour.pl")));
    is_run_as_its_head_says("tour.pl");
    let output = keeps_its_own(
        perl(beside("beside.pl")),
        &place,
        "a signal of somebody else",
    );
    said(&output);
}

mod csharp {
    use super::*;

    /// Compiles a program; None where there is no compiler.
    fn compiled(place: &Place, main: &str, sources: &[PathBuf]) -> Option<PathBuf> {
        if !has(
            "C# compiler (mcs)",
            works(place.command("mcs").arg("--version")),
        ) {
            return None;
        }
        let program = place.path(&format!("{main}.exe"));
        let mut command = place.command("mcs");
        command.args(["-unsafe", "-warnaserror"]).args(sources);
        command.arg(format!("-main:{main}"));
        succeeds(command.arg(format!("-out:{}", program.display())));
        // What .NET wants to know; without ICU, which the tests have no need of.
        let settings = r#"{"runtimeOptions": {
            "framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
            "configProperties": {"System.Globalization.Invariant": true}}}"#;
        let file = place.path(&format!("{main}.runtimeconfig.json"));
        fs::write(file, settings).expect("the folder is ours");
        Some(program)
    }

    /// Everything, on the runtime that `command` starts, which reports a fault of its own with `report`.
    fn passes_on(place: &Place, command: impl Fn() -> Command, report: &'static str) {
        let Some(tour) = compiled(place, "Tour", &[example("Tour.cs")]) else {
            return;
        };
        let run = |program: &Path| {
            let mut command = command();
            command.arg(program);
            command
        };
        passes(place, || run(&tour));

        let sources = [example("Tour.cs"), beside("Beside.cs")];
        let beside = compiled(place, "Beside", &sources).expect("there is a compiler");
        let output = keeps_its_own(run(&beside), place, "a fault of somebody else");
        assert!(reports(&output, report), "{}", how_it_ended(&output));
    }

    #[test]
    fn on_mono() {
        let place = Place::new();
        let mono = || {
            let mut command = place.command("mono");
            // The report would take longer where there is a debugger.
            command.env("MONO_DEBUG", "no-gdb-backtrace");
            command
        };
        if has("Mono", works(mono().arg("--version"))) {
            passes_on(&place, mono, "Got a SIGSEGV while"); // What Mono takes SIGBUS for.
            is_run_as_its_head_says("Tour.cs");
        }
    }

    #[test]
    fn on_dotnet() {
        let place = Place::new();
        let dotnet = root().join(".tools/ffi/dotnet/dotnetcore2/bin/dotnet");
        if has(".NET", dotnet.exists()) {
            let report = "System.AccessViolationException";
            passes_on(&place, || place.command(&dotnet), report);
        }
    }
}

/// What the tools for Python are, with all that they need in turn.
#[test]
fn every_tool_for_python_is_locked_with_its_hashes() {
    let text = |name| fs::read_to_string(root().join(name)).expect("it is there");
    let (wanted, lock) = (
        text("python/requirements.txt"),
        text("python/requirements.lock"),
    );
    let version = |line: &str| line.split([' ', ';']).next().map(str::to_owned);
    let wanted = wanted.lines().filter(|line| !line.starts_with('#'));
    let mut locked = Vec::new();
    for package in lock.split("\n").filter(|line| line.contains("==")) {
        assert!(package.ends_with(" \\"), "{package} has no hash");
        locked.push(version(package));
    }
    assert!(lock.matches("--hash=sha256:").count() >= locked.len());
    for line in wanted {
        assert!(locked.contains(&version(line)), "{line} is not locked");
    }
    assert!(text("Makefile").contains("--require-hashes"));
}

/// What tools/ffi-deps brings besides Debian's packages, which apt checks.
#[test]
fn nothing_is_brought_without_a_hash_to_check_it_by() {
    let text = |name| fs::read_to_string(root().join("tools").join(name)).expect("it is there");
    let tool = text("ffi-deps");
    for without in ["npm install", "mvn", "curl", "wget"] {
        assert!(!tool.contains(without), "{without}");
    }
    assert!(tool.contains("npm ci ") && tool.contains("--ignore-scripts"));
    assert_eq!(tool.matches("pip install").count(), 1);
    assert!(tool.contains("--require-hashes"));

    let lock = text("ffi/package-lock.json");
    let packages = lock.matches("\"node_modules/").count();
    assert!(packages > 0);
    assert_eq!(lock.matches("\"integrity\": \"sha512-").count(), packages);
    for file in ["ffi/requirements.txt", "go-toolchain.txt"] {
        let requirements = text(file);
        let mut wanted = requirements.lines().filter(|line| !line.starts_with('#'));
        assert!(wanted.all(|line| line.contains("==") && line.contains("--hash=sha256:")));
    }
    assert!(text("go-toolchain").contains("--require-hashes"));
}

/// The members of a struct of the header, in order.
fn members(name: &str) -> Vec<String> {
    let header = fs::read_to_string(root().join("include/memmap.h")).expect("it is there");
    let (_, body) = header
        .split_once(&format!("typedef struct {name} {{"))
        .expect("the header has it");
    let (body, _) = body.split_once(&format!("}} {name};")).expect("it ends");
    body.lines()
        .filter_map(|line| line.trim().strip_suffix(';'))
        .filter_map(|line| line.rsplit([' ', '*']).next())
        .map(str::to_owned)
        .collect()
}

/// A struct of the wrong size is refused by the library; members of one size that changed places are not.
#[test]
fn every_language_has_the_members_in_the_order_of_the_header() {
    let programs = fs::read_dir(root().join("examples/ffi")).expect("it is there");
    let others = programs
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension() != Some(OsStr::new("cpp"))); // That one includes the header.
    let mut count = 0;
    for program in others {
        let text = fs::read_to_string(&program)
            .expect("it is text")
            .to_lowercase();
        for name in ["memmap_options", "memmap_fault"] {
            let members = members(name);
            let named: Vec<_> = text
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| members.iter().any(|member| member == word))
                .collect();
            let found = named.windows(members.len()).any(|words| words == members);
            assert!(found, "{}: {name}", program.display());
        }
        count += 1;
    }
    assert_eq!(count, 7);
}
