//! The blocks of a file: how it gets its size, with room on the device for every byte.

use crate::file::{File, offset};
use crate::options::Flags;
use crate::range::page_size;
use crate::status::{Error, Result, system};
use crate::system::limit;

impl File {
    /// Cuts the file, or lengthens it with a hole.
    pub fn truncate(&self, size: u64) -> Result<()> {
        let size = offset(size)?;
        // SAFETY: no memory is handed over.
        system(|| unsafe { libc::ftruncate64(self.fd(), size) }).map(drop)
    }

    /// Lengthens the file from `from`, its present size, to `to`; the new bytes are zero. Blocks are
    /// reserved unless `flags` have SPARSE. A failure leaves the file as it was.
    pub fn grow(&self, from: u64, to: u64, flags: Flags) -> Result<()> {
        within_file_size_limit(to)?;
        self.clear_tail(from)?;
        if flags.has(Flags::SPARSE) {
            return self.truncate(to);
        }
        self.reserve(from, to)
            .inspect_err(|_| self.release(from, to))
    }

    /// Takes back what a failed `reserve` left: ext4 has moved the end of the file by then, and
    /// tmpfs keeps blocks behind the end, which only a truncation that changes the size frees.
    fn release(&self, from: u64, to: u64) {
        // The failure that is being answered is the one to tell; these need no space.
        let _ = self.truncate(to).and_then(|()| self.truncate(from));
    }

    fn reserve(&self, from: u64, to: u64) -> Result<()> {
        if self.allocate(0, from, to)? {
            return Ok(());
        }
        self.write_zeros(from, to)
    }

    /// fallocate(2) of `from .. to`; false where the file system does not have that mode.
    fn allocate(&self, mode: i32, from: u64, to: u64) -> Result<bool> {
        if from >= to {
            return Ok(true); // fallocate refuses a length of 0.
        }
        let (start, len) = (offset(from)?, offset(to - from)?);
        // SAFETY: no memory is handed over.
        match system(|| unsafe { libc::fallocate64(self.fd(), mode, start, len) }) {
            Ok(_) => Ok(true),
            Err(Error::System(libc::EOPNOTSUPP | libc::ENOSYS)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The reservation of file systems without fallocate: real bytes.
    fn write_zeros(&self, from: u64, to: u64) -> Result<()> {
        static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
        let mut at = from;
        while at < to {
            let len = (to - at).min(ZEROS.len() as u64) as usize;
            let start = offset(at)?;
            // SAFETY: ZEROS is at least `len` long.
            let written = unsafe { libc::pwrite64(self.fd(), ZEROS.as_ptr().cast(), len, start) };
            match u64::try_from(written) {
                Ok(written) => at += written,
                Err(_) if Error::last() == Error::System(libc::EINTR) => {}
                Err(_) => return Err(Error::last()),
            }
        }
        Ok(())
    }

    /// Zeroes what lies between the end of the file and the end of its last page. tmpfs keeps bytes
    /// that a mapping wrote there and shows them when the file grows; others clear them themselves,
    /// so it is no failure when they don't punch holes.
    fn clear_tail(&self, size: u64) -> Result<()> {
        let end = size.next_multiple_of(page_size() as u64);
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        self.allocate(mode, size, end).map(drop)
    }

    /// Gives the file the size `to` and makes all of it zero, whatever it held; `from` is its present
    /// size. As long as space is what is missing, the old contents stay.
    pub fn renew(&self, from: u64, to: u64, flags: Flags) -> Result<()> {
        within_file_size_limit(to)?;
        if flags.has(Flags::SPARSE) {
            // A size that the file can't have (EFBIG) is told before the contents go.
            if to > from {
                self.truncate(to)?;
            }
            return self.truncate(0).and_then(|()| self.truncate(to));
        }
        // First the blocks, behind what is there; only when all are had, the contents go.
        let reserved = self.allocate(libc::FALLOC_FL_KEEP_SIZE, 0, to);
        let zeroed = reserved.and_then(|had| match had {
            true => self.allocate(libc::FALLOC_FL_ZERO_RANGE, 0, to),
            false => Ok(false),
        });
        if zeroed.is_err() && to > from {
            self.release(from, to);
        }
        if zeroed? {
            return self.truncate(to);
        }
        // Without ZERO_RANGE (tmpfs) the blocks are freed and taken again.
        self.truncate(0)?;
        self.reserve(0, to).inspect_err(|_| self.release(0, to))
    }
}

/// Past RLIMIT_FSIZE the kernel would send SIGXFSZ (setrlimit(2)): refused before it comes to that.
fn within_file_size_limit(size: u64) -> Result<()> {
    match size <= limit(libc::RLIMIT_FSIZE)? {
        true => Ok(()),
        false => Err(Error::Limit),
    }
}
