//! Memory that processes share: by a name, or by a descriptor that is handed on.

use crate::files::descriptor::give_name;
use crate::files::existing;
use crate::files::file::File;
use crate::files::place::{Place, Sure};
use crate::handles::table::Handle;
use crate::operations::close::close;
use crate::operations::open::{map_existing, map_new};
use crate::options::{Call, Flags, Options};
use crate::os::limits::refuse_more_than_available;
use crate::registry::live::pin;
use crate::status::{Error, Result};
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, OwnedFd};

/// Where the names of shm_open(3) are, in every C library of Linux (shm_overview(7)).
const FOLDER: &CStr = c"/dev/shm";

/// Opens the shared memory of that name with its own size. If there is none and `size` is not 0, it is
/// made with that size; it has it, and nothing but zeros, before anybody can open it.
pub fn open(name: &CStr, size: u64, options: &Options) -> Result<Handle> {
    let path = path_of(name)?;
    let call = match size {
        0 => Call::SharedOpen,
        _ => Call::SharedCreate,
    };
    let options = options.checked(call)?;
    for _ in 0..TRIES {
        if !options.flags.has(Flags::EXCLUSIVE) {
            match open_existing(&path, size, &options) {
                Err(Error::System(libc::ENOENT)) if size != 0 => {}
                result => return result,
            }
        }
        match create(&path, size, &options) {
            // Somebody has made it just now.
            Err(Error::System(libc::EEXIST)) if !options.flags.has(Flags::EXCLUSIVE) => {}
            result => return result,
        }
    }
    Err(Error::System(libc::EEXIST))
}

/// How often somebody else may make the name and remove it again between two looks at it.
const TRIES: usize = 100;

fn open_existing(path: &CStr, size: u64, options: &Options) -> Result<Handle> {
    let mut opening = *options;
    opening.flags = opening.flags | Flags::NO_FOLLOW; // As shm_open does it.
    let (file, len) = existing::open(path, &opening)?;
    if size != 0 && !file.is_of_this_user()? {
        refuse_if_not_to_be_created(path, &file)?;
    }
    map_existing(file, len, options)
}

/// Has the system say what it thinks of opening another user's file in order to create it, where everybody may have
/// put one (proc_sys_fs(5), protected_regular), as shm_open has it; ENOENT where the name is no longer that file's.
///
/// O_CREAT makes a file where there is none any more. It would be an empty one, so it goes again at once, and until
/// then no other user can open it.
fn refuse_if_not_to_be_created(path: &CStr, file: &File) -> Result<()> {
    let place = Place::of(path, &Options::default())?;
    let flags = libc::O_RDONLY | libc::O_CREAT | libc::O_NOFOLLOW;
    let (again, len) = File::validated(place.open(flags, 0o400)?)?;
    if again.identity == file.identity {
        return Ok(());
    }
    let ours = len == 0 && again.is_of_this_user()?;
    let identity = again.identity;
    drop(again);
    if ours {
        place.remove(identity, Sure::Nearly);
    }
    Err(Error::System(libc::ENOENT))
}

fn create(path: &CStr, size: u64, options: &Options) -> Result<Handle> {
    refuse_too_much(size, options)?;
    let file = File::unnamed(libc::AT_FDCWD, FOLDER, options.mode)?;
    let unnamed = file.duplicate()?;
    let handle = map_new(file, size, options)?;
    match give_name(unnamed.as_raw_fd(), libc::AT_FDCWD, path) {
        Ok(()) => Ok(handle),
        Err(error) => close(handle).and(Err(error)),
    }
}

/// Removes the name of a shared memory object. Its mappings remain valid; the memory is freed with
/// the last of them.
///
/// # Errors
///
/// Fails with [`Error::Invalid`] if `name` is invalid, and with the system's error if there is no
/// such object or it may not be removed.
///
/// # Examples
///
/// ```
/// # fn main() -> memmap::Result<()> {
/// use memmap::Error;
///
/// let missing = memmap::unlink_shared(c"no-such-object-of-memmap");
/// assert_eq!(missing, Err(Error::System(libc::ENOENT)));
/// # Ok(())
/// # }
/// ```
pub fn unlink(name: &CStr) -> Result<()> {
    let path = path_of(name)?;
    // SAFETY: the path is terminated.
    match unsafe { libc::unlink(path.as_ptr()) } {
        0 => Ok(()),
        _ => Err(Error::last()),
    }
}

/// The path of a name, which may begin with slashes and has no others.
fn path_of(name: &CStr) -> Result<CString> {
    let bytes = name.to_bytes();
    let bare = &bytes[bytes.iter().take_while(|byte| **byte == b'/').count()..];
    if bare.contains(&b'/') || matches!(bare, b"" | b"." | b"..") {
        return Err(Error::Invalid);
    }
    let path = [FOLDER.to_bytes(), b"/", bare].concat();
    CString::new(path).map_err(|_| Error::Invalid)
}

/// Maps `size` zero bytes that who has a descriptor of them shares.
pub fn memfd(name: &CStr, size: u64, options: &Options) -> Result<Handle> {
    let options = options.checked(Call::Memfd)?;
    refuse_too_much(size, &options)?;
    map_new(File::memory(name, options.mode)?, size, &options)
}

/// What is reserved is memory in use, touched or not.
fn refuse_too_much(size: u64, options: &Options) -> Result<()> {
    match options.flags.has(Flags::SPARSE) || options.flags.has(Flags::OVERCOMMIT) {
        true => Ok(()),
        false => refuse_more_than_available(size),
    }
}

/// A descriptor of the mapping's file for the caller to keep.
pub fn descriptor(handle: Handle) -> Result<OwnedFd> {
    pin(handle)?.file()?.duplicate()
}

/// The same for reading only.
pub fn read_only_descriptor(handle: Handle) -> Result<OwnedFd> {
    let again = pin(handle)?.file()?.opened_again(libc::O_RDONLY)?;
    Ok(again.into())
}
