//! Whether the device has what was written to a file and synced.
//!
//! After a write-back that failed, ext4 may take blocks for written that it has not marked as such: the next sync succeeds,
//! and the bytes are zeros when the file system is mounted again. The log has them only as long as it doesn't begin anew, so
//! who relies on a sync after a failure looks, past the page cache (open(2), O_DIRECT).

use crate::commit::record::BLOCK;
use crate::files::file::File;
use crate::status::{Error, Result};

/// Writes those of the blocks again, past the page cache, that the device doesn't have as the page cache has them. EIO if it
/// still hasn't. They are named by their numbers, in order. Nothing is looked at where a file system has no such way.
pub fn settle(file: &File, blocks: &[u64]) -> Result<()> {
    let direct = match file.opened_again(libc::O_RDWR | libc::O_DIRECT) {
        Err(Error::System(libc::EINVAL)) => return Ok(()),
        result => result?,
    };
    let mut room = [vec![0; 2 * BLOCK], vec![0; 2 * BLOCK]];
    let [cached, there] = room.each_mut().map(|room| aligned(room));
    let end = file.size()?;
    let mut written = false;
    for again in [false, true] {
        for block in blocks {
            let at = block * BLOCK as u64;
            let len = file.read_at(cached, at)?;
            // One read: a second one for what is behind the end would not be aligned.
            let same = direct.read_once(there, at)? == len && cached[..len] == there[..len];
            match (same, again) {
                (true, _) => {}
                (false, false) if at + BLOCK as u64 <= end => {
                    direct.write_at(cached, at)?;
                    written = true;
                }
                (false, _) => return Err(Error::System(libc::EIO)),
            }
        }
        if !written {
            return Ok(());
        }
        file.sync_data()?;
    }
    Ok(())
}

/// A block of that room that begins where the system takes one for direct I/O.
fn aligned(room: &mut [u8]) -> &mut [u8] {
    let skipped = room.as_ptr().align_offset(BLOCK);
    &mut room[skipped..skipped + BLOCK]
}
