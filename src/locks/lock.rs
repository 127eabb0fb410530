//! Locks of byte ranges, which hold between processes and between the threads of this one.
//!
//! The system's locks exclude other open file descriptions ([`record`](crate::locks::ofd)), and so not the
//! threads that share one. In front of them stands a queue for each handle: who comes waits for
//! everyone who came before and wants what can't be had together, and only then asks the system.
//!
//! A handle locks by a description of its own, opened at its first lock: descriptors that were handed
//! out, or received, share the mapping's description with other processes, which it would not exclude,
//! and whose copy would keep the locks after the death of this process.

use crate::handles::table::Handle;
use crate::locks::ofd::{FOR_EVER, Lock, Locker};
use crate::locks::pace::after;
use crate::locks::queue::{Queue, shard_of};
use crate::range::{TO_END, checked};
use crate::registry::live::{Pinned, pin, pin_past_gate};
use crate::status::{Error, Result};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// The queue of a handle, made if need be.
fn open_queue(mapping: &Pinned, handle: Handle) -> Result<Arc<Queue>> {
    let make = || {
        let file = mapping.file()?;
        let access = file.access()?;
        let locker = Locker::new(file.opened_again(access)?, handle.0);
        Ok(Queue::new(handle, locker, access))
    };
    // Past the gate: who has closed it may wait for the pin of `mapping`.
    shard_of(handle).open_queue(handle, make, || pin_past_gate(handle).map(drop))
}

/// The bytes of the file that a range of the mapping is; None for nothing.
fn in_file(mapping: &Pinned, offset: u64, len: u64) -> Option<Range<u64>> {
    let start = mapping.offset + offset;
    match len {
        0 => None,
        TO_END => Some(start..FOR_EVER),
        len => Some(start..start + len),
    }
}

/// Locks a range, against other processes and against everyone else who locks by this handle, as soon
/// as it is free, or fails with [`Error::Timeout`].
pub fn lock(
    handle: Handle,
    offset: u64,
    len: u64,
    how: Lock,
    timeout: Option<Duration>,
) -> Result<()> {
    let deadline = after(timeout);
    let mapping = pin(handle)?;
    let inside = if len == TO_END { 0 } else { len };
    checked(offset, inside, mapping.len() as u64)?;
    let Some(range) = in_file(&mapping, offset, len) else {
        return mapping.file().map(drop);
    };
    let queue = open_queue(&mapping, handle)?;
    if how == Lock::Exclusive && queue.access != libc::O_RDWR {
        return Err(Error::Access); // As the system has it.
    }
    drop(mapping); // Who waits keeps nobody from resizing or closing.
    queue.lock(&range, how, deadline)
}

/// Lets a range go that was locked exactly so.
pub fn unlock(handle: Handle, offset: u64, len: u64) -> Result<()> {
    let mapping = pin(handle)?;
    mapping.file()?;
    let end = offset.checked_add(if len == TO_END { 0 } else { len });
    if end
        .and_then(|end| end.checked_add(mapping.offset))
        .is_none()
    {
        return Err(Error::Range);
    }
    let Some(range) = in_file(&mapping, offset, len) else {
        return Ok(());
    };
    let queue = shard_of(handle).queue_of(handle).ok_or(Error::Invalid)?;
    queue.unlock(&range)
}
