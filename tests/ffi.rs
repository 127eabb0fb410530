//! The programs of examples/ffi, run as a user of each language runs them; and those of tests/ffi, in
//! which the guard stands beside what a language's runtime does with SIGBUS itself, in both orders.
//!
//! Nothing is installed here: a language whose runtime is missing is skipped, and `make ffi-deps` brings it.

mod common;

use common::c::{Library, compiler, has_cpp, how_it_ended, link, succeeds};
use common::{release_library, root};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use tempfile::TempDir;

/// What every tour says.
static TOUR: LazyLock<String> = LazyLock::new(|| {
    format!(
        "Hello, mmap\n\
         found at 107\n\
         read behind the cut: 0\n\
         the file was cut: {}\n\
         lost: 983040 bytes from 65536 on\n\
         still there: Hello, mmap\n\
         after close: {}\n",
        memmap::Error::Fault,
        memmap::Error::Handle
    )
});

/// A folder to work in, with what is built for a test, and the library under the name that it is loaded by.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        symlink(release_library(), folder.path().join("libmemmap.so.0")).expect("it is ours");
        Place { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new folder in it.
    fn new_folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).expect("the folder is ours");
        path
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(root())
            .env("LD_LIBRARY_PATH", self.folder.path())
            .env("NODE_PATH", root().join(".tools/ffi/node/node_modules"));
        // SAFETY: umask may be called between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::umask(0o022);
                Ok(())
            });
        }
        command
    }

    /// A library which, loaded before a program begins, installs the guard.
    fn early_guard(&self) -> PathBuf {
        let early = self.path("early.so");
        let mut command = compiler(false);
        command.args(["-shared", "-fPIC"]);
        command.arg(root().join("tests/ffi/early.c"));
        command.arg(self.path("libmemmap.so.0"));
        succeeds(command.arg("-o").arg(&early));
        early
    }
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", how_it_ended(output));
    String::from_utf8(output.stdout.clone()).expect("it is text")
}

fn run(command: &mut Command) -> Output {
    command.output().expect("it is there, and can be run")
}

/// Whether a language can be used; says so where it can't.
fn has(what: &str, found: bool) -> bool {
    if !found {
        // Not by println!, which the test harness holds back.
        writeln!(
            std::io::stderr(),
            "skipped: there is no {what} (make ffi-deps)"
        )
        .expect("it can be written");
    }
    found
}

fn works(probe: &mut Command) -> bool {
    probe.output().is_ok_and(|output| output.status.success())
}

/// Runs a tour of a file that isn't there yet.
fn takes_the_tour(mut tour: Command, file: &Path) {
    let output = run(tour.arg(file));
    assert_eq!(said(&output), *TOUR);
    assert!(output.stderr.is_empty(), "{}", how_it_ended(&output));

    let bytes = fs::read(file).expect("the tour has made it");
    assert_eq!(bytes.len(), 65536);
    assert_eq!(&bytes[100..111], b"Hello, mmap");
    let mode = fs::metadata(file).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o640);
}

/// Runs the tour of a file that exists, which is refused: an errno in the language's own words.
fn refuses_a_file_that_exists(mut tour: Command, file: &Path) {
    fs::write(file, "kept").expect("the folder is ours");
    let output = run(tour.arg(file));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code != 0));
    assert!(errors.contains("File exists"), "{errors}");
    assert_eq!(fs::read(file).expect("it is there"), b"kept");
}

/// All of it in one language. `early` says how the guard fares that was installed before the runtime.
fn passes(place: &Place, tour: impl Fn() -> Command, early: Early) {
    takes_the_tour(tour(), &place.path("first"));
    refuses_a_file_that_exists(tour(), &place.path("second"));

    let mut with_early_guard = tour();
    with_early_guard.env("LD_PRELOAD", place.early_guard());
    match early {
        Early::Works => takes_the_tour(with_early_guard, &place.path("third")),
        Early::Reports(report) => {
            let output = run(with_early_guard.arg(place.path("third")));
            assert!(!output.status.success());
            assert!(reports(&output, report), "{}", how_it_ended(&output));
        }
    }
}

/// What comes of a guard that was there before the runtime installed its own handlers.
enum Early {
    /// The runtime has none for SIGBUS, or none yet.
    Works,
    /// The runtime's is in front then, and reports a fault by a pointer.
    Reports(&'static str),
}

/// Whether a runtime has reported a fault, which one does on standard output and another on error.
fn reports(output: &Output, report: &str) -> bool {
    [&output.stdout, &output.stderr]
        .iter()
        .any(|text| String::from_utf8_lossy(text).contains(report))
}

/// Runs a program of tests/ffi that takes the tour and has the runtime meet a SIGBUS of its own after it.
fn keeps_its_own(mut beside: Command, place: &Place, own: &str) -> Output {
    let output = run(beside.arg(place.new_folder("beside")));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with(&**TOUR), "{}", how_it_ended(&output));
    assert_eq!(text[TOUR.len()..].lines().next(), Some(own));
    output
}

fn example(name: &str) -> PathBuf {
    root().join("examples/ffi").join(name)
}

fn beside(name: &str) -> PathBuf {
    root().join("tests/ffi").join(name)
}

#[test]
fn cpp17() {
    if !has_cpp() {
        return;
    }
    for library in [Library::Static, Library::Shared] {
        let place = Place::new();
        let built = tempfile::tempdir().expect("a temporary folder");
        let tour = link(&built, &example("tour.cpp"), library, &["-std=c++17"]);
        passes(&place, || place.command(&tour), Early::Works);
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
    passes(&place, || node(example("tour.js")), Early::Works);
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
    passes(&place, || ruby(example("tour.rb")), Early::Reports(report));
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
    passes(&place, tour, Early::Works);
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
    passes(&place, || perl(example("tour.pl")), Early::Works);
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
            command.arg(program).current_dir(place.folder.path());
            command
        };
        passes(place, || run(&tour), Early::Reports(report));

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

mod java {
    use super::*;

    fn jna() -> Option<PathBuf> {
        let folder = fs::read_dir(root().join(".tools/ffi/java")).ok();
        let mut jars = folder.into_iter().flatten().flatten();
        jars.find_map(|jar| {
            let name = jar.file_name();
            name.to_string_lossy()
                .starts_with("jna-")
                .then(|| jar.path())
        })
    }

    /// The path of JNA where there is a JDK to use it.
    fn jdk_with_jna(place: &Place) -> Option<PathBuf> {
        let jna = jna().filter(|_| works(place.command("javac").arg("-version")));
        has("JDK with JNA", jna.is_some());
        jna
    }

    #[test]
    fn tour() {
        let place = Place::new();
        let Some(jna) = jdk_with_jna(&place) else {
            return;
        };
        let tour = || {
            let mut command = place.command("java");
            command.arg("-cp").arg(&jna).arg(example("Tour.java"));
            command
        };
        let report = "java.lang.InternalError: a fault occurred";
        passes(&place, tour, Early::Reports(report));
    }

    /// Both handlers work, whichever was installed first. The one in front answers for a load; what
    /// runs outside of Java the JVM passes on.
    #[test]
    fn the_jvm_and_the_guard_stand_beside_each_other() {
        const GUARD_IN_FRONT: &str = "mapped by Java: InternalError\n\
                                      call: -6\n\
                                      pointer: 0, then -6\n\
                                      mapped by Java: InternalError\n";
        const JVM_IN_FRONT: &str = "mapped by Java: InternalError\n\
                                    call: -6\n\
                                    pointer: InternalError\n\
                                    mapped by Java: InternalError\n";
        let place = Place::new();
        let Some(jna) = jdk_with_jna(&place) else {
            return;
        };
        let mut javac = place.command("javac");
        javac
            .arg("-cp")
            .arg(&jna)
            .arg("-d")
            .arg(place.path("classes"));
        succeeds(javac.args([example("Tour.java"), beside("Beside.java")]));

        let class_path = format!("{}:{}", place.path("classes").display(), jna.display());
        let beside = |folder: &str, preload: Option<PathBuf>| {
            let mut command = place.command("java");
            command.args(["-cp", &class_path, "Beside"]);
            command.arg(place.new_folder(folder));
            command.envs(preload.map(|library| ("LD_PRELOAD", library)));
            said(&run(&mut command))
        };
        assert_eq!(beside("late", None), GUARD_IN_FRONT);
        assert_eq!(beside("early", Some(place.early_guard())), JVM_IN_FRONT);

        // The JVM's own way to have its handlers in front whatever is installed later.
        let home = property(&mut place.command("java"), "java.home").expect("Java tells it");
        let libjsig = Path::new(&home).join("lib/libjsig.so");
        if has("libjsig.so", libjsig.exists()) {
            assert_eq!(beside("jsig", Some(libjsig)), JVM_IN_FRONT);
        }
    }

    /// A property of a JVM, as it tells it.
    fn property(java: &mut Command, name: &str) -> Option<String> {
        let output = java
            .args(["-XshowSettings:properties", "-version"])
            .output();
        let settings = String::from_utf8(output.ok()?.stderr).ok()?;
        let line = |line: &str| {
            let (found, value) = line.trim().split_once(" = ")?;
            (found == name).then(|| value.to_owned())
        };
        settings.lines().find_map(line)
    }

    /// A JVM that has java.lang.foreign, which came to stay with 22: that of the PATH, or one of Debian's
    /// folder of them.
    fn with_foreign(place: &Place) -> Option<PathBuf> {
        let installed = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
        let others = installed.map(|home| home.path().join("bin/java"));
        std::iter::once(PathBuf::from("java"))
            .chain(others)
            .find(|java| {
                property(&mut place.command(java), "java.specification.version")
                    .and_then(|version| version.parse::<u32>().ok())
                    .is_some_and(|version| version >= 22)
            })
    }

    #[test]
    fn tour_by_java_lang_foreign() {
        let place = Place::new();
        let java = with_foreign(&place);
        has("JDK of version 22 or later", java.is_some());
        let Some(java) = java else {
            return;
        };
        let tour = || {
            let mut command = place.command(&java);
            command.arg("--enable-native-access=ALL-UNNAMED");
            command.arg(example("TourForeign.java"));
            command
        };
        let report = "java.lang.InternalError: a fault occurred";
        passes(&place, tour, Early::Reports(report));
    }
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
