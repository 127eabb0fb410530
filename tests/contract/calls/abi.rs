//! The functions of the header that scripts call, as a program that has only the header has them.

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

#[repr(C)]
#[derive(Default)]
pub struct Info {
    pub size: u32,
    pub access: u32,
    pub flags: u32,
    pub pins: u32,
    pub offset: u64,
    pub length: u64,
    pub capacity: u64,
}

#[repr(C)]
#[derive(Default)]
pub struct Fault {
    pub size: u32,
    pub count: u32,
    pub causes: u32,
    pub reserved: u32,
    pub offset: u64,
    pub length: u64,
}

#[repr(C)]
pub struct View {
    pub data: *mut u8,
    pub len: u64,
}

pub const INVALID: i32 = -1;
pub const HANDLE: i32 = -2;
pub const RANGE: i32 = -3;
pub const ACCESS: i32 = -4;
pub const FAULT: i32 = -6;
pub const LIMIT: i32 = -7;
pub const BUSY: i32 = -8;
pub const TIMEOUT: i32 = -9;
pub const UNSUPPORTED: i32 = -10;

pub const TO_END: u64 = u64::MAX;

pub const EXCLUSIVE: u32 = 1 << 0;
pub const SPARSE: u32 = 1 << 1;
pub const NO_DESCRIPTOR: u32 = 1 << 4;
pub const PREFAULT: u32 = 1 << 8;

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
