//! The process that serves the file of the disk, logs what is written to it, and fails if requested.

use super::log::{Event, Writer};
use super::{IMAGE, MARKS, NEEDLE};
use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request,
    WriteFlags,
};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::FromRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

const FOR_EVER: Duration = Duration::from_secs(3600);
const IMAGE_NODE: INodeNo = INodeNo(2);
const MARKS_NODE: INodeNo = INodeNo(3);

/// What the disk does with a kind of request.
enum Mood {
    Well,
    Fails(Errno),
    /// The request is held until the next command.
    Holds,
}

/// A request that is held.
enum Held {
    Write(u64, Vec<u8>, ReplyWrite),
    Read(u64, usize, ReplyData),
    Flush(ReplyEmpty),
}

struct State {
    image: File,
    size: u64,
    log: Writer,
    control: UnixStream,
    write: Mood,
    read: Mood,
    flush: Mood,
    held: Vec<Held>,
}

/// Serves the disk in `folder` until it is killed. Standard input is the stream of commands.
pub fn serve(folder: &Path) {
    // SAFETY: nothing else in this process uses its standard input.
    let control = unsafe { UnixStream::from_raw_fd(0) };
    let image = OpenOptions::new()
        .read(true)
        .write(true)
        .open(folder.join(IMAGE))
        .expect("the disk was made");
    let state = State {
        size: image.metadata().expect("it is open").len(),
        image,
        log: Writer::create(&folder.join("log")),
        control: control.try_clone().expect("a second descriptor"),
        write: Mood::Well,
        read: Mood::Well,
        flush: Mood::Well,
        held: Vec::new(),
    };
    let disk = Served(Arc::new(Mutex::new(state)));
    let commanded = Served(Arc::clone(&disk.0));
    let session = fuser::spawn_mount(disk, folder.join("mount"), &fuser::Config::default());
    let _session = session.expect("it can be mounted");
    commanded.state().tell("mounted");
    for command in BufReader::new(control).lines() {
        let command = command.expect("it is text");
        commanded.state().obey(&command);
    }
}

impl State {
    fn tell(&mut self, word: &str) {
        writeln!(self.control, "{word}").expect("the test listens");
    }

    fn obey(&mut self, command: &str) {
        let (what, how) = command.split_once(' ').expect("two words");
        let mood = match how {
            "well" => Mood::Well,
            "holds" => Mood::Holds,
            "EIO" => Mood::Fails(Errno::EIO),
            "ENOSPC" => Mood::Fails(Errno::ENOSPC),
            other => panic!("no mood is called {other:?}"),
        };
        match what {
            "write" => self.write = mood,
            "read" => self.read = mood,
            "flush" => self.flush = mood,
            other => panic!("no request is called {other:?}"),
        }
        for held in std::mem::take(&mut self.held) {
            self.answer(held);
        }
        self.tell("ok");
    }

    fn hold(&mut self, request: Held) {
        self.held.push(request);
        self.tell("held");
    }

    fn answer(&mut self, request: Held) {
        match request {
            Held::Write(offset, data, reply) => self.write(offset, data, reply),
            Held::Read(offset, len, reply) => self.read(offset, len, reply),
            Held::Flush(reply) => self.flush(reply),
        }
    }

    /// Commands apply only to writes and reads of data of the test. Blocks of the file system itself never fail.
    fn write(&mut self, offset: u64, data: Vec<u8>, reply: ReplyWrite) {
        match self.write {
            Mood::Fails(errno) if has_needle(&data) => return reply.error(errno),
            Mood::Holds if has_needle(&data) => {
                return self.hold(Held::Write(offset, data, reply));
            }
            _ => {}
        }
        let written = self.image.write_all_at(&data, offset);
        written.expect("the image has room");
        let len = data.len() as u32;
        self.log.append(&Event::Write(offset, data));
        reply.written(len);
    }

    fn read(&mut self, offset: u64, len: usize, reply: ReplyData) {
        let mut data = vec![0; len.min(self.size.saturating_sub(offset) as usize)];
        let read = self.image.read_exact_at(&mut data, offset);
        read.expect("the image is whole");
        match self.read {
            Mood::Fails(errno) if has_needle(&data) => reply.error(errno),
            Mood::Holds if has_needle(&data) => self.hold(Held::Read(offset, len, reply)),
            _ => reply.data(&data),
        }
    }

    fn flush(&mut self, reply: ReplyEmpty) {
        match self.flush {
            Mood::Fails(errno) => reply.error(errno),
            Mood::Holds => self.hold(Held::Flush(reply)),
            Mood::Well => {
                self.log.append(&Event::Flush);
                reply.ok();
            }
        }
    }
}

fn has_needle(data: &[u8]) -> bool {
    data.windows(NEEDLE.len()).any(|window| window == NEEDLE)
}

struct Served(Arc<Mutex<State>>);

impl Served {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attributes(&self, inode: INodeNo) -> FileAttr {
        let folder = inode == INodeNo::ROOT;
        FileAttr {
            ino: inode,
            size: if inode == IMAGE_NODE {
                self.state().size
            } else {
                0
            },
            blocks: 0,
            atime: SystemTime::UNIX_EPOCH,
            mtime: SystemTime::UNIX_EPOCH,
            ctime: SystemTime::UNIX_EPOCH,
            crtime: SystemTime::UNIX_EPOCH,
            kind: if folder {
                FileType::Directory
            } else {
                FileType::RegularFile
            },
            perm: if folder { 0o777 } else { 0o666 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let inode = match name.to_str() {
            Some(IMAGE) => IMAGE_NODE,
            Some(MARKS) => MARKS_NODE,
            _ => return reply.error(Errno::ENOENT),
        };
        reply.entry(&FOR_EVER, &self.attributes(inode), Generation(0));
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&FOR_EVER, &self.attributes(inode));
    }

    fn open(&self, _: &Request, inode: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // A mark is in the log before its write returns.
        let flags = match inode {
            MARKS_NODE => FopenFlags::FOPEN_DIRECT_IO,
            _ => FopenFlags::empty(),
        };
        reply.opened(FileHandle(0), flags);
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
        self.state().read(offset, size as usize, reply);
    }

    fn write(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut state = self.state();
        if inode == IMAGE_NODE {
            return state.write(offset, data.to_vec(), reply);
        }
        state.log.append(&Event::Mark(data.to_vec()));
        reply.written(data.len() as u32);
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.state().flush(reply);
    }
}
