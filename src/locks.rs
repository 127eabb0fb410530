//! Locks of byte ranges, which hold between processes and between the threads of this one.
//!
//! The system's locks exclude other open file descriptions ([`record`](crate::record)), and so not the
//! threads that share one. In front of them stands a queue for each handle: who comes waits for
//! everyone who came before and wants what can't be had together, and only then asks the system.
//!
//! A handle locks by a description of its own, opened at its first lock: descriptors that were handed
//! out, or received, share the mapping's description with other processes, which it would not exclude,
//! and whose copy would keep the locks after the death of this process.
//!
//! All of it stands beside the handle table and not in it: the fault handler may drop a mapping, and
//! must not meet a lock there.

use crate::claims::Claims;
use crate::handles::{Pinned, pin};
use crate::range::{TO_END, checked};
use crate::record::{self, Deadline, FOR_EVER, Lock, Locker, after, left};
use crate::status::{Error, Result};
use crate::table::Handle;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Handles share these by their number.
const SHARDS: usize = 64;

struct Shard {
    queues: Mutex<Vec<Queue>>,
    /// Somebody has left a queue, or a queue is gone.
    moved: Condvar,
    /// How many threads wait for that, written while the queues are locked: telling them is a system
    /// call also where there are none.
    waiting: AtomicUsize,
}

static ALL: [Shard; SHARDS] = [const {
    Shard {
        queues: Mutex::new(Vec::new()),
        moved: Condvar::new(),
        waiting: AtomicUsize::new(0),
    }
}; SHARDS];

/// How many queues there are, so that closing a handle costs nothing as long as nobody locks.
static QUEUES: AtomicUsize = AtomicUsize::new(0);

/// What one handle locks by, and who wants or has what.
struct Queue {
    handle: Handle,
    file: Arc<Locker>,
    /// What the file was opened for: O_RDONLY or O_RDWR.
    access: i32,
    claims: Claims,
}

impl Queue {
    fn release(&self, parts: Vec<Range<u64>>) -> Result<()> {
        parts
            .iter()
            .try_for_each(|part| record::unlock(&self.file, part))
    }
}

fn shard_of(handle: Handle) -> &'static Shard {
    &ALL[handle.0 as usize % SHARDS]
}

impl Shard {
    fn queues(&self) -> MutexGuard<'_, Vec<Queue>> {
        // Nothing here panics between two changes that belong together.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Tells those who wait that somebody has left, for who has the queues locked.
    fn tell(&self) {
        if self.waiting.load(Ordering::Relaxed) != 0 {
            self.moved.notify_all();
        }
    }

    /// Waits to be told.
    fn wait<'s>(
        &'s self,
        queues: MutexGuard<'s, Vec<Queue>>,
        deadline: Deadline,
    ) -> Result<MutexGuard<'s, Vec<Queue>>> {
        let left = deadline.map(left).transpose()?;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let queues = match left {
            None => self
                .moved
                .wait(queues)
                .unwrap_or_else(PoisonError::into_inner),
            Some(left) => {
                let waited = self.moved.wait_timeout(queues, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Ok(queues)
    }
}

fn queue_of(queues: &mut [Queue], handle: Handle) -> Option<&mut Queue> {
    queues.iter_mut().find(|queue| queue.handle == handle)
}

/// The same, made if need be.
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
    queues.push(Queue {
        handle,
        file: Arc::new(Locker::new(file.opened_again(access)?, handle.0)),
        access,
        claims: Claims::default(),
    });
    QUEUES.fetch_add(1, Ordering::Relaxed);
    // Who closes the handle looks for a queue afterwards, or does not find the handle open here.
    fence(Ordering::SeqCst);
    if let Err(error) = pin(handle) {
        queues.pop();
        QUEUES.fetch_sub(1, Ordering::Relaxed);
        return Err(error);
    }
    Ok(queues.last_mut().expect("it was pushed just now"))
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
    let parts = queue.claims.give_back(&range).ok_or(Error::Invalid)?;
    let answer = queue.release(parts);
    shard.tell();
    answer
}

/// Lets go of everything that a handle which was closed has locked, and sends away who waits.
pub fn forget(handle: Handle) {
    fence(Ordering::SeqCst); // See `open_queue`.
    if QUEUES.load(Ordering::Relaxed) == 0 {
        return;
    }
    let shard = shard_of(handle);
    let mut queues = shard.queues();
    let Some(place) = queues.iter().position(|queue| queue.handle == handle) else {
        return;
    };
    let queue = queues.swap_remove(place);
    QUEUES.fetch_sub(1, Ordering::Relaxed);
    // A thread that waits in the system keeps the description open; what was locked goes now.
    let _ = record::unlock(&queue.file, &(0..FOR_EVER));
    shard.tell();
}

/// All queues, for a process that forks: whole, and by nobody else's hand.
pub struct Frozen(Vec<MutexGuard<'static, Vec<Queue>>>);

/// Waits until no queue is being changed, and keeps it so until the answer is dropped.
pub fn freeze() -> Frozen {
    Frozen(ALL.iter().map(Shard::queues).collect())
}

impl Frozen {
    /// In the child: it has locked nothing, and waits for nothing. The locks are the parent's, and end
    /// with the parent, so the child must not keep their description open.
    pub fn in_child(mut self) {
        for queue in self.0.iter_mut().flat_map(|queues| queues.drain(..)) {
            // SAFETY: it is forgotten here, and by the threads that the child does not have.
            unsafe { queue.file.close() };
            std::mem::forget(queue.file);
        }
        QUEUES.store(0, Ordering::Relaxed);
        for shard in &ALL {
            shard.waiting.store(0, Ordering::Relaxed);
        }
    }
}
