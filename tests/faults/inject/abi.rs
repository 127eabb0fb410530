//! The C ABI of the shared library of a release build. In a debug build Rust makes a system call for each descriptor
//! that it closes.

#[path = "../../common/header.rs"]
mod header;

use super::common::release_library;
pub use header::*;
use std::ffi::{CString, c_char, c_void};
use std::os::unix::ffi::OsStringExt;
use std::sync::LazyLock;

pub type Handle = u64;
pub type Status = i32;

pub type Tried = Option<extern "C" fn(*const View, *mut c_void) -> i32>;
pub type Hook = Option<extern "C" fn(*const c_void, *mut c_void) -> i32>;

/// A struct that a call fills: `size`, and space for the other members.
#[repr(C, align(8))]
pub struct Filled {
    pub size: u32,
    pub rest: [u32; 31],
}

impl Filled {
    /// Returns space for a struct of so many bytes.
    pub fn of(size: u32) -> Filled {
        Filled {
            size,
            rest: [0; 31],
        }
    }
}

/// Returns the symbol of that name in the library.
pub fn symbol(name: &str) -> *mut c_void {
    static LIBRARY: LazyLock<usize> = LazyLock::new(|| {
        let path = CString::new(release_library().into_os_string().into_vec()).expect("no NUL");
        // SAFETY: the path is terminated.
        unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) as usize }
    });
    let name = CString::new(name).expect("there is no NUL");
    // SAFETY: the name is terminated, and the library stays.
    let found = unsafe { libc::dlsym(*LIBRARY as *mut c_void, name.as_ptr()) };
    assert!(!found.is_null(), "{name:?}");
    found
}

macro_rules! of_the_library {
    ($(pub fn $name:ident($($argument:ident: $of:ty),* $(,)?) -> $answer:ty;)*) => {$(
        pub unsafe fn $name($($argument: $of),*) -> $answer {
            type Function = unsafe extern "C" fn($($of),*) -> $answer;
            // SAFETY: the type is that of the declaration in the header.
            let function = unsafe { std::mem::transmute::<*mut c_void, Function>(symbol(stringify!($name))) };
            // SAFETY: the arguments fulfil the contract of the function, which the caller of this one guarantees.
            unsafe { function($($argument),*) }
        }
    )*};
}

of_the_library! {
    pub fn memmap_version() -> *const c_char;
    pub fn memmap_strerror(status: Status) -> *const c_char;
    pub fn memmap_page_size() -> u64;
    pub fn memmap_open(path: *const c_char, options: *const Options, out: *mut Handle) -> Status;
    pub fn memmap_create(
        path: *const c_char,
        size: u64,
        options: *const Options,
        out: *mut Handle,
    ) -> Status;
    pub fn memmap_from_fd(fd: i32, options: *const Options, out: *mut Handle) -> Status;
    pub fn memmap_anonymous(size: u64, options: *const Options, out: *mut Handle) -> Status;
    pub fn memmap_close(handle: Handle) -> Status;
    pub fn memmap_data(handle: Handle, data: *mut *mut u8, len: *mut u64) -> Status;
    pub fn memmap_len(handle: Handle, len: *mut u64) -> Status;
    pub fn memmap_get_info(handle: Handle, info: *mut Filled) -> Status;
    pub fn memmap_pin(handle: Handle, view: *mut [u64; 2]) -> Status;
    pub fn memmap_unpin(handle: Handle) -> Status;
    pub fn memmap_read(handle: Handle, offset: u64, buf: *mut c_void, len: u64) -> Status;
    pub fn memmap_write(handle: Handle, offset: u64, buf: *const c_void, len: u64) -> Status;
    pub fn memmap_fill(handle: Handle, offset: u64, len: u64, byte: u8) -> Status;
    pub fn memmap_move(handle: Handle, to: u64, from: u64, len: u64) -> Status;
    pub fn memmap_find(
        handle: Handle,
        from: u64,
        to: u64,
        needle: *const c_void,
        len: u64,
        offset: *mut u64,
    ) -> Status;
    pub fn memmap_rfind(
        handle: Handle,
        from: u64,
        to: u64,
        needle: *const c_void,
        len: u64,
        offset: *mut u64,
    ) -> Status;
    pub fn memmap_flush(handle: Handle, offset: u64, len: u64, mode: u32) -> Status;
    pub fn memmap_commit(handle: Handle) -> Status;
    pub fn memmap_rollback(handle: Handle) -> Status;
    pub fn memmap_checkpoint(handle: Handle) -> Status;
    pub fn memmap_changes(
        handle: Handle,
        ranges: *mut [u64; 2],
        capacity: u64,
        count: *mut u64,
    ) -> Status;
    pub fn memmap_resize(handle: Handle, len: u64) -> Status;
    pub fn memmap_refresh(handle: Handle, len: *mut u64) -> Status;
    pub fn memmap_advise(handle: Handle, offset: u64, len: u64, advice: u32) -> Status;
    pub fn memmap_prefault(handle: Handle, offset: u64, len: u64, mode: u32) -> Status;
    pub fn memmap_residency(
        handle: Handle,
        offset: u64,
        len: u64,
        pages: *mut u8,
        pages_len: u64,
        resident: *mut u64,
    ) -> Status;
    pub fn memmap_lock_memory(handle: Handle, offset: u64, len: u64) -> Status;
    pub fn memmap_unlock_memory(handle: Handle, offset: u64, len: u64) -> Status;
    pub fn memmap_protect(handle: Handle, allow: u32) -> Status;
    pub fn memmap_shared_open(
        name: *const c_char,
        size: u64,
        options: *const Options,
        out: *mut Handle,
    ) -> Status;
    pub fn memmap_shared_unlink(name: *const c_char) -> Status;
    pub fn memmap_memfd(
        name: *const c_char,
        size: u64,
        options: *const Options,
        out: *mut Handle,
    ) -> Status;
    pub fn memmap_fd(handle: Handle, fd: *mut i32) -> Status;
    pub fn memmap_read_only_fd(handle: Handle, fd: *mut i32) -> Status;
    pub fn memmap_seal(handle: Handle, seals: u32) -> Status;
    pub fn memmap_get_seals(handle: Handle, seals: *mut u32) -> Status;
    pub fn memmap_lock(handle: Handle, offset: u64, len: u64, mode: u32, timeout: i64) -> Status;
    pub fn memmap_unlock(handle: Handle, offset: u64, len: u64) -> Status;
    pub fn memmap_atomic_load32(handle: Handle, offset: u64, value: *mut u32) -> Status;
    pub fn memmap_atomic_store32(handle: Handle, offset: u64, value: u32) -> Status;
    pub fn memmap_atomic_add32(h: Handle, offset: u64, value: u32, before: *mut u32) -> Status;
    pub fn memmap_atomic_compare_swap32(
        handle: Handle,
        offset: u64,
        expected: u32,
        desired: u32,
        before: *mut u32,
    ) -> Status;
    pub fn memmap_atomic_load64(handle: Handle, offset: u64, value: *mut u64) -> Status;
    pub fn memmap_atomic_store64(handle: Handle, offset: u64, value: u64) -> Status;
    pub fn memmap_atomic_add64(h: Handle, offset: u64, value: u64, before: *mut u64) -> Status;
    pub fn memmap_atomic_compare_swap64(
        handle: Handle,
        offset: u64,
        expected: u64,
        desired: u64,
        before: *mut u64,
    ) -> Status;
    pub fn memmap_wait(handle: Handle, offset: u64, expected: u32, timeout: i64) -> Status;
    pub fn memmap_wake(handle: Handle, offset: u64, count: u32) -> Status;
    pub fn memmap_cell_size(capacity: u64, size: *mut u64) -> Status;
    pub fn memmap_cell_create(handle: Handle, offset: u64, capacity: u64) -> Status;
    pub fn memmap_cell_publish(h: Handle, offset: u64, data: *const c_void, len: u64) -> Status;
    pub fn memmap_cell_read(
        handle: Handle,
        offset: u64,
        buf: *mut c_void,
        buf_len: u64,
        len: *mut u64,
        sequence: *mut u64,
    ) -> Status;
    pub fn memmap_cell_look(h: Handle, offset: u64, capacity: *mut u64, seq: *mut u64) -> Status;
    pub fn memmap_guard_install() -> Status;
    pub fn memmap_guard_active() -> i32;
    pub fn memmap_try(handle: Handle, f: Tried, arg: *mut c_void, result: *mut i32) -> Status;
    pub fn memmap_guard_hook(hook: Hook) -> Status;
    pub fn memmap_guard_notify(notify: Option<extern "C" fn(i32) -> i32>, argument: i32) -> Status;
    pub fn memmap_get_fault(handle: Handle, fault: *mut Filled) -> Status;
    pub fn memmap_check(handle: Handle, offset: u64, len: u64) -> Status;
    pub fn memmap_fault_counter(handle: Handle, counter: *mut *const u32) -> Status;
    pub fn memmap_recover(handle: Handle) -> Status;
    pub fn memmap_guard_region(data: *mut c_void, len: u64, fd: i32, out: *mut Handle) -> Status;
    pub fn memmap_adopt(
        mapped: *const Mapped,
        fd: i32,
        counter: *mut *const u32,
        out: *mut Handle,
    ) -> Status;
    pub fn memmap_poison_closed(bytes: u64) -> Status;
    pub fn memmap_get_system(system: *mut Filled) -> Status;
    pub fn memmap_get_stats(stats: *mut Filled) -> Status;
    pub fn memmap_reap(handle: Handle) -> Status;
}
