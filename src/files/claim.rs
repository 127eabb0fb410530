//! Claims: one holder of a file among processes, until its descriptor is closed, also by the end of the process.

use crate::files::file::File;
use crate::os::errno::system;
use crate::status::{Error, Result};

impl File {
    /// Claims the file by flock(2), which belongs to the open file description; [`Error::Busy`] where another one has it.
    pub fn claim(&self) -> Result<()> {
        // SAFETY: no memory is handed over.
        match system(|| unsafe { libc::flock(self.fd(), libc::LOCK_EX | libc::LOCK_NB) }) {
            Err(Error::System(libc::EWOULDBLOCK)) => Err(Error::Busy),
            result => result.map(drop),
        }
    }

    /// Gives the claim up, also for a child of fork that has the description too, and has not come to close it.
    pub fn give_up(&self) {
        // Whose descriptor it is by now is looked at first: another file's is not ours to unlock.
        if !self.is_anothers() {
            // SAFETY: no memory is handed over.
            unsafe { libc::flock(self.fd(), libc::LOCK_UN) };
        }
    }
}
