//! What a case has to work with: a folder, a file, a mapping of it, and what the call hands out.

use super::abi::{self, Filled, Handle, Options, Status};
use super::filter::unwatched;
use super::state::State;
use std::ffi::{CString, c_void};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::ops::Range;
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
    /// Where the memory is that was there before the call.
    regions: Vec<Range<usize>>,
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
            regions: Vec::new(),
        }
    }

    /// What there is in the folders, and in the memory that was there before the call.
    pub fn state(&self) -> State {
        self.state_of(&self.regions)
    }

    /// What there is after a call that has succeeded, which may have moved the memory.
    pub fn state_now(&self) -> State {
        self.state_of(&self.regions_now())
    }

    fn state_of(&self, regions: &[Range<usize>]) -> State {
        let (folder, memory) = (self.folder.clone(), self.memory.clone());
        let (shared, regions, told) = (self.shared.clone(), regions.to_vec(), self.told());
        unwatched(move || {
            let folders = [(&*folder, ""), (&*memory, &*shared)];
            State::now(&folders, &regions, told)
        })
    }

    /// What the library says of the mapping, and how many it has.
    fn told(&self) -> String {
        let (mut info, mut fault, mut stats) = (Filled::of(40), Filled::of(32), Filled::of(40));
        // SAFETY: each has room for what it says.
        let statuses = unsafe {
            [
                abi::memmap_get_info(self.handle, &mut info),
                abi::memmap_get_fault(self.handle, &mut fault),
                abi::memmap_get_stats(&mut stats),
                abi::memmap_check(self.handle, 0, abi::TO_END),
            ]
        };
        // Of all, the number of mappings and of their bytes.
        let (info, fault, stats) = (&info.rest[..9], &fault.rest[..7], &stats.rest[1..5]);
        format!("{statuses:?} info {info:?} fault {fault:?} stats {stats:?}")
    }

    /// From here on it is looked at what becomes of the memory that there is now.
    pub fn look_at_memory(&mut self) {
        self.regions = self.regions_now();
    }

    /// The memory of the mappings and what was mapped without the library, in whole pages.
    fn regions_now(&self) -> Vec<Range<usize>> {
        let handles = [self.handle, self.out];
        let mut regions: Vec<_> = handles.into_iter().filter_map(region_of).collect();
        if !self.foreign.is_null() {
            let start = self.foreign as usize;
            regions.push(start..(start + SIZE as usize).next_multiple_of(PAGE as usize));
        }
        regions.retain(|region| region.len() <= MOST_LOOKED_AT);
        regions
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
        self.map_memory_with(size, options(0, 0));
    }

    /// Maps memory that has other bytes than zeros.
    pub fn map_memory_with(&mut self, size: u64, options: Options) {
        // SAFETY: as above.
        let status = unsafe { abi::memmap_anonymous(size, &options, &mut self.handle) };
        assert_eq!(status, 0);
        // SAFETY: it takes numbers.
        let status = unsafe { abi::memmap_fill(self.handle, 0, abi::TO_END, b'y') };
        assert_eq!(status, 0);
    }

    /// Makes several areas of the mapping, by advice for one of its pages.
    pub fn split(&self) {
        const RANDOM: u32 = 2;
        // SAFETY: it takes numbers.
        let status = unsafe { abi::memmap_advise(self.handle, PAGE, PAGE, RANDOM) };
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
        self.lose_pages_of(read_write());
    }

    /// The same of a mapping with these options.
    pub fn lose_pages_of(&mut self, options: Options) {
        // SAFETY: it takes nothing.
        assert_eq!(unsafe { abi::memmap_guard_install() }, 0);
        self.map_file(options);
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

/// More memory than this only takes time.
const MOST_LOOKED_AT: usize = 1 << 20;

/// The pages of a mapping, with those that it may grow into.
fn region_of(handle: Handle) -> Option<Range<usize>> {
    let (mut data, mut len) = (ptr::null_mut(), 0);
    let mut info = Filled::of(40);
    // SAFETY: they are filled where they are.
    let told = unsafe {
        abi::memmap_data(handle, &mut data, &mut len) == 0
            && abi::memmap_get_info(handle, &mut info) == 0
    };
    // The last member, of 8 bytes, behind 32.
    let capacity = u64::from(info.rest[7]) | u64::from(info.rest[8]) << 32;
    let page = PAGE as usize;
    let start = data as usize / page * page;
    let end = (data as usize + capacity as usize).next_multiple_of(page);
    told.then_some(start..end)
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
