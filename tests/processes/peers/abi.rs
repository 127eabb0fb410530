//! The functions of the header that look at what peers write, as a program that has only the header has them.

/// memmap_options.
#[repr(C)]
#[derive(Default)]
pub struct Options {
    pub size: u32,
    pub access: u32,
    pub flags: u32,
    pub mode: u32,
    pub offset: u64,
    pub length: u64,
    pub capacity: u64,
    pub advice: u32,
    pub reserved: u32,
}

pub const SPARSE: u32 = 1 << 1;

pub const INVALID: i32 = -1;
pub const RANGE: i32 = -3;
pub const FAULT: i32 = -6;
pub const LIMIT: i32 = -7;
pub const BUSY: i32 = -8;
pub const TIMEOUT: i32 = -9;
pub const CORRUPT: i32 = -12;

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
