//! The structs, flags and statuses of include/memmap.h, for tests that use the C ABI from Rust. Each declares the
//! functions itself, since one links the library and the other loads it.
#![allow(
    dead_code,
    reason = "every test target compiles this for itself, and none uses all of it"
)]

use std::ffi::c_void;

/// `memmap_options`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
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

/// `memmap_info`.
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

/// `memmap_fault`.
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

/// `memmap_view`.
#[repr(C)]
pub struct View {
    pub data: *mut u8,
    pub len: u64,
}

/// `memmap_mapped`.
#[repr(C)]
pub struct Mapped {
    pub size: u32,
    pub protection: i32,
    pub data: *mut c_void,
    pub length: u64,
    pub offset: u64,
    pub flags: i32,
    pub reserved: i32,
}

pub const READ_WRITE: u32 = 2;
pub const COPY_ON_WRITE: u32 = 3;

pub const EXCLUSIVE: u32 = 1 << 0;
pub const SPARSE: u32 = 1 << 1;
pub const DURABLE: u32 = 1 << 2;
pub const NO_DESCRIPTOR: u32 = 1 << 4;
pub const EXECUTABLE: u32 = 1 << 5;
pub const PREFAULT: u32 = 1 << 8;
pub const HUGE_PAGES: u32 = 1 << 9;
pub const NO_DUMP: u32 = 1 << 11;
pub const LOCKED: u32 = 1 << 12;
pub const SEALED: u32 = 1 << 13;
pub const NO_SYMLINKS: u32 = 1 << 14;
pub const ATOMIC: u32 = 1 << 15;

pub const TO_END: u64 = u64::MAX;

pub const INVALID: i32 = -1;
pub const HANDLE: i32 = -2;
pub const RANGE: i32 = -3;
pub const ACCESS: i32 = -4;
pub const FAULT: i32 = -6;
pub const LIMIT: i32 = -7;
pub const BUSY: i32 = -8;
pub const TIMEOUT: i32 = -9;
pub const UNSUPPORTED: i32 = -10;
pub const CORRUPT: i32 = -12;
