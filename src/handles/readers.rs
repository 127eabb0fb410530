//! Readers: what each thread is reading, where only that thread writes it, so that a call that reads a value takes
//! nothing from other threads that read.
//!
//! A thread *shows* the handle that it reads in its own [`Reader`], looks at the slot's state, and reads. Who
//! closes or changes the value sets the state first, then has every thread pass a [barrier](crate::threads::sync::barrier),
//! then looks for readers that show the handle. Either a thread showed the handle before the barrier, and is seen,
//! or it looks at the state after it, and keeps out. This is Dekker's algorithm with all the cost on one
//! side (the membarrier flavour of liburcu; asymmetric hazard pointers, C++ P1202).
//!
//! A reader outlives its thread and serves another one. None is ever freed, so that anybody may look at all of them
//! at any time.

use crate::threads::sync::{AtomicPtr, AtomicU32, Ordering, READERS_IN_BLOCK, Sign};

/// What one thread shows. It has its cache lines for itself: a processor may fetch them by twos. Atomics come from
/// outside, since loom's have no const new.
#[repr(C, align(128))]
pub struct Reader {
    /// The number of a handle, or 0.
    pub sign: Sign,
    /// 1 while a thread has it.
    pub taken: AtomicU32,
}

impl Reader {
    /// Shows `handle` to others from now on, for the reader's thread; false if it shows one already, as it does
    /// while a signal handler runs that has interrupted a call.
    #[inline(always)] // See `Table::view_at_once`.
    pub fn show(&self, handle: u64) -> bool {
        let free = self.sign.mine() == 0;
        if free {
            self.sign.set(handle);
        }
        free
    }

    /// Shows nothing any more. What the thread did with the value happens before it is dropped or changed.
    #[inline(always)] // See `Table::view_at_once`.
    pub fn hide(&self) {
        self.sign.set(0);
    }

    /// Whether its thread passes fences of its own: see [`barrier`](crate::threads::sync::barrier).
    #[allow(dead_code, reason = "in a model each does")]
    pub fn fence_if(&self, needed: bool) {
        self.sign.fence_if(needed);
    }

    /// The handle that it shows, or 0, for its thread or for who has seen it end.
    pub fn shown(&self) -> u64 {
        self.sign.mine()
    }

    fn take(&self) -> bool {
        // Acquire: what its last thread did with it is over.
        self.taken
            .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }
}

/// Readers that are made together.
#[repr(C)]
pub struct Block {
    /// The block that was made before it, or null.
    pub next: AtomicPtr<Block>,
    /// Its readers.
    pub readers: [Reader; READERS_IN_BLOCK],
}

/// Makes a block of free readers, which is never freed; None when there is no memory.
pub type MakeBlock = fn() -> Option<*mut Block>;

/// All readers that there are.
pub struct Readers {
    newest: AtomicPtr<Block>,
    make: MakeBlock,
}

impl Readers {
    /// None so far: `newest` is null, and comes from outside since loom's has no const new.
    pub const fn new(newest: AtomicPtr<Block>, make: MakeBlock) -> Self {
        Readers { newest, make }
    }

    /// A reader for the calling thread; None when there is no memory for one more.
    pub fn take(&self) -> Option<&Reader> {
        self.all().find(|reader| reader.take()).or_else(|| {
            let block = (self.make)()?;
            // SAFETY: it was made just now, and is never freed.
            let made = unsafe { &*block };
            let first = made.readers.first().filter(|reader| reader.take());
            self.publish(block);
            first
        })
    }

    fn publish(&self, block: *mut Block) {
        // Relaxed: only the exchange below decides.
        let mut newest = self.newest.load(Ordering::Relaxed);
        loop {
            // SAFETY: it was made by `make`, and is never freed.
            // Relaxed: published by the exchange.
            unsafe { (*block).next.store(newest, Ordering::Relaxed) };
            // Release: who finds the block sees its readers, and the blocks before it.
            let published =
                self.newest
                    .compare_exchange(newest, block, Ordering::Release, Ordering::Relaxed);
            match published {
                Ok(_) => return,
                Err(now) => newest = now,
            }
        }
    }

    /// Lets another thread have the reader, which shows nothing, when its thread ends.
    pub fn give_back(&self, reader: &Reader) {
        // Release: pairs with `take`.
        reader.taken.store(0, Ordering::Release);
    }

    /// Whether any thread shows `handle`, for who has passed a barrier since it has set the state.
    pub fn show(&self, handle: u64) -> bool {
        self.all().any(|reader| reader.sign.get() == handle)
    }

    /// Those that threads have.
    pub fn taken(&self) -> impl Iterator<Item = &Reader> {
        // Relaxed: for a process with one thread.
        self.all()
            .filter(|reader| reader.taken.load(Ordering::Relaxed) != 0)
    }

    fn all(&self) -> impl Iterator<Item = &Reader> {
        // Acquire: the block's readers come before its address.
        let newest = self.newest.load(Ordering::Acquire);
        // SAFETY: a block that is there is never freed.
        let block = |block: *mut Block| unsafe { block.as_ref() };
        // Relaxed: the newest block was published after it.
        std::iter::successors(block(newest), move |newer| {
            block(newer.next.load(Ordering::Relaxed))
        })
        .flat_map(|block| &block.readers)
    }
}
