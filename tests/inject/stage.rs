//! What a case has to work with: a folder, a file, a mapping of it, and what the call hands out.

use super::abi::{self, Handle, Options, Status};
use super::state::State;
use std::ffi::{CString, c_void};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::ptr;

pub const PAGE: u64 = 4096;
/// A file's bytes: no whole number of pages.
pub const SIZE: u64 = 3 * PAGE + 100;
/// No handle, and what an output is that wasn't written.
pub const NOTHING: Handle = 0;

/// Made anew for every call.
pub struct Stage {
    /// On a file system with a journal.
    folder: PathBuf,
    /// On tmpfs, and shared with others.
    memory: PathBuf,
    /// A name there that no other process has.
    shared: String,
    /// The mapping that a call is about.
    pub handle: Handle,
    /// The mapping that a call hands out.
    pub out: Handle,
    /// A descriptor that a call hands out.
    pub out_fd: i32,
    /// A descriptor that a call is given.
    pub fd: RawFd,
    /// Memory that was mapped without the library.
    pub foreign: *mut c_void,
}

impl Stage {
    pub fn new(folder: &Path) -> Stage {
        Stage {
            folder: folder.to_owned(),
            memory: PathBuf::from("/dev/shm"),
            shared: format!("memmap-inject-{}", std::process::id()),
            handle: NOTHING,
            out: NOTHING,
            out_fd: -1,
            fd: -1,
            foreign: ptr::null_mut(),
        }
    }

    pub fn state(&self) -> State {
        State::now(&[(&self.folder, ""), (&self.memory, &self.shared)])
    }

    pub fn shared(&self) -> CString {
        CString::new(self.shared.clone()).expect("there is no NUL")
    }

    fn file(&self) -> PathBuf {
        self.folder.join("file")
    }

    pub fn path(&self) -> CString {
        CString::new(self.file().into_os_string().into_string().expect("text")).expect("no NUL")
    }

    /// The path of a file on tmpfs.
    pub fn path_in_memory(&self) -> CString {
        let path = self.memory.join(&self.shared);
        CString::new(path.into_os_string().into_string().expect("text")).expect("no NUL")
    }

    /// Makes the file.
    pub fn make_file(&mut self) {
        fill(&self.file());
    }

    pub fn make_file_in_memory(&mut self) {
        fill(&self.memory.join(&self.shared));
    }

    /// The file, cut or grown by somebody else.
    pub fn set_file_size(&self, size: u64) {
        let file = OpenOptions::new().write(true).open(self.file());
        file.and_then(|file| file.set_len(size))
            .expect("the file is ours");
    }

    /// Makes the file and maps it.
    pub fn map_file(&mut self, options: Options) {
        self.make_file();
        let path = self.path();
        // SAFETY: the path is terminated, and the structs are there for the call.
        let status = unsafe { abi::memmap_open(path.as_ptr(), &options, &mut self.handle) };
        assert_eq!(status, 0);
    }

    pub fn map_memory(&mut self, size: u64) {
        // SAFETY: as above.
        let status = unsafe { abi::memmap_anonymous(size, ptr::null(), &mut self.handle) };
        assert_eq!(status, 0);
    }

    pub fn map_memfd(&mut self) {
        // SAFETY: as above.
        let status =
            unsafe { abi::memmap_memfd(c"inject".as_ptr(), SIZE, ptr::null(), &mut self.handle) };
        assert_eq!(status, 0);
    }

    /// Gives the call a descriptor of the file.
    pub fn open_file(&mut self) {
        let file = OpenOptions::new().read(true).write(true).open(self.file());
        self.fd = file.expect("the file is ours").into_raw_fd();
    }

    /// Locks the file by the descriptor.
    pub fn lock_file(&self) {
        // SAFETY: zero is a valid one.
        let mut lock: libc::flock64 = unsafe { std::mem::zeroed() };
        lock.l_type = libc::F_WRLCK as i16;
        // SAFETY: the struct is there for the call.
        assert_eq!(unsafe { libc::fcntl(self.fd, libc::F_OFD_SETLK, &lock) }, 0);
    }

    /// Gives the call a descriptor of the mapping's file.
    pub fn open_handle(&mut self) {
        // SAFETY: the number is there for the call.
        assert_eq!(unsafe { abi::memmap_fd(self.handle, &mut self.fd) }, 0);
    }

    /// Maps the file without the library.
    pub fn map_without_library(&mut self) {
        self.make_file();
        self.open_file();
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a new mapping touches no other.
        self.foreign = unsafe {
            libc::mmap(
                ptr::null_mut(),
                SIZE as usize,
                protection,
                flags,
                self.fd,
                0,
            )
        };
        assert_ne!(self.foreign, libc::MAP_FAILED);
    }

    /// Has pages of the mapping lost, and the file whole again.
    pub fn lose_pages(&mut self) {
        // SAFETY: it takes nothing.
        assert_eq!(unsafe { abi::memmap_guard_install() }, 0);
        self.map_file(read_write());
        self.set_file_size(PAGE);
        let mut byte = 0u8;
        let to = (&raw mut byte).cast();
        // SAFETY: there is room for one byte.
        let status = unsafe { abi::memmap_read(self.handle, 2 * PAGE, to, 1) };
        assert_eq!(status, -6);
        self.set_file_size(SIZE);
    }

    /// Whether the call that failed has handed anything out.
    pub fn has_outputs(&self) -> bool {
        self.out != NOTHING || self.out_fd != -1
    }

    /// Gives everything back.
    pub fn clear(self) {
        // SAFETY: it takes any number.
        unsafe { abi::memmap_poison_closed(0) };
        for handle in [self.out, self.handle] {
            // SAFETY: it takes any number.
            unsafe { abi::memmap_close(handle) };
        }
        for fd in [self.out_fd, self.fd].into_iter().filter(|fd| *fd >= 0) {
            // SAFETY: it is ours.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
        if !self.foreign.is_null() {
            // SAFETY: it was mapped so.
            unsafe { libc::munmap(self.foreign, SIZE as usize) };
        }
        let _ = fs::remove_file(self.file());
        let _ = fs::remove_file(self.memory.join(&self.shared));
    }
}

fn fill(path: &Path) {
    let mut file = File::create(path).expect("the folder is ours");
    file.write_all(&[b'x'; SIZE as usize])
        .expect("there is room");
}

/// Options of that access and those flags.
pub fn options(access: u32, flags: u32) -> Options {
    Options {
        size: size_of::<Options>() as u32,
        access,
        flags,
        ..Options::default()
    }
}

pub fn read_write() -> Options {
    options(abi::READ_WRITE, 0)
}

/// A call, and what has to be there for it.
#[derive(Clone, Copy)]
pub struct Case {
    /// The function, and what is particular.
    pub name: &'static str,
    /// What it answers when nothing fails.
    pub answer: Status,
    pub prepare: fn(&mut Stage),
    pub act: fn(&mut Stage) -> Status,
}
