//! The functions of the header that look at what peers write, as a program that has only the header has them.

#[path = "../../common/header.rs"]
mod header;

pub use header::*;

unsafe extern "C" {
    pub fn memmap_guard_install() -> i32;
    pub fn memmap_memfd(name: *const i8, size: u64, options: *const Options, out: *mut u64) -> i32;
    pub fn memmap_close(handle: u64) -> i32;
    pub fn memmap_fd(handle: u64, fd: *mut i32) -> i32;
    pub fn memmap_recover(handle: u64) -> i32;
    pub fn memmap_refresh(handle: u64, len: *mut u64) -> i32;
    pub fn memmap_find(h: u64, at: u64, len: u64, what: *const u8, n: u64, found: *mut u64) -> i32;
    pub fn memmap_wait(handle: u64, offset: u64, expected: u32, milliseconds: i64) -> i32;
    pub fn memmap_wake(handle: u64, offset: u64, count: u32) -> i32;
    pub fn memmap_cell_size(capacity: u64, size: *mut u64) -> i32;
    pub fn memmap_cell_create(handle: u64, offset: u64, capacity: u64) -> i32;
    pub fn memmap_cell_publish(handle: u64, offset: u64, data: *const u8, len: u64) -> i32;
    pub fn memmap_cell_look(handle: u64, at: u64, capacity: *mut u64, sequence: *mut u64) -> i32;
    pub fn memmap_cell_read(
        handle: u64,
        offset: u64,
        buf: *mut u8,
        room: u64,
        len: *mut u64,
        sequence: *mut u64,
    ) -> i32;
}
