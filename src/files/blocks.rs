//! The blocks of a file: how it gets its size, with room on the device for every byte.
//!
//! Others may write to the file at any time, and none of what they wrote may be lost by a call that makes it
//! longer. So nothing here looks at a size and then sets one: ftruncate(2) would cut what was appended in
//! between, and clearing or writing bytes would wipe it out. Only who empties a file on purpose, or has it
//! for itself, truncates.

use crate::files::descriptor::offset;
use crate::files::file::File;
use crate::files::lease::Lease;
use crate::options::Flags;
use crate::os::errno::system;
use crate::os::limits::limit;
use crate::status::{Error, Result};

impl File {
    /// Cuts the file, or lengthens it with a hole: to this size, whatever it has.
    pub fn truncate(&self, size: u64) -> Result<()> {
        let size = offset(size)?;
        // SAFETY: no memory is handed over.
        system(|| unsafe { libc::ftruncate64(self.fd(), size) }).map(drop)
    }

    /// Gives a new file, of which nobody else knows yet, the size `to`, with blocks unless `flags` have SPARSE.
    pub fn fill(&self, to: u64, flags: Flags) -> Result<()> {
        within_file_size_limit(to)?;
        match flags.has(Flags::SPARSE) {
            true => self.truncate(to),
            false => self
                .reserve(0, to, flags)
                .and_then(|()| self.lengthen(0, to, flags)),
        }
    }

    /// Has blocks for the bytes from `from`, the file's size, to `to`, at which the size stays what it is; with
    /// SPARSE for the last of them. A failure gives back what it had, as far as nobody else can be hit by that.
    pub fn reserve(&self, from: u64, to: u64, flags: Flags) -> Result<()> {
        within_file_size_limit(to)?;
        let start = first_to_have(from, to, flags);
        if start >= to {
            return Ok(());
        }
        self.refuse_more_than_free(start, to)?;
        if self.is_memory() {
            return Ok(()); // See `lengthen`.
        }
        // Where there is no fallocate, `lengthen` has the blocks.
        self.allocate(libc::FALLOC_FL_KEEP_SIZE, start, to)
            .inspect_err(|_| self.give_back(from, to))
            .map(drop)
    }

    /// Makes the file, for which `from .. to` was reserved, `to` bytes long, unless it is longer. No byte that is
    /// there is touched, nor any that others append meanwhile.
    pub fn lengthen(&self, from: u64, to: u64, flags: Flags) -> Result<()> {
        if from >= to {
            return Ok(());
        }
        let start = match self.is_memory() {
            // Of tmpfs the size is another one only when all blocks were had, and blocks behind the end take it long.
            true => first_to_have(from, to, flags),
            false => to - 1,
        };
        match self.allocate(0, start, to)? {
            true => Ok(()),
            false => self.append_zeros(to),
        }
    }

    /// Has blocks for `from .. to`, wherever the end is; the size stays what it is. Where there is no fallocate, who writes
    /// there has them, or doesn't.
    pub fn have_blocks(&self, from: u64, to: u64) -> Result<()> {
        within_file_size_limit(to)?;
        self.allocate(libc::FALLOC_FL_KEEP_SIZE, from, to).map(drop)
    }

    /// Makes `from .. to` zeros; a file that ends before gets longer.
    pub fn zero(&self, from: u64, to: u64) -> Result<()> {
        if self.allocate(libc::FALLOC_FL_ZERO_RANGE, from, to)? {
            return Ok(());
        }
        let (zeros, mut at) = (vec![0; 64 << 10], from);
        while at < to {
            let len = (to - at).min(zeros.len() as u64);
            self.write_at(&zeros[..len as usize], at)?;
            at += len;
        }
        Ok(())
    }

    /// Gives back what was reserved behind the end, up to `to`, for a growth that comes to nothing. If the
    /// reservation itself failed, that may be all that the device had: ext4 keeps it, and tmpfs frees it only by
    /// a truncation that changes the size. It takes a truncation, so it is left undone unless nobody else has the
    /// file open.
    pub fn give_back(&self, size: u64, to: u64) {
        let Some(_alone) = Lease::of(self) else {
            return;
        };
        if self.size() == Ok(size) {
            // The error that is being returned is that of the failure; these calls need no space.
            let _ = self.truncate(to).and_then(|()| self.truncate(size));
        }
    }

    /// ENOSPC for more than the device has, so that no reservation takes all of it before it fails. How much it
    /// has may change at once, so little is not asked for.
    fn refuse_more_than_free(&self, from: u64, to: u64) -> Result<()> {
        const TOO_LITTLE_TO_ASK: u64 = 1 << 20;
        if to - from <= TOO_LITTLE_TO_ASK {
            return Ok(());
        }
        let device = self.file_system()?;
        // Some file systems don't tell, or have no limit: tmpfs without a size.
        if device.f_blocks == 0 {
            return Ok(());
        }
        // Root may take more than others; behind the end there may be blocks already.
        let free = device.f_bfree.saturating_mul(device.f_bsize as u64);
        let had = self.allocated()?.saturating_sub(from);
        match to - from > free.saturating_add(had) {
            true => Err(Error::System(libc::ENOSPC)),
            false => Ok(()),
        }
    }

    /// fallocate(2) of `from .. to`; false where the file system does not have that mode. With mode 0 it makes the
    /// file no shorter than `to`, and never shorter than it is.
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

    /// The growth of file systems without fallocate: zeros behind whatever the end is at that moment (RWF_APPEND,
    /// pwritev2(2)). What others append at the same time comes before or behind them, and the file gets longer
    /// than `to` by as much.
    fn append_zeros(&self, to: u64) -> Result<()> {
        static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
        while let Some(missing) = to.checked_sub(self.size()?).filter(|missing| *missing != 0) {
            let zeros = libc::iovec {
                iov_base: ZEROS.as_ptr().cast_mut().cast(),
                iov_len: missing.min(ZEROS.len() as u64) as usize,
            };
            // By its number, since older C libraries don't have it.
            // SAFETY: the kernel reads from ZEROS, which is that long.
            let written = unsafe {
                let (call, at, append) = (libc::SYS_pwritev2, 0 as libc::c_long, RWF_APPEND);
                libc::syscall(call, self.fd(), &raw const zeros, 1, at, at, append)
            };
            match (written, Error::last()) {
                (-1, Error::System(libc::EINTR)) => {}
                (-1, error) => return Err(error),
                // Nothing written is no progress, which no file system should have.
                (0, _) => return Err(Error::System(libc::EIO)),
                _ => {}
            }
        }
        Ok(())
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
        self.refuse_more_than_free(0, to)?;
        let reserved = self.allocate(libc::FALLOC_FL_KEEP_SIZE, 0, to);
        let zeroed = reserved.and_then(|had| match had {
            true => self.allocate(libc::FALLOC_FL_ZERO_RANGE, 0, to),
            false => Ok(false),
        });
        if zeroed.is_err() && to > from {
            self.give_back(from, to);
        }
        if zeroed? {
            return self.truncate(to);
        }
        // Without ZERO_RANGE (tmpfs) the blocks are freed and taken again.
        self.truncate(0)?;
        self.reserve(0, to, flags)?;
        self.lengthen(0, to, flags)
    }
}

/// From where on blocks are had for the bytes from `from` to `to`: with SPARSE for the last one.
fn first_to_have(from: u64, to: u64, flags: Flags) -> u64 {
    match flags.has(Flags::SPARSE) {
        true => from.max(to.saturating_sub(1)),
        false => from,
    }
}

/// Behind the end of the file, wherever that is (<linux/fs.h>).
const RWF_APPEND: libc::c_int = 0x10;

/// Past RLIMIT_FSIZE the kernel would send SIGXFSZ (setrlimit(2)): refused before it comes to that.
pub fn within_file_size_limit(size: u64) -> Result<()> {
    offset(size)?; // No file is longer.
    match size <= limit(libc::RLIMIT_FSIZE)? {
        true => Ok(()),
        false => Err(Error::Limit),
    }
}
