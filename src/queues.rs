//! Queues of those who lock ranges by one handle. They stand beside the handle table and not in it: the
//! fault handler may drop a mapping, and must not meet a lock there.

use crate::claims::Claims;
use crate::fork;
use crate::record::{self, Deadline, FOR_EVER, Locker, left};
use crate::status::Result;
use crate::table::Handle;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Handles share these by their number.
const SHARDS: usize = 64;

/// Some of the queues.
pub struct Shard {
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

#[used]
static HOOKS: &extern "C" fn() = &fork::AT_LOAD;

/// How many queues there are, so that closing a handle costs nothing as long as nobody locks.
static QUEUES: AtomicUsize = AtomicUsize::new(0);

/// What one handle locks by, and who wants or has what.
pub struct Queue {
    pub handle: Handle,
    pub file: Arc<Locker>,
    /// What the file was opened for: O_RDONLY or O_RDWR.
    pub access: i32,
    pub claims: Claims,
}

impl Queue {
    /// Has the system unlock these.
    pub fn release(&self, parts: Vec<Range<u64>>) -> Result<()> {
        parts
            .iter()
            .try_for_each(|part| record::unlock(&self.file, part))
    }
}

/// Where the queue of a handle is, if it has one.
pub fn shard_of(handle: Handle) -> &'static Shard {
    &ALL[handle.0 as usize % SHARDS]
}

impl Shard {
    /// The queues, for the caller alone.
    pub fn queues(&self) -> MutexGuard<'_, Vec<Queue>> {
        // Nothing here panics between two changes that belong together.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait that somebody has left, for who has the queues locked.
    pub fn tell(&self) {
        // Relaxed, here and below: it is changed by who has the queues locked.
        if self.waiting.load(Ordering::Relaxed) != 0 {
            self.moved.notify_all();
        }
    }

    /// Waits to be told.
    pub fn wait<'s>(
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

/// The queue of a handle, if it has one.
pub fn queue_of(queues: &mut [Queue], handle: Handle) -> Option<&mut Queue> {
    queues.iter_mut().find(|queue| queue.handle == handle)
}

/// Takes a queue in, which [`forget`] finds: who closes the handle looks for one afterwards, or `is_open`
/// does not find it open here.
pub fn insert(
    queues: &mut Vec<Queue>,
    queue: Queue,
    is_open: impl FnOnce() -> Result<()>,
) -> Result<&mut Queue> {
    queues.push(queue);
    QUEUES.fetch_add(1, Ordering::Relaxed); // The fence orders it.
    // SeqCst: of two that each write one thing and read the other, one sees what the other wrote.
    fence(Ordering::SeqCst);
    if let Err(error) = is_open() {
        queues.pop();
        QUEUES.fetch_sub(1, Ordering::Relaxed);
        return Err(error);
    }
    Ok(queues.last_mut().expect("it was pushed just now"))
}

/// Lets go of everything that a handle which was closed has locked, and sends away who waits.
pub fn forget(handle: Handle) {
    fence(Ordering::SeqCst); // See `insert`.
    // Relaxed: the fence orders it; below, and where `insert` takes its own back, it is a number.
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
        // Relaxed, both: the child has one thread.
        QUEUES.store(0, Ordering::Relaxed);
        for shard in &ALL {
            shard.waiting.store(0, Ordering::Relaxed);
        }
    }
}
