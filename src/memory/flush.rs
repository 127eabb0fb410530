//! Flushing: the pages of a range, written back, and the failures of that which a mapping has not acknowledged.

use crate::files::file::{File, Kind};
use crate::files::writeback;
use crate::memory::mapping::Mapping;
use crate::memory::mmap::Backing;
use crate::options::Access;
use crate::os::errno::system;
use crate::status::{Error, Result};
use std::ops::Range;
use std::sync::atomic::Ordering;

/// How a flush is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// When the call returns, the bytes and the file size that they need are on the device.
    #[default]
    Sync,
    /// Write-back is scheduled, and the call does not wait for it. Linux writes back by itself
    /// anyway (msync(2)).
    Async,
    /// Other mappings of the file see the newest bytes. On Linux they always do.
    Invalidate,
}

impl Mapping {
    /// Flushes the pages that hold the bytes of `range`.
    pub fn flush(&self, range: Range<usize>, how: Flush) -> Result<()> {
        // As opened: memmap_protect makes none of its bytes the file's.
        match (self.opened, &self.backing) {
            (Access::CopyOnWrite, _) => return Err(Error::Access),
            (_, Backing::Anonymous) => return Err(Error::Unsupported),
            // What was changed is not the file's before a commit, and durable with it.
            _ if self.writer().is_some() => return Err(Error::Unsupported),
            _ => {}
        }
        self.refuse_failure()?;
        if range.is_empty() {
            return Ok(());
        }
        match how {
            Flush::Sync => self.sync(range),
            Flush::Async => self.msync(range, libc::MS_ASYNC),
            Flush::Invalidate => self.msync(range, libc::MS_INVALIDATE),
        }
    }

    fn sync(&self, range: Range<usize>) -> Result<()> {
        let file = self.file_to_flush()?;
        let end = self.offset + range.end as u64;
        writeback::watched(self.file, || {
            self.msync(range, libc::MS_SYNC)?;
            file.map_or(Ok(()), File::sync_data)
        })?;
        // The kernel may have reported the failure to another flush of the file, and not to this one.
        self.refuse_failure()?;
        self.refuse_what_was_cut(end)
    }

    /// [`Error::Fault`] where the file ends before `end`: msync(2) says nothing of pages that it hasn't any more. What
    /// others have mapped they may have mapped past the end on purpose.
    fn refuse_what_was_cut(&self, end: u64) -> Result<()> {
        let size = match &self.backing {
            Backing::File(file) if file.kind == Kind::Regular && !self.is_lent() => file.size(),
            _ => return Ok(()),
        };
        match size {
            Ok(size) if size < end => Err(Error::Fault),
            // A descriptor that others have closed is no reason to fail.
            _ => Ok(()),
        }
    }

    fn msync(&self, range: Range<usize>, flags: i32) -> Result<()> {
        let (first, len) = self.pages_of(range);
        // SAFETY: the pages are this mapping's own; their contents stay as they are.
        system(|| unsafe { libc::msync(first, len, flags) }).map(drop)
    }

    /// The file to flush where msync(2) does nothing: to the kernel the mapping of a descriptor that can't
    /// write is not a shared one, whatever others write to the file. Without a descriptor there is nothing that
    /// could be flushed, and nothing of this mapping's own to flush.
    fn file_to_flush(&self) -> Result<Option<&File>> {
        match (&self.backing, self.opened) {
            // A character device has no contents to write back.
            (Backing::File(file), Access::ReadOnly) if file.kind != Kind::Character => {
                file.still_ours().map(|()| Some(file))
            }
            _ => Ok(None),
        }
    }

    /// The error of a write-back of the file that failed and was not acknowledged by this mapping.
    fn refuse_failure(&self) -> Result<()> {
        // Relaxed, here and below: a number.
        writeback::after(self.file, self.acknowledged.load(Ordering::Relaxed))
    }

    /// Forgets the flushes that failed.
    pub fn acknowledge_failures(&self) {
        let count = writeback::count(self.file);
        self.acknowledged.store(count, Ordering::Relaxed);
    }
}
