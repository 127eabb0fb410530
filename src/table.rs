//! Handles: numbers that name a value until it is closed, and never again.
//!
//! A handle is a slot's index and the slot's generation. A slot is one word of state beside the
//! value, and is never given back to the system, so any number may be looked up at any time. The
//! word holds, from the top:
//!
//! ```text
//! generation 24 | OPEN 1 | GATE 1 | views 19 | operations 19
//! ```
//!
//! * An *operation* pins the value while one call runs; a *view* pins it from `view` to `unview`,
//!   for as long as a caller likes. They are counted apart so that an `unview` too many cannot take
//!   the pin of a running operation, and so that who needs the value alone can tell one that will
//!   soon be done from one that may last.
//! * `close` clears OPEN, after which nothing new is pinned; the value is dropped by whoever
//!   brings both counts to zero, which happens once.
//! * GATE keeps newcomers waiting while one operation changes the value in place.
//!
//! Everything here is lock-free, so a fork leaves nothing locked in the child. The whole is checked
//! against every interleaving by `tests/table_model.rs`.

use crate::status::{Error, Result};
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Backoff, Ordering, UnsafeCell, fence};
use std::{mem::MaybeUninit, ops::Deref, ptr};

/// An open mapping: like a file descriptor, a number and never a pointer. 0 is never valid.
///
/// At most 48 bits are used, so the number survives languages whose only number is a double.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(pub u64);

const INDEX_BITS: u32 = 24;
const GENERATION_BITS: u32 = 24;
const COUNT_BITS: u32 = 19;

const OPERATION: u64 = 1;
const VIEW: u64 = 1 << COUNT_BITS;
const GATE: u64 = 1 << (2 * COUNT_BITS);
const OPEN: u64 = GATE << 1;
const COUNTS: u64 = GATE - 1;
const GENERATION_SHIFT: u32 = 2 * COUNT_BITS + 2;
const LAST_GENERATION: u64 = (1 << GENERATION_BITS) - 1;

impl Handle {
    fn new(index: u32, generation: u64) -> Handle {
        Handle((generation << INDEX_BITS) | u64::from(index))
    }

    fn index(self) -> u32 {
        (self.0 & ((1 << INDEX_BITS) - 1)) as u32
    }

    fn generation(self) -> u64 {
        self.0 >> INDEX_BITS
    }
}

fn generation(state: u64) -> u64 {
    state >> GENERATION_SHIFT
}

fn count(state: u64, unit: u64) -> u64 {
    (state / unit) & (VIEW - 1)
}

/// Room for one value. All-zero memory is a slot that was never used. A slot has its cache lines for
/// itself, so that threads that pin different values don't slow each other down.
#[repr(C, align(64))]
pub struct Slot<T> {
    state: AtomicU64,
    next_free: AtomicU32,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// Makes that many unused slots; None when there is no memory.
pub type MakeSlots<T> = fn(usize) -> Option<Box<[Slot<T>]>>;

/// The slots that have been made so far, and which of them are free.
///
/// They come in up to `CHUNKS` chunks of `2^CHUNK_BITS` each: a lookup is a shift and two loads, which
/// is what pinning is measured by.
pub struct Table<T, const CHUNKS: usize = 4096, const CHUNK_BITS: u32 = 12> {
    chunks: [AtomicPtr<Slot<T>>; CHUNKS],
    /// A stack (Treiber 1986): a tag against ABA above, index + 1 of the top below, 0 when empty.
    free: AtomicU64,
    /// How many slots were ever taken into use.
    fresh: AtomicU32,
    make: MakeSlots<T>,
}

// SAFETY: values are reached through pins from any thread and dropped on any thread.
unsafe impl<T: Send + Sync, const CHUNKS: usize, const CHUNK_BITS: u32> Sync
    for Table<T, CHUNKS, CHUNK_BITS>
{
}

/// The parts of an empty table: the atomics come from outside, since loom's have no const new.
pub struct Empty<T, const CHUNKS: usize> {
    /// All null.
    pub chunks: [AtomicPtr<Slot<T>>; CHUNKS],
    /// 0.
    pub free: AtomicU64,
    /// 0.
    pub fresh: AtomicU32,
}

impl<T> Slot<T> {
    /// An unused slot.
    #[allow(
        dead_code,
        reason = "the library zeroes memory; loom's atomics need a constructor"
    )]
    pub fn unused() -> Slot<T> {
        Slot {
            state: AtomicU64::new(0),
            next_free: AtomicU32::new(0),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Counts one more `unit` if the state is still `state`.
    #[inline(always)] // See `Table::view`.
    fn enter(&self, state: u64, unit: u64) -> bool {
        // Acquire: the value that the opener, or the last to change it, left is seen.
        // Relaxed: a failure looks at nothing.
        self.state
            .compare_exchange(state, state + unit, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Counts one view less if the state is still `state`.
    #[inline(always)] // See `Table::view`.
    fn leave(&self, state: u64) -> bool {
        // Release: what was done through the view happens before the value is dropped or moved.
        // Relaxed: a failure looks at nothing.
        self.state
            .compare_exchange(state, state - VIEW, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// The same as `enter` where others are at the slot too: waits for its gate, or says why it will not do.
    #[cold]
    #[inline(never)]
    fn enter_later(&self, handle: Handle, unit: u64) -> Result<()> {
        let mut backoff = Backoff::default();
        loop {
            // Relaxed: only the exchange decides.
            let state = self.state.load(Ordering::Relaxed);
            if generation(state) != handle.generation() || state & OPEN == 0 {
                return Err(Error::Handle);
            }
            if may_enter(state, handle, unit) {
                if self.enter(state, unit) {
                    return Ok(());
                }
            } else if state & GATE == 0 {
                return Err(Error::Limit);
            } else {
                // Whoever holds the gate lets go in bounded time, so patience is not asked.
                backoff.wait();
            }
        }
    }
}

impl<T, const CHUNKS: usize, const CHUNK_BITS: u32> Table<T, CHUNKS, CHUNK_BITS> {
    const CHUNK: usize = 1 << CHUNK_BITS;

    /// A table without slots, which asks `make` for them.
    pub const fn new(empty: Empty<T, CHUNKS>, make: MakeSlots<T>) -> Self {
        Table {
            chunks: empty.chunks,
            free: empty.free,
            fresh: empty.fresh,
            make,
        }
    }

    /// Takes `value` in and names it. [`Error::Limit`] when there is no room for another slot.
    pub fn insert(&self, value: T) -> Result<Handle> {
        let (index, slot) = match self.pop_free() {
            Some(free) => free,
            None => self.fresh_slot()?,
        };
        slot.value.with_mut(|place| {
            // SAFETY: a slot off the free list, or fresh, is closed and unpinned, and only its
            // taker knows it.
            unsafe { (*place).write(value) };
        });
        // Relaxed: the taker of a free slot sees its last generation through the free list.
        let generation = generation(slot.state.load(Ordering::Relaxed)) + 1;
        // Release: whoever pins by this state sees the value.
        slot.state
            .store((generation << GENERATION_SHIFT) | OPEN, Ordering::Release);
        Ok(Handle::new(index, generation))
    }

    /// Pins the value for one operation, until the answer is dropped.
    #[inline]
    pub fn pin(&self, handle: Handle) -> Result<Pinned<'_, T, CHUNKS, CHUNK_BITS>> {
        let slot = self.acquire(handle, OPERATION)?;
        Ok(Pinned {
            table: self,
            slot,
            handle,
        })
    }

    /// Pins the value until [`Table::unview`], and shows it to `look` meanwhile.
    #[inline(always)] // An answer that goes through memory costs as much as the atomics do.
    pub fn view<R>(&self, handle: Handle, look: impl FnOnce(&T) -> R) -> Result<R> {
        let slot = self.acquire(handle, VIEW)?;
        // SAFETY: the view just taken keeps the value in place.
        Ok(slot
            .value
            .with(|value| look(unsafe { (*value).assume_init_ref() })))
    }

    /// Gives one view back. [`Error::Invalid`] when the handle is open and has no view.
    #[inline(always)] // As above.
    pub fn unview(&self, handle: Handle) -> Result<()> {
        let slot = self.slot(handle).ok_or(Error::Handle)?;
        // Relaxed: only the exchange decides.
        let state = slot.state.load(Ordering::Relaxed);
        let viewed = generation(state) == handle.generation() && count(state, VIEW) != 0;
        if !(viewed && slot.leave(state)) {
            return self.unview_later(handle, slot);
        }
        self.after_release(handle, slot, state - VIEW);
        Ok(())
    }

    /// The same where others are at the slot too, or where there is no view.
    #[cold]
    #[inline(never)]
    fn unview_later(&self, handle: Handle, slot: &Slot<T>) -> Result<()> {
        loop {
            // Relaxed: only the exchange decides.
            let state = slot.state.load(Ordering::Relaxed);
            if generation(state) != handle.generation() {
                return Err(Error::Handle);
            }
            if count(state, VIEW) == 0 {
                let open = state & OPEN != 0;
                return Err(if open { Error::Invalid } else { Error::Handle });
            }
            if slot.leave(state) {
                self.after_release(handle, slot, state - VIEW);
                return Ok(());
            }
        }
    }

    /// Makes the handle invalid at once, and drops the value as soon as nothing pins it.
    pub fn close(&self, handle: Handle) -> Result<()> {
        let slot = self.slot(handle).ok_or(Error::Handle)?;
        // Relaxed: only the exchange below decides.
        let mut state = slot.state.load(Ordering::Relaxed);
        loop {
            if generation(state) != handle.generation() || state & OPEN == 0 {
                return Err(Error::Handle);
            }
            // Release: what this thread did with the value happens before another one drops it.
            match slot.state.compare_exchange_weak(
                state,
                state & !OPEN,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        self.after_release(handle, slot, state & !OPEN);
        Ok(())
    }

    /// Adds `unit` to the counts of an open slot.
    #[inline(always)] // As above.
    fn acquire(&self, handle: Handle, unit: u64) -> Result<&Slot<T>> {
        let slot = self.slot(handle).ok_or(Error::Handle)?;
        // Relaxed: only the exchange decides.
        let state = slot.state.load(Ordering::Relaxed);
        if !(may_enter(state, handle, unit) && slot.enter(state, unit)) {
            slot.enter_later(handle, unit)?;
        }
        Ok(slot)
    }

    /// Drops the value if `state`, which the caller has just brought about, is the last of it.
    #[inline]
    fn after_release(&self, handle: Handle, slot: &Slot<T>, state: u64) {
        if state & (OPEN | COUNTS) == 0 {
            self.reclaim(handle, slot);
        }
    }

    #[cold]
    fn reclaim(&self, handle: Handle, slot: &Slot<T>) {
        // Acquire: pairs with every Release that gave a pin back or closed.
        fence(Ordering::Acquire);
        slot.value.with_mut(|value| {
            // SAFETY: a closed slot without pins is pinned by nobody any more, and the state
            // arrives there once.
            unsafe { (*value).assume_init_drop() };
        });
        // A generation that would come round again is never issued: that slot rests for ever.
        if handle.generation() < LAST_GENERATION {
            self.push_free(handle.index(), slot);
        }
    }

    fn push_free(&self, index: u32, slot: &Slot<T>) {
        // Relaxed: only the exchange below decides.
        let mut top = self.free.load(Ordering::Relaxed);
        loop {
            // Relaxed: published by the exchange.
            slot.next_free.store(top as u32, Ordering::Relaxed);
            let new = next_tag(top) | u64::from(index + 1);
            // Release: the taker sees the link, the generation, and that the value is gone.
            match self
                .free
                .compare_exchange_weak(top, new, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    fn pop_free(&self) -> Option<(u32, &Slot<T>)> {
        // Acquire: sees the link of the top slot, and all that its last user left there.
        let mut top = self.free.load(Ordering::Acquire);
        loop {
            let index = (top as u32).checked_sub(1)?;
            let slot = self.at(index)?;
            // Relaxed: if it is stale, the tag has moved on and the exchange fails.
            let next = slot.next_free.load(Ordering::Relaxed);
            let new = next_tag(top) | u64::from(next);
            // Acquire, both: as above, for the slot that is taken or tried next.
            match self
                .free
                .compare_exchange_weak(top, new, Ordering::Acquire, Ordering::Acquire)
            {
                Ok(_) => return Some((index, slot)),
                Err(now) => top = now,
            }
        }
    }

    #[cold]
    fn fresh_slot(&self) -> Result<(u32, &Slot<T>)> {
        let most = (CHUNKS * Self::CHUNK).min(1 << INDEX_BITS) as u32;
        // Relaxed, both: the number is all that is asked; its slot is published by its chunk.
        let taken = self
            .fresh
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |fresh| {
                (fresh < most).then(|| fresh + 1)
            });
        let index = taken.map_err(|_| Error::Limit)?;
        self.make_chunk(index as usize >> CHUNK_BITS)?;
        let slot = self.at(index).ok_or(Error::Limit)?;
        Ok((index, slot))
    }

    fn make_chunk(&self, chunk: usize) -> Result<()> {
        // Relaxed: `at` reads it again before anything in it is touched.
        if !self.chunks[chunk].load(Ordering::Relaxed).is_null() {
            return Ok(());
        }
        let made = Box::into_raw((self.make)(Self::CHUNK).ok_or(Error::Limit)?);
        // Release: who finds the chunk sees its slots unused.
        let installed = self.chunks[chunk].compare_exchange(
            ptr::null_mut(),
            made.cast(),
            Ordering::Release,
            Ordering::Relaxed,
        );
        if installed.is_err() {
            // SAFETY: another thread was first, so nobody has seen ours.
            drop(unsafe { Box::from_raw(made) });
        }
        Ok(())
    }

    #[inline(always)] // As above.
    fn slot(&self, handle: Handle) -> Option<&Slot<T>> {
        self.at(handle.index())
    }

    #[inline(always)] // As above.
    fn at(&self, index: u32) -> Option<&Slot<T>> {
        let index = index as usize;
        // Acquire: pairs with the Release that installed the chunk.
        let slots = self
            .chunks
            .get(index >> CHUNK_BITS)?
            .load(Ordering::Acquire);
        // SAFETY: a chunk that is there has its full length and is never freed.
        (!slots.is_null()).then(|| unsafe { &*slots.add(index % Self::CHUNK) })
    }
}

impl<T, const CHUNKS: usize, const CHUNK_BITS: u32> Drop for Table<T, CHUNKS, CHUNK_BITS> {
    /// Frees the chunks. Only a test's table is ever dropped; what is still open in it stays.
    fn drop(&mut self) {
        for slots in &self.chunks {
            let slots = slots.load(Ordering::Acquire);
            if !slots.is_null() {
                let chunk = ptr::slice_from_raw_parts_mut(slots, Self::CHUNK);
                // SAFETY: the chunk came from Box::into_raw with that length.
                drop(unsafe { Box::from_raw(chunk) });
            }
        }
    }
}

/// Whether one more `unit` may be counted: the slot is open under that handle's generation, its gate
/// is not closed, and there is room in the count.
#[inline(always)] // As above.
fn may_enter(state: u64, handle: Handle, unit: u64) -> bool {
    // One comparison for generation, OPEN and GATE: they are the top bits, in that order.
    state / GATE == (handle.generation() << 2) | (OPEN / GATE) && count(state, unit) != VIEW - 1
}

fn next_tag(top: u64) -> u64 {
    ((top >> 32) + 1) << 32
}

/// A value pinned by an operation; unpinned when dropped.
pub struct Pinned<'t, T, const CHUNKS: usize = 4096, const CHUNK_BITS: u32 = 12> {
    table: &'t Table<T, CHUNKS, CHUNK_BITS>,
    slot: &'t Slot<T>,
    handle: Handle,
}

impl<T, const CHUNKS: usize, const CHUNK_BITS: u32> Pinned<'_, T, CHUNKS, CHUNK_BITS> {
    /// How many views there are.
    pub fn views(&self) -> u32 {
        // Relaxed: a number that may change before the caller looks at it.
        count(self.slot.state.load(Ordering::Relaxed), VIEW) as u32
    }

    /// Has the value for this operation alone, to change it in place: newcomers wait until the
    /// answer is dropped.
    ///
    /// [`Error::Busy`] at once when there is a view or another such change, and after some patience
    /// when the other operations under way don't end.
    pub fn alone(&mut self) -> Result<Alone<'_, T>> {
        let slot = self.slot;
        // Relaxed, all: nothing is touched before the wait below is over.
        let mut state = slot.state.load(Ordering::Relaxed);
        loop {
            if state & GATE != 0 || count(state, VIEW) != 0 {
                return Err(Error::Busy);
            }
            match slot.state.compare_exchange_weak(
                state,
                state | GATE,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        let alone = Alone { slot };
        let mut backoff = Backoff::default();
        // Acquire: what the operations that ended did to the value happens before it is changed.
        while count(slot.state.load(Ordering::Acquire), OPERATION) > 1 {
            if !backoff.wait() {
                return Err(Error::Busy);
            }
        }
        Ok(alone)
    }
}

impl<T, const CHUNKS: usize, const CHUNK_BITS: u32> Deref for Pinned<'_, T, CHUNKS, CHUNK_BITS> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the pin keeps the value in place, and the gate keeps anyone from changing it.
        self.slot
            .value
            .with(|value| unsafe { (*value).assume_init_ref() })
    }
}

impl<T, const CHUNKS: usize, const CHUNK_BITS: u32> Drop for Pinned<'_, T, CHUNKS, CHUNK_BITS> {
    #[inline]
    fn drop(&mut self) {
        // Release: what was done under the pin happens before the value is dropped or moved.
        let before = self.slot.state.fetch_sub(OPERATION, Ordering::Release);
        self.table
            .after_release(self.handle, self.slot, before - OPERATION);
    }
}

/// A value that one operation has for itself.
pub struct Alone<'p, T> {
    slot: &'p Slot<T>,
}

impl<T> Alone<'_, T> {
    /// Calls `change` with the value.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        self.slot.value.with_mut(|value| {
            // SAFETY: the gate is closed and every other operation has ended.
            change(unsafe { (*value).assume_init_mut() })
        })
    }
}

impl<T> Drop for Alone<'_, T> {
    fn drop(&mut self) {
        // Release: those who waited at the gate see the changed value.
        self.slot.state.fetch_and(!GATE, Ordering::Release);
    }
}
