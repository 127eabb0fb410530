//! Debian's packages: made, checked, installed into a scratch root, used, and removed.

#[path = "../common/mod.rs"]
mod common;

use common::elf::weaknesses;
use common::prefix::{has, is_root, make, output_of};
use common::root;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

/// A root of dpkg's own, with nothing installed.
struct Root {
    folder: TempDir,
}

impl Root {
    fn new() -> Root {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = folder.path().join("var/lib/dpkg");
        for name in ["info", "updates", "triggers"] {
            fs::create_dir_all(state.join(name)).expect("the folder is ours");
        }
        fs::write(state.join("status"), "").expect("the folder is ours");
        Root { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What the packages need of the system is outside of this root.
    fn dpkg(&self) -> Command {
        let mut command = Command::new("dpkg");
        command
            .arg("--root")
            .arg(self.path())
            .args(["--force-not-root", "--force-depends", "--force-bad-path"])
            .arg("--log=/dev/null");
        command
    }

    /// The files below /usr.
    fn files(&self) -> String {
        let usr = self.path().join("usr");
        match usr.exists() {
            true => output_of(Command::new("find").arg(usr).args(["!", "-type", "d"])),
            false => String::new(),
        }
    }

    fn libraries(&self) -> PathBuf {
        let multiarch = output_of(Command::new("dpkg-architecture").arg("-qDEB_HOST_MULTIARCH"));
        self.path().join("usr/lib").join(multiarch.trim())
    }
}

/// The packages: the library, the files for development, and the programs. They are made once for all tests.
fn packages() -> &'static [PathBuf; 3] {
    static PACKAGES: LazyLock<[PathBuf; 3]> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deb");
        let place = format!("DEB={}", folder.display());
        // xz, the default, takes ten times as long (dpkg-deb(1)).
        let said = make(&["--silent", "deb", &place, "DPKG_DEB_COMPRESSOR_TYPE=gzip"]);
        let mut packages = said.lines().map(PathBuf::from);
        [0, 1, 2].map(|_| packages.next().expect("it says where they are"))
    });
    &PACKAGES
}

fn can_package() -> bool {
    has("dpkg-deb") && has("dpkg-shlibdeps")
}

#[test]
fn the_packages_are_installed_used_and_removed() {
    if !can_package() || !has("pkg-config") || !is_root() {
        return;
    }
    let (root, packages) = (Root::new(), packages());
    output_of(root.dpkg().arg("--install").args(packages));
    assert!(root.files().contains("/libmemmap.so.0"));
    let installed = fs::read(root.libraries().join("libmemmap.so.0")).expect("it is there");
    assert_eq!(weaknesses(&installed), [""; 0]);

    let program = root.path().join("program");
    let mut build = Command::new("sh");
    build
        .args([
            "-euc",
            "cc \"$1\" $(pkg-config --cflags --libs memmap) -o \"$2\"",
            "sh",
        ])
        .arg(common::root().join("tests/packaging/install/program.c"))
        .arg(&program)
        .env("PKG_CONFIG_PATH", root.libraries().join("pkgconfig"));
    output_of(&mut build);
    let said = output_of(Command::new(program).env("LD_LIBRARY_PATH", root.libraries()));
    assert_eq!(said, concat!(env!("CARGO_PKG_VERSION"), " mmap\n"));

    for program in ["mapview", "memmap-guide"] {
        let path = root.path().join("usr/bin").join(program);
        let version = concat!(" (libmemmap) ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(
            output_of(Command::new(&path).arg("--version")),
            format!("{program}{version}")
        );
        assert_eq!(weaknesses(&fs::read(path).expect("it is there")), [""; 0]);
    }

    let names = ["libmemmap-tools", "libmemmap-dev", "libmemmap0"];
    output_of(root.dpkg().arg("--purge").args(names));
    assert_eq!(root.files(), "");
}

#[test]
fn the_library_alone_brings_all_that_a_program_needs_and_nothing_to_build_with() {
    if !can_package() {
        return;
    }
    let [library, development, programs] = packages();
    let lists = |package| output_of(Command::new("dpkg-deb").arg("-c").arg(package));
    let (library, development, programs) = (lists(library), lists(development), lists(programs));
    assert!(library.contains("libmemmap.so.0 ->") && !library.contains("memmap.h"));
    // Two versions of the library can be installed side by side only if they share no file.
    assert!(development.contains("libmemmap.so -> libmemmap.so.0"));
    assert!(!development.contains("libmemmap.so.0.") && development.contains("memmap.h"));
    for file in [
        "bin/mapview",
        "bin/memmap-guide",
        "man1/mapview.1.gz",
        "man1/memmap-guide.1.gz",
    ] {
        assert!(programs.contains(&format!("{file}\n")), "{programs}");
    }
    assert!(!programs.contains("libmemmap.so") && !programs.contains("memmap.h"));
}

#[test]
fn the_packages_say_what_they_need_and_how_they_are_licensed() {
    if !can_package() {
        return;
    }
    let [library, development, programs] = packages();
    let field =
        |package, name| output_of(Command::new("dpkg-deb").arg("-f").arg(package).arg(name));
    let version = format!("{}-1\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(field(library, "Version"), version);
    assert!(field(library, "Depends").contains("libc6 (>= "));
    let same = format!("libmemmap0 (= {version}").replace('\n', ")\n");
    assert_eq!(field(development, "Depends"), same);
    // The notices of what is linked in: the run-time dependencies, and Rust's own library.
    for (package, name) in [
        (library, "libmemmap0"),
        (development, "libmemmap-dev"),
        (programs, "libmemmap-tools"),
    ] {
        let list = output_of(Command::new("dpkg-deb").arg("-c").arg(package));
        for file in ["copyright", "NOTICES.gz"] {
            let path = format!("/usr/share/doc/{name}/{file}\n");
            assert!(list.contains(&path), "{name} lacks {file}");
        }
        // They are elsewhere in a package.
        assert!(!list.contains("/usr/share/doc/memmap/"));
    }
    let copyright = fs::read_to_string(root().join("packaging/copyright")).expect("it is there");
    for linked in ["rust/*", "libc/*", "memchr/*", "memmap2/*", "go/*"] {
        assert!(copyright.contains(linked), "{linked}");
    }
}

/// Of the smaller package; `make lintian` has it look at both.
#[test]
fn lintian_has_nothing_to_say() {
    if !can_package() || !has("lintian") {
        return;
    }
    let [library, ..] = packages();
    make(&["lintian", &format!("PACKAGES={}", library.display())]);
}
