//! What documents and comments tell people to type, typed: in a checkout with a home and a target folder of its own.

use super::prefix::{is_root, output_of};
use super::{go, release_folder, root};
use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Somebody without rights.
const NOBODY: u32 = 65534;

/// Somebody who reads a document. The folder and what is in it are this user's, the files of the checkout are not.
pub struct Reader {
    folder: TempDir,
    user: Option<u32>,
}

impl Reader {
    pub fn new() -> Reader {
        Reader::of(None)
    }

    /// A reader without rights; None where this process can't become another user.
    pub fn without_rights() -> Option<Reader> {
        is_root().then(|| Reader::of(Some(NOBODY)))
    }

    fn of(user: Option<u32>) -> Reader {
        let release = release_folder();
        let reader = Reader {
            folder: tempfile::tempdir().expect("a temporary folder"),
            user,
        };
        let (target, built) = (reader.checkout().join("target"), reader.built());
        for folder in [&reader.home(), &built] {
            fs::create_dir_all(folder).expect("the folder is ours");
        }
        for entry in fs::read_dir(root()).expect("it is there") {
            let entry = entry.expect("it can be listed");
            let name = entry.file_name();
            if name != "target" && name != ".git" {
                symlink(entry.path(), reader.checkout().join(name)).expect("the folder is ours");
            }
        }
        // What `make build` leaves.
        for (name, library) in [
            ("libmemmap.a", "libmemmap.a"),
            ("libmemmap.so", "libmemmap.so"),
            ("libmemmap.so.0", "libmemmap.so"),
        ] {
            symlink(release.join(library), built.join(name)).expect("the folder is ours");
        }
        if let Ok(wheels) = root().join("target/wheel").canonicalize() {
            symlink(wheels, target.join("wheel")).expect("the folder is ours");
        }
        if user.is_some() {
            let folder = reader.folder.path().to_owned();
            for path in [folder, reader.checkout(), reader.home(), target, built] {
                chown(path, user, user).expect("this process is root's");
            }
        }
        reader
    }

    pub fn checkout(&self) -> PathBuf {
        self.folder.path().join("libmemmap")
    }

    fn built(&self) -> PathBuf {
        self.checkout().join("target/release")
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The folder of a program that is not the library's, made if it isn't there.
    pub fn new_folder(&self, name: &str) -> PathBuf {
        let path = self.home().join(name);
        fs::create_dir_all(&path).expect("the folder is ours");
        chown(&path, self.user, self.user).expect("it is ours");
        path
    }

    /// Runs commands in a shell, at the top of the checkout. A line that begins with `make build` is left out: what it
    /// builds is there.
    pub fn types(&self, commands: &str) -> Output {
        self.types_in(&self.checkout(), commands)
    }

    pub fn types_in(&self, folder: &Path, commands: &str) -> Output {
        let commands: String = commands
            .lines()
            .filter(|line| !line.starts_with("make build"))
            .map(|line| format!("{line}\n"))
            .collect();
        let mut shell = self.command("sh");
        shell.args(["-euc", &commands]).current_dir(folder);
        shell.output().expect("there is a shell")
    }

    /// A program, run by this reader. Caches that only save time are the machine's.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let go = go();
        let path = std::env::var("PATH").expect("there is a PATH");
        let folder = go.parent().expect("it lies in a folder");
        let mut command = Command::new(program);
        for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let real = std::env::home_dir().expect("there is a home").join(folder);
            command.env(name, std::env::var_os(name).unwrap_or(real.into()));
        }
        command
            .env("GOCACHE", self.cache_of(&go))
            .env("GOENV", "off")
            .env("HOME", self.home())
            .env("PATH", format!("{}:{path}", folder.display()))
            .env_remove("MAKEFLAGS")
            .env_remove("MAKEOVERRIDES");
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// Another user keeps a cache from one run to the next.
    fn cache_of(&self, go: &Path) -> PathBuf {
        if self.user.is_none() {
            let cache = output_of(Command::new(go).args(["env", "GOCACHE"]));
            return PathBuf::from(cache.trim());
        }
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache-of-nobody");
        fs::create_dir_all(&cache).expect("the folder is ours");
        chown(&cache, self.user, self.user).expect("this process is root's");
        cache
    }
}

/// The commands in the comment at the head of an example: the first of its lines that are indented by five.
pub fn commands_of(example: &Path) -> String {
    let text = fs::read_to_string(example).expect("it is there");
    let command = |line: &str| {
        let leaders = ["//", "--", "#", "*"];
        let comment = leaders
            .iter()
            .find_map(|leader| line.trim_start().strip_prefix(leader));
        comment?
            .strip_prefix("     ")
            .map(|command| format!("{command}\n"))
    };
    let lines = text.lines().map(command);
    let commands: String = lines
        .skip_while(Option::is_none)
        .map_while(|command| command)
        .collect();
    assert!(
        !commands.is_empty(),
        "{} doesn't say how to run it",
        example.display()
    );
    commands
}

/// The commands of a document: its blocks in sh, one after the other.
pub fn blocks_of(page: &str) -> String {
    let blocks = page.split("\n```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().expect("it ends"))
        .collect()
}
