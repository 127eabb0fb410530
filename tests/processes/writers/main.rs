//! Other writers of the file: the program of tests/processes/writers runs every function that changes a size or a file
//! beside processes that append, overwrite, truncate and lock, on each available file system.

#[path = "../../common/mod.rs"]
mod common;
#[path = "../../common/disk/mod.rs"]
mod disk;

use common::c::{Library, how_it_ended, link};
use common::root;
use common::skip::{skipped, tell_what_is_skipped};
use disk::Kind;
use disk::device::{Device, FOR_USE, Mounted};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

/// The number of calls of most functions. Slow ones are called less often.
const MANY: &str = "1500";
const FEW: &str = "300";

#[test]
fn nothing_is_lost_on_the_file_system_of_temporary_files() {
    runs_in(&std::env::temp_dir(), MANY);
}

#[test]
fn nothing_is_lost_on_tmpfs() {
    runs_in(Path::new("/dev/shm"), MANY);
}

/// Its blocks are smaller than pages.
#[test]
fn nothing_is_lost_on_ext4() {
    runs_on(Kind::Ext4);
}

#[test]
fn nothing_is_lost_on_xfs() {
    runs_on(Kind::Xfs);
}

#[test]
fn nothing_is_lost_on_btrfs() {
    runs_on(Kind::Btrfs);
}

fn runs_on(kind: Kind) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    match mounted(kind, folder.path()) {
        Ok(mounted) => runs_in(mounted.path(), FEW),
        Err(error) => skipped(format!("writers of files on {kind:?}: {error}")),
    }
}

/// Returns a new file system of that kind, mounted only for this thread and its children.
fn mounted(kind: Kind, folder: &Path) -> io::Result<Mounted> {
    disk::own_mounts()?;
    let (image, at) = (folder.join("image"), folder.join("mount"));
    fs::create_dir(&at)?;
    kind.make(&image)?;
    let image = OpenOptions::new().read(true).write(true).open(image)?;
    let device = Device::over(&OwnedFd::from(image))?;
    Mounted::at(&at, device, kind, FOR_USE)
}

fn runs_in(parent: &Path, rounds: &str) {
    let built = tempfile::tempdir().expect("a temporary folder");
    let source = root().join("tests/processes/writers/writers.c");
    let headers = format!("-I{}", root().join("tests/contract/c").display());
    let flags = ["-std=c11", "-D_GNU_SOURCE", &headers];
    let program = link(&built, &source, Library::Static, &flags);
    let folder = tempfile::tempdir_in(parent).expect("a temporary folder");
    let mut command = Command::new(program);
    let output = command
        .env("MEMMAP_ROUNDS", rounds)
        .arg(folder.path())
        .output();
    let output = output.expect("what has been linked can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    tell_what_is_skipped("writers.c", &text);
    let ended = how_it_ended(&output);
    assert!(output.status.success(), "writers.c {ended}:\n{text}");
    let left: Vec<_> = fs::read_dir(folder.path()).expect("it is there").collect();
    assert!(left.is_empty(), "writers.c left files behind: {left:?}");
}
