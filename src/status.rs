//! The result of a call: status codes, the system's errno, and a message for each.

use std::sync::atomic::{AtomicPtr, Ordering};
use std::{ffi::CStr, ffi::CString, fmt, io, ptr};

/// The result of a call: 0 is success, a positive number is an errno of the system, a negative one
/// is MEMMAP_ERR_... `memmap_strerror` describes it.
pub type Status = i32;

/// Invalid argument: NULL, an unknown flag, or a combination that contradicts itself.
pub const ERR_INVALID: Status = -1;
/// The handle is closed, stale or was never issued.
pub const ERR_HANDLE: Status = -2;
/// The range lies outside the mapping, or outside the file.
pub const ERR_RANGE: Status = -3;
/// The access that the mapping was opened with does not permit it.
pub const ERR_ACCESS: Status = -4;
/// The path or descriptor names a directory, FIFO, socket or character device.
pub const ERR_NOT_REGULAR: Status = -5;
/// Bytes of the mapping were lost: the file was truncated, or its device failed or is full.
pub const ERR_FAULT: Status = -6;
/// A limit of the system, or the memory available, does not permit it. The limit of descriptors is
/// EMFILE instead.
pub const ERR_LIMIT: Status = -7;
/// The mapping is pinned, or in use by another thread, and the call would move or cut it; or another
/// MEMMAP_ATOMIC mapping has the file.
pub const ERR_BUSY: Status = -8;
/// The time limit has passed.
pub const ERR_TIMEOUT: Status = -9;
/// This mapping, or this system, does not support it.
pub const ERR_UNSUPPORTED: Status = -10;
/// The file is not sealed against shrinking, which MEMMAP_SEALED requires.
pub const ERR_UNSEALED: Status = -11;
/// The bytes are not valid: no cell begins there, or a crash left none of its values whole.
pub const ERR_CORRUPT: Status = -12;
/// A bug in libmemmap was caught.
pub const ERR_PANIC: Status = -100;

/// Why an operation was refused.
///
/// Every variant is one negative status of the C ABI, except [`Error::System`], which is the errno
/// itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The system refused; its errno, untouched.
    System(i32),
    /// An argument has no meaning: NULL, an unknown flag bit, a combination that contradicts itself.
    Invalid,
    /// The handle is closed, stale or was never issued.
    Handle,
    /// The range lies outside the mapping, or outside the file.
    Range,
    /// The access that the mapping was opened with forbids it.
    Access,
    /// The path names a directory, FIFO, socket or character device.
    NotRegular,
    /// Pages behind the mapping are gone.
    Fault,
    /// A limit of the system, or the memory available, forbids it.
    Limit,
    /// The mapping is pinned.
    Busy,
    /// The time given has passed.
    Timeout,
    /// This mapping, or this system, cannot do it.
    Unsupported,
    /// The file is not sealed against shrinking.
    Unsealed,
    /// The bytes are not what they ought to be.
    Corrupt,
    /// A bug in libmemmap was caught at the boundary.
    Panic,
}

/// The result of the library's operations.
pub type Result<T> = std::result::Result<T, Error>;

/// Each error of libmemmap's own: its status, and what a person should know and do.
const OWN: [(Error, Status, &CStr); 13] = [
    (
        Error::Invalid,
        ERR_INVALID,
        c"invalid argument: NULL where a pointer is needed, an unknown access, flag or mode bit, a flag that does not apply to this call, or a struct whose size this library does not know",
    ),
    (
        Error::Handle,
        ERR_HANDLE,
        c"not an open handle: it was closed, or was never issued",
    ),
    (
        Error::Range,
        ERR_RANGE,
        c"the range lies outside the mapping or the file: compare offset + length with memmap_len",
    ),
    (
        Error::Access,
        ERR_ACCESS,
        c"the mapping's access forbids it: writing, resizing and making durable need MEMMAP_READ_WRITE",
    ),
    (
        Error::NotRegular,
        ERR_NOT_REGULAR,
        c"not a regular file: a directory, FIFO, socket or device cannot be mapped by this call",
    ),
    (
        Error::Fault,
        ERR_FAULT,
        c"bytes of the mapping were lost: the file was truncated, or its device failed or is full",
    ),
    (
        Error::Limit,
        ERR_LIMIT,
        c"a system limit forbids it: address space (RLIMIT_AS), memory, vm.max_map_count (number of mappings) or RLIMIT_FSIZE (size of a file)",
    ),
    (
        Error::Busy,
        ERR_BUSY,
        c"the mapping is pinned or in use by another thread, and this call would move or cut it: unpin it first, or open it with a capacity; or another MEMMAP_ATOMIC mapping has the file",
    ),
    (Error::Timeout, ERR_TIMEOUT, c"the time limit has passed"),
    (
        Error::Unsupported,
        ERR_UNSUPPORTED,
        c"not possible for this mapping: it has no file, has closed its descriptor (MEMMAP_NO_DESCRIPTOR), or its file has a fixed size",
    ),
    (
        Error::Unsealed,
        ERR_UNSEALED,
        c"the file is not sealed against shrinking (MEMMAP_SEAL_SHRINK), so any process that has it could remove its pages",
    ),
    (
        Error::Corrupt,
        ERR_CORRUPT,
        c"the bytes are not valid: no cell begins there, or one of another capacity, or a crash left none of its values whole",
    ),
    (
        Error::Panic,
        ERR_PANIC,
        c"a bug in libmemmap was caught; every handle is still usable. Please report it",
    ),
];

impl Error {
    /// The status of the C ABI: an errno (positive) or one of libmemmap's own (negative).
    pub fn code(self) -> Status {
        match self {
            Error::System(errno) => errno,
            own => OWN
                .iter()
                .find(|(error, ..)| *error == own)
                .map_or(libc::EINVAL, |(_, code, _)| *code),
        }
    }

    /// The errno that the calling thread's last system call left.
    pub(crate) fn last() -> Error {
        Error::from(io::Error::last_os_error())
    }

    /// The same for mmap and mremap, whose ENOMEM and EAGAIN speak of limits: address space, number
    /// of mappings, overcommit, locked memory; and EOVERFLOW of an end that no file has (mmap(2), ERRORS).
    pub(crate) fn of_mapping(error: io::Error) -> Error {
        match error.raw_os_error() {
            Some(libc::ENOMEM | libc::EAGAIN | libc::EOVERFLOW) => Error::Limit,
            _ => Error::from(error),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        match error.raw_os_error() {
            Some(errno) => Error::System(errno),
            // memmap2 refuses lengths beyond the address space without asking the system.
            None => Error::Limit,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        match error {
            Error::System(errno) => io::Error::from_raw_os_error(errno),
            own => io::Error::other(own),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&message(self.code()).to_string_lossy())
    }
}

impl std::error::Error for Error {}

/// The system's messages, fetched once: strerror(3) may reuse its buffer, and our texts are static.
///
/// Not a LazyLock: a child forked while another thread fills it would wait for that thread without end.
/// Here threads that come at the same time fetch them too, and the first to finish publishes its texts.
fn system_messages() -> &'static [CString] {
    const LAST_ERRNO: i32 = 133; // EHWPOISON, the highest that Linux has on x86_64 and aarch64.
    static MESSAGES: AtomicPtr<Vec<CString>> = AtomicPtr::new(ptr::null_mut());
    // Acquire, both: who finds the texts sees them whole.
    let mut messages = MESSAGES.load(Ordering::Acquire);
    if messages.is_null() {
        let own = Box::into_raw(Box::new((0..=LAST_ERRNO).map(system_message).collect()));
        // AcqRel and Acquire: pairs with the above, and sees those of who was first.
        messages = match MESSAGES.compare_exchange(
            ptr::null_mut(),
            own,
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => own,
            Err(theirs) => {
                // SAFETY: nobody has seen ours.
                drop(unsafe { Box::from_raw(own) });
                theirs
            }
        };
    }
    // SAFETY: once there, they are never changed or freed.
    unsafe { &*messages }
}

fn system_message(errno: i32) -> CString {
    let mut text = [0 as libc::c_char; 128];
    // SAFETY: the buffer and its length belong together, and strerror_r writes a terminated string.
    let text = unsafe {
        libc::strerror_r(errno, text.as_mut_ptr(), text.len());
        CStr::from_ptr(text.as_ptr())
    };
    text.to_owned()
}

/// The text for any status, in static memory.
pub fn message(status: Status) -> &'static CStr {
    if status == 0 {
        return c"success";
    }
    let own = OWN.iter().find(|(_, code, _)| *code == status);
    let system = || system_messages().get(usize::try_from(status).ok()?);
    match own {
        Some((.., text)) => text,
        None => system().map_or(c"not a status of libmemmap", CString::as_c_str),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_own_error_has_one_code_and_a_text_of_its_own() {
        for (i, (error, code, text)) in OWN.iter().enumerate() {
            assert_eq!(error.code(), *code);
            assert_eq!(message(*code), *text);
            assert!(OWN[..i].iter().all(|(.., other)| other != text));
        }
    }

    #[test]
    fn a_system_error_keeps_its_errno_and_the_systems_text() {
        assert_eq!(Error::System(libc::ENOENT).code(), libc::ENOENT);
        assert_eq!(message(libc::ENOENT), c"No such file or directory");
    }

    #[test]
    fn a_status_that_nobody_issues_still_has_a_text() {
        for status in [i32::MIN, -14, -99, 134, i32::MAX] {
            assert_eq!(message(status), c"not a status of libmemmap");
        }
    }
}
