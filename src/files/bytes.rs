//! Bytes of a file, read and written by their place.

use crate::files::descriptor::offset;
use crate::files::file::File;
use crate::os::errno::system;
use crate::status::{Error, Result};

impl File {
    /// Reads from `at` on as much as there is room for, or up to the end of the file; how much that is.
    pub fn read_at(&self, room: &mut [u8], at: u64) -> Result<usize> {
        let mut done = 0;
        while done < room.len() {
            match self.read_once(&mut room[done..], at + done as u64)? {
                0 => break,
                more => done += more,
            }
        }
        Ok(done)
    }

    /// The same by one call of the system, which may read less.
    pub fn read_once(&self, room: &mut [u8], at: u64) -> Result<usize> {
        let from = offset(at)?;
        // SAFETY: the kernel writes to the room, and no more.
        let read =
            || unsafe { libc::pread64(self.fd(), room.as_mut_ptr().cast(), room.len(), from) };
        Ok(system(read)? as usize)
    }

    /// Writes all of `bytes` from `at` on.
    pub fn write_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let (rest, to) = (&bytes[done..], offset(at + done as u64)?);
            // SAFETY: the kernel reads the rest of the bytes, and no more.
            let write =
                || unsafe { libc::pwrite64(self.fd(), rest.as_ptr().cast(), rest.len(), to) };
            match system(write)? {
                // Nothing written is no progress, which no file system should have.
                0 => return Err(Error::System(libc::EIO)),
                more => done += more as usize,
            }
        }
        Ok(())
    }
}
