//! Opening a file that exists.

use crate::files::descriptor::{self, ALWAYS};
use crate::files::file::File;
use crate::files::place::{Place, no_follow};
use crate::options::{Access, Flags, Options};
use crate::os::advice::Advice;
use crate::status::Result;
use std::ffi::CStr;

/// Opens the existing file at `path` for what the options ask, with its size.
pub fn open(path: &CStr, options: &Options) -> Result<(File, u64)> {
    let writes = match options.access {
        Access::ReadWrite => libc::O_RDWR,
        _ => libc::O_RDONLY,
    };
    let flags = writes | no_follow(options) | ALWAYS;
    let opened = match options.flags.has(Flags::NO_SYMLINKS) {
        true => Place::of(path, options)?.open(flags, 0),
        false => descriptor::open(path, flags, 0),
    };
    let (file, size) = File::of_path(opened)?;
    if options.advice == Advice::Sequential {
        read_further_ahead(&file);
    }
    Ok((file, size))
}

/// Doubles how far the kernel reads ahead, which MADV_SEQUENTIAL leaves as it is: the mapping faults
/// through the open file description that it was made with (mm/filemap.c, page_cache_sync_ra). Only for
/// one that is ours alone. Nothing depends on it, so an error is not reported.
fn read_further_ahead(file: &File) {
    // SAFETY: it takes numbers.
    unsafe { libc::posix_fadvise(file.fd(), 0, 0, libc::POSIX_FADV_SEQUENTIAL) };
}
