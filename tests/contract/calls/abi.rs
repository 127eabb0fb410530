//! The functions of the header that scripts call, as a program that has only the header has them.

#[path = "../../common/header.rs"]
mod header;

pub use header::*;

unsafe extern "C" {
    pub fn memmap_guard_install() -> i32;
    pub fn memmap_open(path: *const i8, options: *const Options, out: *mut u64) -> i32;
    pub fn memmap_create(path: *const i8, size: u64, options: *const Options, out: *mut u64)
    -> i32;
    pub fn memmap_from_fd(fd: i32, options: *const Options, out: *mut u64) -> i32;
    pub fn memmap_anonymous(size: u64, options: *const Options, out: *mut u64) -> i32;
    pub fn memmap_memfd(name: *const i8, size: u64, options: *const Options, out: *mut u64) -> i32;
    pub fn memmap_close(handle: u64) -> i32;
    pub fn memmap_data(handle: u64, data: *mut *mut u8, len: *mut u64) -> i32;
    pub fn memmap_len(handle: u64, len: *mut u64) -> i32;
    pub fn memmap_get_info(handle: u64, info: *mut Info) -> i32;
    pub fn memmap_pin(handle: u64, view: *mut View) -> i32;
    pub fn memmap_unpin(handle: u64) -> i32;
    pub fn memmap_read(handle: u64, offset: u64, buf: *mut u8, len: u64) -> i32;
    pub fn memmap_write(handle: u64, offset: u64, buf: *const u8, len: u64) -> i32;
    pub fn memmap_fill(handle: u64, offset: u64, len: u64, byte: u8) -> i32;
    pub fn memmap_move(handle: u64, to: u64, from: u64, len: u64) -> i32;
    pub fn memmap_find(h: u64, from: u64, to: u64, needle: *const u8, n: u64, at: *mut u64) -> i32;
    pub fn memmap_rfind(h: u64, from: u64, to: u64, needle: *const u8, n: u64, at: *mut u64)
    -> i32;
    pub fn memmap_flush(handle: u64, offset: u64, len: u64, mode: u32) -> i32;
    pub fn memmap_resize(handle: u64, len: u64) -> i32;
    pub fn memmap_refresh(handle: u64, len: *mut u64) -> i32;
    pub fn memmap_advise(handle: u64, offset: u64, len: u64, advice: u32) -> i32;
    pub fn memmap_prefault(handle: u64, offset: u64, len: u64, mode: u32) -> i32;
    pub fn memmap_residency(
        h: u64,
        offset: u64,
        len: u64,
        to: *mut u8,
        n: u64,
        all: *mut u64,
    ) -> i32;
    pub fn memmap_protect(handle: u64, access: u32) -> i32;
    pub fn memmap_fd(handle: u64, fd: *mut i32) -> i32;
    pub fn memmap_lock(handle: u64, offset: u64, len: u64, mode: u32, timeout: i64) -> i32;
    pub fn memmap_unlock(handle: u64, offset: u64, len: u64) -> i32;
    pub fn memmap_atomic_add32(handle: u64, offset: u64, value: u32, before: *mut u32) -> i32;
    pub fn memmap_atomic_add64(handle: u64, offset: u64, value: u64, before: *mut u64) -> i32;
    pub fn memmap_get_fault(handle: u64, fault: *mut Fault) -> i32;
    pub fn memmap_check(handle: u64, offset: u64, len: u64) -> i32;
    pub fn memmap_recover(handle: u64) -> i32;
}
