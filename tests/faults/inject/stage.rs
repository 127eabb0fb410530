//! The objects of a case: folders, a file, a mapping of it, and what the call returns.

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
/// The size of the file, no multiple of the page size.
pub const SIZE: u64 = 3 * PAGE + 100;
/// An invalid handle, and the value of an output that was not written.
pub const NOTHING: Handle = 0;

/// The objects, created for each call.
pub struct Stage {
    /// A folder on a file system with a journal.
    folder: PathBuf,
    /// A folder on tmpfs, which other processes use too.
    memory: PathBuf,
    /// A name there that no other process uses.
    shared: String,
    /// The mapping that the call uses.
    pub handle: Handle,
    /// The mapping that the call returns.
    pub out: Handle,
    /// The descriptor that the call returns.
    pub out_fd: i32,
    /// The descriptor that is passed to the call.
    pub fd: RawFd,
    /// Memory that is mapped without the library.
    pub foreign: *mut c_void,
    /// The addresses of the memory before the call.
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

    /// Returns the state of the folders, and of the memory that was mapped before the call.
    pub fn state(&self) -> State {
        self.state_of(&self.regions)
    }

    /// Returns the state after a successful call, which may have moved the memory.
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

    /// Returns what the library reports about the mapping and about all mappings.
    fn told(&self) -> String {
        let (mut info, mut fault, mut stats) = (Filled::of(40), Filled::of(32), Filled::of(40));
        // SAFETY: each struct has at least the size in its member size.
        let statuses = unsafe {
            [
                abi::memmap_get_info(self.handle, &mut info),
                abi::memmap_get_fault(self.handle, &mut fault),
                abi::memmap_get_stats(&mut stats),
                abi::memmap_check(self.handle, 0, abi::TO_END),
            ]
        };
        // Of the statistics, the number of mappings and the sum of their lengths.
        let (info, fault, stats) = (&info.rest[..9], &fault.rest[..7], &stats.rest[1..5]);
        format!("{statuses:?} info {info:?} fault {fault:?} stats {stats:?}")
    }

    /// Records the memory that is mapped now, to be compared after the call.
    pub fn look_at_memory(&mut self) {
        self.regions = self.regions_now();
    }

    /// Returns the pages of the mappings and of the memory that is mapped without the library.
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

    /// Returns the path of the file on tmpfs.
    pub fn path_in_memory(&self) -> CString {
        let path = self.memory.join(&self.shared);
        CString::new(path.into_os_string().into_string().expect("text")).expect("no NUL")
    }

    /// Creates the file.
    pub fn make_file(&mut self) {
        fill(&self.file());
    }

    pub fn make_file_in_memory(&mut self) {
        fill(&self.memory.join(&self.shared));
    }

    /// Sets the size of the file as another process does.
    pub fn set_file_size(&self, size: u64) {
        let file = OpenOptions::new().write(true).open(self.file());
        file.and_then(|file| file.set_len(size))
            .expect("the file is ours");
    }

    /// Creates the file and maps it.
    pub fn map_file(&mut self, options: Options) {
        self.make_file();
        let path = self.path();
        // SAFETY: the path is terminated, and the pointers are valid during the call.
        let status = unsafe { abi::memmap_open(path.as_ptr(), &options, &mut self.handle) };
        assert_eq!(status, 0);
    }

    pub fn map_memory(&mut self, size: u64) {
        self.map_memory_with(size, options(0, 0));
    }

    /// Maps anonymous memory and fills it with a byte other than zero.
    pub fn map_memory_with(&mut self, size: u64, options: Options) {
        // SAFETY: the pointers are valid during the call.
        let status = unsafe { abi::memmap_anonymous(size, &options, &mut self.handle) };
        assert_eq!(status, 0);
        // SAFETY: its arguments are numbers.
        let status = unsafe { abi::memmap_fill(self.handle, 0, abi::TO_END, b'y') };
        assert_eq!(status, 0);
    }

    /// Splits the mapping into several areas, by advice for one of its pages.
    pub fn split(&self) {
        const RANDOM: u32 = 2;
        // SAFETY: its arguments are numbers.
        let status = unsafe { abi::memmap_advise(self.handle, PAGE, PAGE, RANDOM) };
        assert_eq!(status, 0);
    }

    pub fn map_memfd(&mut self) {
        // SAFETY: the name is terminated, NULL options are the defaults, and the output is valid during the call.
        let status =
            unsafe { abi::memmap_memfd(c"inject".as_ptr(), SIZE, ptr::null(), &mut self.handle) };
        assert_eq!(status, 0);
    }

    /// Opens the file for the call.
    pub fn open_file(&mut self) {
        let file = OpenOptions::new().read(true).write(true).open(self.file());
        self.fd = file.expect("the file is ours").into_raw_fd();
    }

    /// Locks the file with the descriptor.
    pub fn lock_file(&self) {
        // SAFETY: a zeroed struct is valid.
        let mut lock: libc::flock64 = unsafe { std::mem::zeroed() };
        lock.l_type = libc::F_WRLCK as i16;
        // SAFETY: the pointer is valid during the call.
        assert_eq!(unsafe { libc::fcntl(self.fd, libc::F_OFD_SETLK, &lock) }, 0);
    }

    /// Gets a descriptor of the file of the mapping for the call.
    pub fn open_handle(&mut self) {
        // SAFETY: the output is valid during the call.
        assert_eq!(unsafe { abi::memmap_fd(self.handle, &mut self.fd) }, 0);
    }

    /// Maps the file without the library.
    pub fn map_without_library(&mut self) {
        self.make_file();
        self.open_file();
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: without MAP_FIXED no other mapping is replaced.
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

    /// Makes pages of the mapping lost, and restores the size of the file.
    pub fn lose_pages(&mut self) {
        self.lose_pages_of(read_write());
    }

    /// Does the same for a mapping with these options.
    pub fn lose_pages_of(&mut self, options: Options) {
        // SAFETY: it has no arguments.
        assert_eq!(unsafe { abi::memmap_guard_install() }, 0);
        self.map_file(options);
        self.set_file_size(PAGE);
        let mut byte = 0u8;
        let to = (&raw mut byte).cast();
        // SAFETY: the buffer has one byte.
        let status = unsafe { abi::memmap_read(self.handle, 2 * PAGE, to, 1) };
        assert_eq!(status, -6);
        self.set_file_size(SIZE);
    }

    /// Returns whether the failed call has written an output.
    pub fn has_outputs(&self) -> bool {
        self.out != NOTHING || self.out_fd != -1
    }

    /// Closes, unmaps and removes everything.
    pub fn clear(self) {
        // SAFETY: it accepts any number.
        unsafe { abi::memmap_poison_closed(0) };
        for handle in [self.out, self.handle] {
            // SAFETY: it accepts any number.
            unsafe { abi::memmap_close(handle) };
        }
        for fd in [self.out_fd, self.fd].into_iter().filter(|fd| *fd >= 0) {
            // SAFETY: nothing else uses the descriptor.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
        if !self.foreign.is_null() {
            // SAFETY: the range was mapped with this length, and nothing points to it.
            unsafe { libc::munmap(self.foreign, SIZE as usize) };
        }
        let _ = fs::remove_file(self.file());
        let _ = fs::remove_file(self.folder.join("file.commit"));
        let _ = fs::remove_file(self.memory.join(&self.shared));
    }
}

/// Limits the memory that is compared, which takes time.
const MOST_LOOKED_AT: usize = 1 << 20;

/// Returns the pages of a mapping, including those of its capacity.
fn region_of(handle: Handle) -> Option<Range<usize>> {
    let (mut data, mut len) = (ptr::null_mut(), 0);
    let mut info = Filled::of(40);
    // SAFETY: the outputs are valid during the call.
    let told = unsafe {
        abi::memmap_data(handle, &mut data, &mut len) == 0
            && abi::memmap_get_info(handle, &mut info) == 0
    };
    // The capacity is the last member: 8 bytes at offset 32.
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

/// Returns options with that access and those flags.
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

/// A call and its preparation.
#[derive(Clone, Copy)]
pub struct Case {
    /// The name of the function, and what distinguishes the case.
    pub name: &'static str,
    /// The status without failures.
    pub answer: Status,
    pub prepare: fn(&mut Stage),
    pub act: fn(&mut Stage) -> Status,
}
