//! Locks of byte ranges, which hold between processes and between the threads of this one.
//!
//! The system's locks exclude other open file descriptions ([`record`](crate::record)), and so not the
//! threads that share one. In front of them stands a queue for each handle: who comes waits for
//! everyone who came before and wants what can't be had together, and only then asks the system.
//!
//! A handle locks by a description of its own, opened at its first lock: descriptors that were handed
//! out, or received, share the mapping's description with other processes, which it would not exclude,
//! and whose copy would keep the locks after the death of this process.

use crate::claims::Claims;
use crate::handles::{Pinned, pin};
use crate::queues::{self, Queue, Shard, queue_of, shard_of};
use crate::range::{TO_END, checked};
use crate::record::{self, Deadline, FOR_EVER, Lock, Locker, after};
use crate::status::{Error, Result};
use crate::table::Handle;
use std::ops::Range;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

/// The queue of a handle, made if need be.
fn open_queue<'q>(
    queues: &'q mut Vec<Queue>,
    mapping: &Pinned,
    handle: Handle,
) -> Result<&'q mut Queue> {
    let place = queues.iter().position(|queue| queue.handle == handle);
    if let Some(place) = place {
        return Ok(&mut queues[place]);
    }
    let file = mapping.file()?;
    let access = file.access()?;
    let queue = Queue {
        handle,
        file: Arc::new(Locker::new(file.opened_again(access)?, handle.0)),
        access,
        claims: Claims::default(),
    };
    queues::insert(queues, queue, || pin(handle).map(drop))
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
/// as it is free, or answers [`Error::Timeout`].
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
    let shard = shard_of(handle);
    let mut queues = shard.queues();
    let queue = open_queue(&mut queues, &mapping, handle)?;
    if how == Lock::Exclusive && queue.access != libc::O_RDWR {
        return Err(Error::Access); // As the system has it.
    }
    drop(mapping); // Who waits keeps nobody from resizing or closing.
    let file = Arc::clone(&queue.file);
    let ticket = queue.claims.join(range.clone(), how);
    let turn = wait_for_turn(shard, queues, handle, ticket, deadline);
    let answer = turn.and_then(|()| record::lock(&file, &range, how, deadline));
    settle(shard, handle, ticket, answer)
}

fn wait_for_turn<'s>(
    shard: &'s Shard,
    mut queues: MutexGuard<'s, Vec<Queue>>,
    handle: Handle,
    ticket: u64,
    deadline: Deadline,
) -> Result<()> {
    loop {
        let queue = queue_of(&mut queues, handle).ok_or(Error::Handle)?;
        if queue.claims.may_ask(ticket) {
            return Ok(());
        }
        queues = shard.wait(queues, deadline)?;
    }
}

/// Writes down what came of a claim.
fn settle(shard: &Shard, handle: Handle, ticket: u64, answer: Result<()>) -> Result<()> {
    let mut queues = shard.queues();
    // If the queue is gone, the handle was closed meanwhile, and its locks with it.
    let queue = queue_of(&mut queues, handle).ok_or(Error::Handle)?;
    match answer {
        Ok(()) => queue.claims.hold(ticket),
        Err(_) => {
            let parts = queue.claims.withdraw(ticket);
            // The failure that is being answered is the one to tell.
            let _ = queue.release(parts);
            shard.tell();
        }
    }
    answer
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
    let shard = shard_of(handle);
    let mut queues = shard.queues();
    let queue = queue_of(&mut queues, handle).ok_or(Error::Invalid)?;
    let (ticket, parts) = queue.claims.held(&range).ok_or(Error::Invalid)?;
    queue.release(parts)?;
    queue.claims.withdraw(ticket);
    shard.tell();
    Ok(())
}
