//! About the library.

use crate::os::page_size::page_size;
use crate::status;
use crate::status::Status;
use std::ffi::c_char;

/// `memmap_version` returns the version of the library as text, "major.minor.patch". The text is
/// static.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// `memmap_strerror` returns a text that describes `status`. For libmemmap's own statuses it is in
/// English and says what to do; for an errno it is that of strerror(3). The text is static and
/// never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_strerror(status: Status) -> *const c_char {
    std::panic::catch_unwind(|| status::message(status))
        .unwrap_or(c"no text: out of memory")
        .as_ptr()
}

/// `memmap_page_size` returns the system's page size in bytes. Memory is mapped, flushed and lost
/// in this unit.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_page_size() -> u64 {
    page_size() as u64
}
