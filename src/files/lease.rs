//! A lease: the system's word that nobody else has a file open (fcntl(2), Leases), until it is given back. Who
//! opens the file meanwhile waits.

use crate::files::file::File;
use crate::os::errno::system;
use crate::status::Result;
use libc::c_int;

/// F_SETSIG of <fcntl.h>, which the libc crate does not name.
const F_SETSIG: c_int = 10;

/// What a file is leased by, given back when dropped.
pub struct Lease<'f>(&'f File);

impl<'f> Lease<'f> {
    /// A lease of the file; None where others have it open, or may have our description of it, which no lease
    /// excludes, or where a lease can't be had: of another's file, or on a file system without them.
    pub fn of(file: &'f File) -> Option<Lease<'f>> {
        match file.is_sole() {
            true => Lease::asked(file).ok(),
            false => None,
        }
    }

    /// A lease of a file whose description nobody else has; EAGAIN where others have the file open.
    pub fn asked(file: &'f File) -> Result<Lease<'f>> {
        file.still_ours()?;
        // Who opens the file meanwhile has the system send SIGIO, which would end this process, unless another
        // signal was chosen: this one nobody minds.
        // SAFETY: no memory is handed over, here and below.
        system(|| unsafe { libc::fcntl(file.fd(), F_SETSIG, libc::SIGURG) })?;
        let lease = Lease(file); // Also to take the choice of the signal back.
        // SAFETY: no memory is handed over.
        system(|| unsafe { libc::fcntl(file.fd(), libc::F_SETLEASE, libc::F_WRLCK) })?;
        Ok(lease)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let fd = self.0.fd();
        // SAFETY: no memory is handed over. Where there is no lease nothing is given back.
        unsafe {
            libc::fcntl(fd, libc::F_SETLEASE, libc::F_UNLCK);
            libc::fcntl(fd, F_SETSIG, 0);
        }
    }
}
