//! About the library.

use crate::range;
use crate::status;
use crate::status::Status;
use std::ffi::c_char;

/// `memmap_version` answers the version of the library as text, "major.minor.patch". It is static.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// `memmap_strerror` answers what `status` means and what to do, in English for libmemmap's own
/// statuses and as strerror(3) has it for the system's. The text is static and never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_strerror(status: Status) -> *const c_char {
    std::panic::catch_unwind(|| status::message(status))
        .unwrap_or(c"no text: out of memory")
        .as_ptr()
}

/// `memmap_page_size` answers the system's page size in bytes, the unit in which memory is mapped,
/// flushed and lost.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_page_size() -> u64 {
    range::page_size() as u64
}
