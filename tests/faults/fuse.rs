//! A device that fails under a mapping: a file system of the test's own (FUSE) that answers EIO.
//!
//! It is served by another process, since a thread that serves it must never wait for a page of it. That
//! process has mounts of its own, which end with it; its file is reached through /proc/PID/root.

#[path = "../common/skip.rs"]
mod skip;

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, Generation, INodeNo, LockOwner, OpenFlags,
    ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyWrite, Request, WriteFlags,
};
use memmap::{Access, Causes, Error, Fault, Flush, Map, Options, TO_END};
use skip::skipped;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

const PAGE: u64 = 4096;
const PAGES: u64 = 64;

/// Names the server's folder, for the process that serves.
const SERVE: &str = "MEMMAP_TEST_SERVE";

/// The mount point and the switches, in the folder of a device.
const MOUNT: &str = "mount";
const SWITCHES: &str = "switches";

/// One file of 'x', whose device does what the files in a folder of switches say.
struct Broken {
    switches: PathBuf,
    bytes: Mutex<Vec<u8>>,
}

impl Broken {
    fn is_on(&self, switch: &str) -> bool {
        self.switches.join(switch).exists()
    }

    fn answer(&self, switch: &str) -> Result<(), Errno> {
        if self.is_on(switch) {
            Err(Errno::EIO)
        } else {
            Ok(())
        }
    }
}

fn attributes(inode: INodeNo) -> FileAttr {
    let is_root = inode == INodeNo::ROOT;
    FileAttr {
        ino: inode,
        size: if is_root { 0 } else { PAGES * PAGE },
        blocks: 0,
        atime: SystemTime::UNIX_EPOCH,
        mtime: SystemTime::UNIX_EPOCH,
        ctime: SystemTime::UNIX_EPOCH,
        crtime: SystemTime::UNIX_EPOCH,
        kind: if is_root {
            FileType::Directory
        } else {
            FileType::RegularFile
        },
        perm: 0o777,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: PAGE as u32,
        flags: 0,
    }
}

const FILE: INodeNo = INodeNo(2);
const TIME_TO_LIVE: Duration = Duration::from_secs(3600);

impl Filesystem for Broken {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == "file" {
            reply.entry(&TIME_TO_LIVE, &attributes(FILE), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&TIME_TO_LIVE, &attributes(inode));
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let end = (offset + u64::from(size)).min(PAGES * PAGE);
        let mut pages = offset / PAGE..end.div_ceil(PAGE);
        match pages.any(|page| self.is_on(&format!("read-{page}"))) {
            true => reply.error(Errno::EIO),
            false => {
                let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
                reply.data(&bytes[offset as usize..end as usize]);
            }
        }
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.answer("write") {
            Err(error) => reply.error(error),
            Ok(()) => {
                let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
                bytes[offset as usize..][..data.len()].copy_from_slice(data);
                reply.written(data.len() as u32);
            }
        }
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        match self.answer("fsync") {
            Err(error) => reply.error(error),
            Ok(()) => reply.ok(),
        }
    }
}

/// The other process. Started as a test it has nothing to do.
#[test]
fn the_server_of_the_other_tests() {
    let Some(folder) = std::env::var_os(SERVE).map(PathBuf::from) else {
        return;
    };
    let device = Broken {
        switches: folder.join(SWITCHES),
        bytes: Mutex::new(vec![b'x'; (PAGES * PAGE) as usize]),
    };
    fuser::mount(device, folder.join(MOUNT), &fuser::Config::default()).expect("it can be mounted");
}

/// A mounted device, whose server ends with it.
struct Device {
    server: Child,
    folder: tempfile::TempDir,
}

impl Device {
    /// None, and why, where there is no FUSE.
    fn new() -> Option<Device> {
        memmap::install_guard().expect("a handler can be installed");
        let folder = tempfile::tempdir().expect("a temporary folder");
        for part in [MOUNT, SWITCHES] {
            fs::create_dir(folder.path().join(part)).expect("the folder is ours");
        }
        let usable = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/fuse");
        let started = usable.and_then(|_| start_server(folder.path()));
        match started {
            Err(error) => {
                skipped(format!("FUSE cannot be used: {error}"));
                None
            }
            Ok(server) => {
                let mut device = Device { server, folder };
                while !device.file().exists() {
                    let ended = device.server.try_wait().expect("it is our child");
                    assert!(ended.is_none(), "the server ended: {ended:?}");
                    std::thread::yield_now();
                }
                Some(device)
            }
        }
    }

    fn file(&self) -> PathBuf {
        let path = self.folder.path().join(MOUNT).join("file");
        let path = path.strip_prefix("/").expect("it is absolute");
        Path::new(&format!("/proc/{}/root", self.server.id())).join(path)
    }

    fn map(&self, access: Access) -> Map {
        let options = Options {
            access,
            ..Options::default()
        };
        Map::open(self.file(), &options).expect("it is there")
    }

    fn switch_on(&self, switch: &str) {
        fs::write(self.folder.path().join(SWITCHES).join(switch), "").expect("the folder is ours");
    }

    fn switch_off(&self, switch: &str) {
        fs::remove_file(self.folder.path().join(SWITCHES).join(switch)).expect("it was on");
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Its mounts go with it.
        self.server.kill().expect("it is our child");
        self.server.wait().expect("it is our child");
    }
}

fn start_server(folder: &Path) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["--exact", "the_server_of_the_other_tests", "--nocapture"])
        .env(SERVE, folder)
        .stdout(Stdio::null());
    // SAFETY: only system calls are made between fork and exec.
    unsafe { command.pre_exec(own_mounts) };
    command.spawn()
}

/// Gives a process mounts of its own, and an end with the thread that started it.
fn own_mounts() -> io::Result<()> {
    let private = libc::MS_REC | libc::MS_PRIVATE;
    let (none, root) = (c"none".as_ptr(), c"/".as_ptr());
    // SAFETY: the strings are terminated, and nothing else is handed over.
    let failed = unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0
            || libc::unshare(libc::CLONE_NEWNS) != 0
            || libc::mount(none, root, none, private, std::ptr::null()) != 0
    };
    match failed {
        true => Err(io::Error::last_os_error()),
        false => Ok(()),
    }
}

fn read(map: &Map, page: u64) -> Result<u8, Error> {
    let mut bytes = [0; PAGE as usize];
    map.read(page * PAGE, &mut bytes)?;
    assert!(bytes.iter().all(|byte| *byte == bytes[0]), "page {page}");
    Ok(bytes[0])
}

#[test]
fn a_page_that_the_device_refuses_is_lost_alone_and_comes_back() {
    let Some(device) = Device::new() else { return };
    device.switch_on("read-3");
    let map = device.map(Access::ReadOnly);
    assert_eq!(read(&map, 3), Err(Error::Fault));
    let lost = Fault {
        offset: 3 * PAGE,
        length: PAGE,
        count: 1,
        causes: Causes::IO,
    };
    assert_eq!(map.fault(), Ok(lost));
    for page in (0..PAGES).filter(|page| *page != 3) {
        assert_eq!(read(&map, page), Ok(b'x'), "page {page}");
    }
    assert_eq!(map.check(0, 3 * PAGE), Ok(()));
    assert_eq!(map.check(4 * PAGE, TO_END), Ok(()));
    assert_eq!(map.fault(), Ok(lost));

    device.switch_off("read-3");
    assert_eq!(read(&map, 3), Err(Error::Fault), "nobody has recovered it");
    assert_eq!(map.recover(), Ok(()));
    assert_eq!(read(&map, 3), Ok(b'x'));
    assert_eq!(map.fault(), Ok(Fault::default()));
}

#[test]
fn a_device_that_is_still_broken_takes_the_page_again_after_recovering() {
    let Some(device) = Device::new() else { return };
    device.switch_on("read-5");
    let map = device.map(Access::ReadWrite);
    assert_eq!(map.write(5 * PAGE, b"lost"), Err(Error::Fault));
    assert_eq!(map.recover(), Ok(()), "the file is as long as it should be");
    assert_eq!(map.write(5 * PAGE, b"lost"), Err(Error::Fault));
    assert_eq!(map.fault().map(|fault| fault.causes), Ok(Causes::IO));
    device.switch_off("read-5");
    assert_eq!(map.recover(), Ok(()));
    assert_eq!(read(&map, 5), Ok(b'x'), "it went into a stand-in page");
    assert_eq!(map.write(5 * PAGE, b"good"), Ok(()));
    assert_eq!(map.flush(0, TO_END, Flush::Sync), Ok(()));
}

#[test]
fn pages_that_are_refused_one_by_one_are_each_lost_and_all_come_back() {
    let Some(device) = Device::new() else { return };
    for page in (0..PAGES).step_by(2) {
        device.switch_on(&format!("read-{page}"));
    }
    let map = device.map(Access::ReadOnly);
    for page in 0..PAGES {
        let expected = match page % 2 {
            0 => Err(Error::Fault),
            _ => Ok(b'x'),
        };
        assert_eq!(read(&map, page), expected, "page {page}");
    }
    assert_eq!(
        map.fault().map(|fault| u64::from(fault.count)),
        Ok(PAGES / 2)
    );
    for page in (0..PAGES).step_by(2) {
        device.switch_off(&format!("read-{page}"));
    }
    assert_eq!(map.recover(), Ok(()));
    assert!((0..PAGES).all(|page| read(&map, page) == Ok(b'x')));
}

fn a_flush_that_failed_is_answered_until_it_is_acknowledged(switch: &str) {
    let Some(device) = Device::new() else { return };
    let failed = Err(Error::System(libc::EIO));
    let map = device.map(Access::ReadWrite);
    assert_eq!(map.write(PAGE, b"first"), Ok(()));
    device.switch_on(switch);
    assert_eq!(map.flush(PAGE, 5, Flush::Sync), failed);
    device.switch_off(switch);
    assert_eq!(map.flush(PAGE, 5, Flush::Sync), failed, "it is well again");
    assert_eq!(map.flush(0, 0, Flush::Sync), failed);
    assert_eq!(map.fault(), Ok(Fault::default()), "no page is lost");
    assert_eq!(map.recover(), Ok(()));
    assert_eq!(map.write(PAGE, b"again"), Ok(()));
    assert_eq!(map.flush(PAGE, 5, Flush::Sync), Ok(()));
    drop(map);
    let bytes = fs::read(device.file()).expect("it is there");
    assert_eq!(bytes[PAGE as usize..][..5], *b"again");
}

#[test]
fn an_fsync_that_failed_is_answered_until_it_is_acknowledged() {
    a_flush_that_failed_is_answered_until_it_is_acknowledged("fsync");
}

#[test]
fn a_write_back_that_failed_is_answered_until_it_is_acknowledged() {
    a_flush_that_failed_is_answered_until_it_is_acknowledged("write");
}
