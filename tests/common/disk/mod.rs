//! A disk for tests: a file that another process serves (FUSE), under a loop device, under a real file system. It logs
//! what is written to it, and fails if requested.
//!
//! Another process serves it, since a thread that serves it must never wait for one of its pages.
#![allow(
    dead_code,
    reason = "every test target compiles this for itself, and none uses all of it"
)]

pub mod device;
pub mod kinds;
pub mod log;
mod server;

pub use kinds::Kind;

use device::{Device, Mounted};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The names in the folder of a disk.
const IMAGE: &str = "image";
const MARKS: &str = "marks";

/// Requests with data fail or are held only if their data contain this.
pub const NEEDLE: &[u8] = b"bytes of the test's own";

/// The variable with the folder of the server, for the process that serves.
const SERVE: &str = "MEMMAP_TEST_DISK";

/// Runs the server, if this process was started for that. Each test target has a test with the name in [`SERVER`] that
/// only calls this.
pub fn serve_if_asked() {
    if let Some(folder) = std::env::var_os(SERVE) {
        server::serve(Path::new(&folder));
    }
}

/// See [`serve_if_asked`].
pub const SERVER: &str = "the_disk_of_the_other_tests";

/// A disk, which is served until this is dropped.
pub struct Disk {
    server: Child,
    control: BufReader<UnixStream>,
    held: usize,
    folder: tempfile::TempDir,
}

impl Disk {
    /// Creates a disk with an empty file system. The error is the reason why there can be none.
    pub fn new(kind: Kind) -> io::Result<Disk> {
        own_mounts()?;
        let folder = tempfile::tempdir()?;
        kind.make(&folder.path().join(IMAGE))?;
        for part in ["mount", "files"] {
            fs::create_dir(folder.path().join(part))?;
        }
        drop(device::open_for_use("/dev/fuse")?);
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["--exact", SERVER, "--nocapture"])
            .env(SERVE, folder.path())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null());
        // SAFETY: only a system call is made between fork and exec.
        unsafe { command.pre_exec(end_with_the_test) };
        let server = command.spawn()?;
        drop(command); // Closes the copy of the end that the server uses.
        let control = BufReader::new(ours);
        let mut disk = Disk {
            server,
            control,
            held: 0,
            folder,
        };
        disk.expect_word("mounted")?;
        Ok(disk)
    }

    fn expect_word(&mut self, wanted: &str) -> io::Result<()> {
        loop {
            let mut line = String::new();
            if self.control.read_line(&mut line)? == 0 {
                return Err(io::Error::other("the disk's server ended"));
            }
            match line.trim() {
                word if word == wanted => return Ok(()),
                "held" => self.held += 1,
                other => panic!("the server says {other:?}"),
            }
        }
    }

    /// Sends a command to the disk, such as `write EIO` or `flush holds`. Requests that are held are completed, or held
    /// again.
    pub fn say(&mut self, command: &str) {
        self.held = 0;
        writeln!(self.control.get_ref(), "{command}").expect("the server listens");
        self.expect_word("ok").expect("the server lives");
    }

    /// Waits until the disk holds a request.
    pub fn wait_until_held(&mut self) {
        if self.held == 0 {
            self.expect_word("held").expect("the server lives");
        }
    }

    /// Where the disk can be mounted, and is.
    pub fn mount(&self, kind: Kind) -> io::Result<Mounted> {
        let image = self.folder.path().join("mount").join(IMAGE);
        let image = OpenOptions::new().read(true).write(true).open(image)?;
        let device = Device::over(&OwnedFd::from(image))?;
        Mounted::at(
            &self.folder.path().join("files"),
            device,
            kind,
            device::FOR_USE,
        )
    }

    /// Returns the file whose writes are marks in the log.
    pub fn marks(&self) -> PathBuf {
        self.folder.path().join("mount").join(MARKS)
    }

    /// Returns the file with the bytes of the disk, which is not served.
    pub fn image(&self) -> File {
        File::open(self.folder.path().join(IMAGE)).expect("the disk was made")
    }

    /// Returns the events so far.
    pub fn log(&self) -> Vec<log::Event> {
        log::read(&self.folder.path().join("log"))
    }

    /// Removes the disk by killing its server.
    pub fn vanish(&mut self) {
        self.server.kill().expect("it is our child");
        self.server.wait().expect("it is our child");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.vanish();
        // Then the folder can be removed, even if a failed test still uses the disk.
        device::detach(&self.folder.path().join("mount"));
    }
}

fn end_with_the_test() -> io::Result<()> {
    // SAFETY: the arguments are numbers.
    match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Moves the calling thread to a mount namespace of its own, which its children share and which ends with them.
pub fn own_mounts() -> io::Result<()> {
    let private = libc::MS_REC | libc::MS_PRIVATE;
    let (none, root) = (c"none".as_ptr(), c"/".as_ptr());
    // SAFETY: the strings are terminated; the other arguments are numbers and NULL.
    let failed = unsafe {
        libc::unshare(libc::CLONE_NEWNS) != 0
            || libc::mount(none, root, none, private, std::ptr::null()) != 0
    };
    match failed {
        true => Err(io::Error::last_os_error()),
        false => Ok(()),
    }
}
