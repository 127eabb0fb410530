//! The Go package as other modules get it: by the archive of `make dist`, which needs nothing of this
//! repository, and with the build tag memmap_shared, which links the installed library.

#[path = "../common/mod.rs"]
mod common;

use common::elf::weaknesses;
use common::prefix::{Prefix, has, make, output_of};
use common::{go, root};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

/// A module outside of the repository, with the program of tests/packaging/go/with.
struct Module {
    folder: TempDir,
}

impl Module {
    /// It finds the package in the archive, unpacked beside it.
    fn with_the_archive() -> Module {
        Module::with(archive())
    }

    fn with(archive: &Path) -> Module {
        let module = Module::empty();
        let mut unpack = Command::new("tar");
        unpack.arg("xzf").arg(archive);
        output_of(unpack.current_dir(module.folder.path()));
        module.use_package(Path::new("..").join(PACKAGE))
    }

    /// It finds the package in a checkout.
    fn with_a_checkout() -> Module {
        Module::empty().use_package(root().join("go"))
    }

    fn empty() -> Module {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let module = Module { folder };
        fs::create_dir_all(module.path()).expect("the folder is ours");
        fs::copy(
            root().join("tests/packaging/go/with/main.go"),
            module.path().join("main.go"),
        )
        .expect("the folder is ours");
        output_of(&mut module.go(["mod", "init", "example"]));
        module
    }

    fn use_package(self, package: PathBuf) -> Module {
        let replace = format!("libmemmap/memmap={}", package.display());
        let require = "libmemmap/memmap@v0.0.0";
        output_of(&mut self.go(["mod", "edit", "-require", require, "-replace", &replace]));
        self
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("module")
    }

    fn go(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(go());
        command.args(arguments).current_dir(self.path());
        command
    }

    /// Maps a file by a program of this module.
    fn maps_a_file(&self, program: &mut Command) {
        let file = self.folder.path().join("file");
        fs::write(&file, "mmap, and more").expect("the folder is ours");
        let output = program.arg(file).output().expect("it can be run");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "14 mmap\n");
        assert!(output.status.success());
    }
}

/// The archive; every test uses the same.
fn archive() -> &'static Path {
    static ARCHIVE: LazyLock<PathBuf> = LazyLock::new(|| dist("once.tar.gz", &[]));
    &ARCHIVE
}

fn dist(name: &str, variables: &[&str]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let place = format!("DIST={}", path.display());
    make(&[&["dist", &place], variables].concat());
    path
}

/// The folder that is in it.
const PACKAGE: &str = concat!("libmemmap-go-", env!("CARGO_PKG_VERSION"));

/// A folder for the head of PATH, in which cargo and pkg-config do nothing but fail.
fn without_tools() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for tool in ["cargo", "rustc", "pkg-config"] {
        let file = folder.path().join(tool);
        fs::write(&file, "#!/bin/sh\necho \"$0 was called\" >&2\nexit 1\n").expect("it is ours");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    let rest = std::env::var("PATH").expect("there is a PATH");
    let path = format!("{}:{rest}", folder.path().display());
    (folder, path)
}

#[test]
fn a_module_outside_builds_with_the_archive_and_without_cargo_and_pkg_config() {
    let module = Module::with_the_archive();
    let (_folder, path) = without_tools();
    output_of(module.go(["build", "-o", "program", "."]).env("PATH", path));
    module.maps_a_file(&mut Command::new(module.path().join("program")));
}

/// Go leaves the binding to those who link; the library stands in the way of nothing. A PIE would have Go compile all of
/// its own library once more; tests/packaging/library.rs makes one of C.
#[test]
fn a_program_is_as_hardened_as_go_makes_it_and_as_hardened_as_is_wished() {
    let module = Module::with_the_archive();
    let weak = |arguments: &[&str]| {
        output_of(
            module
                .go(["build", "-o", "program"])
                .args(arguments)
                .arg("."),
        );
        let program = fs::read(module.path().join("program")).expect("it was made");
        weaknesses(&program)
    };
    let lazily = weak(&[]);
    assert!(
        lazily.iter().all(|what| what.starts_with("lazy")),
        "{lazily:?}"
    );
    let now = r#"-ldflags=-extldflags "-Wl,-z,relro,-z,now,-z,text""#;
    assert_eq!(weak(&[now]), [""; 0]);
}

#[test]
fn the_archive_has_the_licences_and_the_notices_of_what_its_libraries_are_made_of() {
    let module = Module::with_the_archive();
    for file in ["LICENSE-APACHE", "LICENSE-MIT", "packaging/NOTICES"] {
        let ours = fs::read(root().join(file)).expect("it is there");
        let name = Path::new(file).file_name().expect("it has a name");
        let theirs = fs::read(module.folder.path().join(PACKAGE).join(name));
        assert!(theirs.is_ok_and(|theirs| theirs == ours), "{file}");
    }
}

#[test]
fn vendoring_takes_all_that_the_package_needs() {
    let module = Module::with_the_archive();
    output_of(&mut module.go(["mod", "vendor"]));
    let vendored = module.path().join("vendor/libmemmap/memmap");
    let package = module.folder.path().join(PACKAGE);
    let kept = fs::read_dir(&package).expect("it is there").map(|entry| {
        let entry = entry.expect("it can be listed");
        entry.file_name().into_string().expect("names are text")
    });
    let kept: Vec<_> = kept
        .filter(|name| name.ends_with(".a") || name.ends_with(".h"))
        .collect();
    assert_eq!(kept.len(), 3, "{kept:?}");
    fs::remove_dir_all(package).expect("it is ours");
    for name in kept {
        assert!(vendored.join(&name).is_file(), "{name} is not vendored");
    }
    output_of(&mut module.go(["build", "-o", "program", "."]));
    module.maps_a_file(&mut Command::new(module.path().join("program")));
}

/// Build IDs are made of the names of folders; everything else is compiled and linked anew here.
#[test]
fn two_builds_in_two_folders_are_the_same_bytes() {
    let build = |module: &Module| {
        let options = ["-trimpath", "-ldflags=-buildid=", "-o", "program"];
        output_of(module.go(["build"]).args(options));
        fs::read(module.path().join("program")).expect("it is there")
    };
    let once = build(&Module::with_the_archive());
    let again = build(&Module::with_the_archive());
    assert!(once == again, "two builds differ");
}

#[test]
fn two_archives_are_the_same_bytes() {
    let once = fs::read(archive()).expect("it is there");
    let again = fs::read(dist("again.tar.gz", &[])).expect("it is there");
    assert!(once == again, "two archives differ");
}

#[test]
fn the_archive_says_which_platforms_it_has_not() {
    let module = Module::with_the_archive();
    let mut list = module.go(["list", "libmemmap/memmap"]);
    list.env("GOARCH", "riscv64").env("CGO_ENABLED", "1");
    let output = list.output().expect("it can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        errors.contains("this_archive_has_no_libmemmap_for_this_platform"),
        "{errors}"
    );
}

/// The second library is none; nothing is linked here.
#[test]
fn an_archive_for_two_platforms_has_each_take_its_own_library() {
    let libraries = "DIST_LIBRARIES=linux_amd64=LICENSE-MIT linux_arm64=LICENSE-APACHE";
    let module = Module::with(&dist("two.tar.gz", &[libraries]));
    for (taken, other) in [("amd64", "arm64"), ("arm64", "amd64")] {
        let mut list = module.go(["list", "-f", "{{.CgoLDFLAGS}}", "libmemmap/memmap"]);
        let flags = output_of(list.env("GOARCH", taken).env("CGO_ENABLED", "1"));
        assert!(
            flags.contains(&format!("/libmemmap_linux_{taken}.a ")),
            "{flags}"
        );
        assert!(!flags.contains(other), "{flags}");
    }
}

#[test]
fn without_cgo_the_package_says_what_it_needs() {
    let module = Module::with_a_checkout();
    let mut list = module.go(["list", "libmemmap/memmap"]);
    let output = list
        .env("CGO_ENABLED", "0")
        .output()
        .expect("it can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        errors.contains("libmemmap_needs_cgo_and_a_C_compiler"),
        "{errors}"
    );
}

#[test]
fn the_tag_memmap_shared_links_what_is_installed() {
    if !has("pkg-config") {
        return;
    }
    // Go's cache keeps what pkg-config has said of a package, so the package is to be a new one.
    let (module, prefix) = (Module::with_the_archive(), Prefix::installed());
    let mut build = prefix.command(go().to_str().expect("a path of ours is text"));
    build.args(["build", "-tags", "memmap_shared", "-o", "program", "."]);
    output_of(build.current_dir(module.path()));
    let program = module.path().join("program");
    let needed = output_of(Command::new("readelf").arg("-d").arg(&program));
    assert!(needed.contains("[libmemmap.so.0]"), "{needed}");
    module.maps_a_file(&mut prefix.command(program.to_str().expect("it is text")));
}

/// A number in the README is one that `make size` prints; compilers differ by a little.
#[test]
fn a_binary_grows_by_what_the_readme_says() {
    let printed = make(&["--silent", "size"]);
    let difference = printed.lines().last().expect("it prints lines");
    let bytes: f64 = word_after(difference, "difference").parse().expect("bytes");
    let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
    let told: f64 = word_after(&readme, "grows by").parse().expect("megabytes");
    assert!(
        (bytes / 1e6 / told - 1.0).abs() < 0.15,
        "{told} MB, and it is {bytes} bytes"
    );
}

fn word_after<'a>(text: &'a str, words: &str) -> &'a str {
    let (_, rest) = text.split_once(words).expect("it is said");
    rest.split_whitespace().next().expect("it is not the end")
}
