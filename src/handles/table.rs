//! Handles: numbers that name a value until it is closed, and never again.
//!
//! A handle is a [slot](crate::handles::slot)'s index and the slot's generation. Slots are never given back to
//! the system, so any number may be looked up at any time. They come in chunks; the free ones are a
//! stack. Everything here is lock-free, so a fork leaves nothing locked in the child, and the fault
//! handler may look a value up by address ([`Table::pin_at`]) whatever it interrupted. The whole is
//! checked against every interleaving by `tests/threads/table_model/`.

use crate::handles::readers::{Reader, Readers};
use crate::handles::slot::{Closed, Slot, Span, Views};
use crate::handles::word::{LAST_GENERATION, Last, Pin};
use crate::status::{Error, Result};
use crate::threads::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, Undisturbed};
use std::marker::PhantomData;
use std::ptr;

/// An open mapping: like a file descriptor, a number and never a pointer. 0 is never valid.
///
/// At most 48 bits are used, so the number survives languages whose only number is a double.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(pub u64);

const INDEX_BITS: u32 = 24;

impl Handle {
    fn new(index: u32, generation: u64) -> Handle {
        Handle((generation << INDEX_BITS) | u64::from(index))
    }

    fn index(self) -> u32 {
        (self.0 & ((1 << INDEX_BITS) - 1)) as u32
    }

    pub(super) fn generation(self) -> u64 {
        self.0 >> INDEX_BITS
    }
}

/// Makes that many unused slots; None when there is no memory.
pub type MakeSlots<T> = fn(usize) -> Option<Box<[Slot<T>]>>;

/// Slots that were made together, and the addresses between which their values' memory ever lay.
pub struct Chunk<T> {
    /// Null until it is made.
    pub slots: AtomicPtr<Slot<T>>,
    /// The complement of the lowest address, so that zero means none.
    pub not_lowest: AtomicUsize,
    /// The highest address.
    pub highest: AtomicUsize,
}

impl<T> Chunk<T> {
    /// Takes a span in.
    fn widen(&self, span: Span) {
        // Relaxed, all: published by the state of the slot.
        if self.not_lowest.load(Ordering::Relaxed) < !span.start {
            self.not_lowest.fetch_max(!span.start, Ordering::Relaxed);
        }
        if self.highest.load(Ordering::Relaxed) < span.end {
            self.highest.fetch_max(span.end, Ordering::Relaxed);
        }
    }

    /// All addresses that a span of its slots can hold.
    fn span(&self) -> Span {
        // Relaxed, both: who has memory to ask for saw its slot opened.
        Span {
            start: !self.not_lowest.load(Ordering::Relaxed),
            end: self.highest.load(Ordering::Relaxed),
        }
    }
}

/// The slots that have been made so far, and which of them are free.
///
/// They come in up to `CHUNKS` chunks of `2^CHUNK_BITS` each: a lookup is a shift and two loads, which
/// is what pinning is measured by.
pub struct Table<T, const CHUNKS: usize = 4096, const CHUNK_BITS: u32 = 12> {
    chunks: [Chunk<T>; CHUNKS],
    /// A stack (Treiber 1986): a tag against ABA above, index + 1 of the top below, 0 when empty.
    free: AtomicU64,
    /// How many slots were ever taken into use.
    fresh: AtomicU32,
    make: MakeSlots<T>,
    /// The threads that show what they read: see `shown.rs`.
    pub(super) readers: Readers,
}

// SAFETY: values are reached through pins from any thread and dropped on any thread.
unsafe impl<T: Send + Sync, const CHUNKS: usize, const CHUNK_BITS: u32> Sync
    for Table<T, CHUNKS, CHUNK_BITS>
{
}

/// The parts of an empty table: the atomics come from outside, since loom's have no const new.
pub struct Empty<T, const CHUNKS: usize> {
    /// All zero.
    pub chunks: [Chunk<T>; CHUNKS],
    /// 0.
    pub free: AtomicU64,
    /// 0.
    pub fresh: AtomicU32,
    /// None.
    pub readers: Readers,
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
            readers: empty.readers,
        }
    }

    /// Takes `value`, whose memory is `span`, in and names it. [`Error::Limit`] when there is no room
    /// for another slot.
    pub fn insert(&self, value: T, span: Span) -> Result<Handle> {
        let (index, slot) = match self.pop_free() {
            Some(free) => free,
            None => self.fresh_slot()?,
        };
        self.chunk_of(index).widen(span);
        Ok(Handle::new(index, slot.fill(value, span)))
    }

    /// Pins the value for one operation, until the result is dropped.
    #[inline]
    pub fn pin(&self, handle: Handle) -> Result<Pinned<'_, T, CHUNKS, CHUNK_BITS>> {
        let slot = self.slot(handle)?;
        slot.enter(handle.generation(), Pin::Operation)?;
        Ok(self.pinned(slot, handle))
    }

    /// A value that was pinned by counting.
    fn pinned<'t>(
        &'t self,
        slot: &'t Slot<T>,
        handle: Handle,
    ) -> Pinned<'t, T, CHUNKS, CHUNK_BITS> {
        Pinned {
            table: self,
            slot,
            handle,
            reader: None,
            of_this_thread: PhantomData,
        }
    }

    /// The same for an operation that is over at once: see [`Slot::enter_past_gate`].
    pub fn pin_past_gate(&self, handle: Handle) -> Result<Pinned<'_, T, CHUNKS, CHUNK_BITS>> {
        let slot = self.slot(handle)?;
        slot.enter_past_gate(handle.generation())?;
        Ok(self.pinned(slot, handle))
    }

    /// Pins each value whose memory holds `address`, one after the other; there is at most one, unless
    /// values lie about their memory. Safe in a signal handler, if dropping a value is.
    pub fn pin_at(
        &self,
        address: usize,
    ) -> impl Iterator<Item = Pinned<'_, T, CHUNKS, CHUNK_BITS>> {
        self.chunks()
            .filter(move |(_, chunk)| chunk.span().holds(address))
            .flat_map(|(number, _)| self.slots_of(number))
            .filter(move |(_, slot)| slot.span().holds(address))
            .filter_map(move |(index, slot)| {
                let handle = Handle::new(index, slot.enter_at(address)?);
                Some(self.pinned(slot, handle))
            })
            .filter(move |pinned| pinned.slot.span().holds(address))
    }

    /// The memory of every value that is open, or closed and still pinned: a snapshot for counting.
    pub fn spans(&self) -> impl Iterator<Item = Span> {
        self.chunks()
            .flat_map(|(number, _)| self.slots_of(number))
            .filter(|(_, slot)| slot.is_alive())
            .map(|(_, slot)| slot.span())
    }

    /// Calls `look` with each value that is open, or closed and still pinned, and its slot.
    ///
    /// # Safety
    ///
    /// No other thread is here, and nobody has a value alone.
    pub unsafe fn each(&self, mut look: impl FnMut(&T, &Slot<T>)) {
        self.chunks()
            .flat_map(|(number, _)| self.slots_of(number))
            .filter(|(_, slot)| slot.is_alive())
            // SAFETY: no other thread exists, so nobody drops the value meanwhile.
            .for_each(|(_, slot)| unsafe { slot.with(|value| look(value, slot)) });
    }

    /// Pins the value until [`Table::unview`], and shows it to `look` meanwhile.
    pub fn view<R>(&self, handle: Handle, look: impl FnOnce(&T) -> R) -> Result<R> {
        let slot = self.slot(handle)?;
        slot.enter(handle.generation(), Pin::View)?;
        // SAFETY: the view just taken keeps the value in place.
        Ok(unsafe { slot.with(look) })
    }

    /// The same where nobody else is at the slot: what is asked most, without a call or a detour.
    #[inline(always)]
    pub fn view_at_once<R>(&self, handle: Handle, look: impl FnOnce(&T) -> R) -> Option<R> {
        let slot = self.slot(handle).ok()?;
        if !slot.enter_at_once(handle.generation(), Pin::View) {
            return None;
        }
        // SAFETY: the view just taken keeps the value in place.
        Some(unsafe { slot.with(look) })
    }

    /// Gives one view back; how many faults the value's memory has met. [`Error::Invalid`] when the
    /// handle is open and has no view.
    pub fn unview(&self, handle: Handle) -> Result<u32> {
        let slot = self.slot(handle)?;
        let faults = slot.faults_after_reading();
        let last = slot.leave_view(handle.generation())?;
        self.reclaim_if(last, handle, slot);
        Ok(faults)
    }

    /// Pins the value until [`Table::end_view`]; its slot.
    #[inline(always)] // See `view_at_once`.
    pub fn begin_view(&self, handle: Handle) -> Result<&Slot<T>> {
        let slot = self.slot(handle)?;
        slot.enter(handle.generation(), Pin::View)?;
        Ok(slot)
    }

    /// Gives the view back that [`Table::begin_view`] took of this slot.
    #[inline(always)] // See `view_at_once`.
    pub fn end_view(&self, handle: Handle, slot: &Slot<T>) -> Result<()> {
        if !slot.leave_view_at_once(handle.generation()) {
            let last = slot.leave_view(handle.generation())?;
            self.reclaim_if(last, handle, slot);
        }
        Ok(())
    }

    /// The same where nobody else is at the slot, no fault was met and the value stays; false if that
    /// isn't so.
    #[inline(always)]
    pub fn unview_at_once(&self, handle: Handle) -> bool {
        let Ok(slot) = self.slot(handle) else {
            return false;
        };
        slot.faults_after_reading() == 0 && slot.leave_view_at_once(handle.generation())
    }

    /// Lets everyone in again who waits for a change that nobody will make any more, and gives back the pin of who
    /// was to make it, if there is one.
    pub fn abandon(&self, handle: Handle, pinned: bool) {
        let Ok(slot) = self.slot(handle) else {
            return;
        };
        if pinned {
            slot.share(); // Only who has pinned it can have closed the gate.
            drop(self.pinned(slot, handle));
        }
    }

    /// Makes the handle invalid at once, and drops the value as soon as nothing pins it.
    pub fn close(&self, handle: Handle) -> Result<()> {
        let slot = self.slot(handle)?;
        match slot.close(handle.generation())? {
            Closed::Unread(last) => self.reclaim_if(last, handle, slot),
            Closed::Left => self.release(handle, slot),
        }
        Ok(())
    }

    #[inline(always)] // See `view_at_once`.
    pub(super) fn reclaim_if(&self, last: Last, handle: Handle, slot: &Slot<T>) {
        if last == Last::Yes {
            self.reclaim(handle, slot);
        }
    }

    #[cold]
    fn reclaim(&self, handle: Handle, slot: &Slot<T>) {
        slot.empty();
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
            let slot = self.at(index).ok()?;
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
        let slot = self.at(index)?;
        Ok((index, slot))
    }

    fn make_chunk(&self, chunk: usize) -> Result<()> {
        // Relaxed: `at` reads it again before anything in it is touched.
        if !self.chunks[chunk].slots.load(Ordering::Relaxed).is_null() {
            return Ok(());
        }
        let made = Box::into_raw((self.make)(Self::CHUNK).ok_or(Error::Limit)?);
        // Release: who finds the chunk sees its slots unused.
        let installed = self.chunks[chunk].slots.compare_exchange(
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

    #[inline(always)] // See `view_at_once`.
    pub(super) fn slot(&self, handle: Handle) -> Result<&Slot<T>> {
        self.at(handle.index())
    }

    #[inline(always)] // See `view_at_once`.
    fn at(&self, index: u32) -> Result<&Slot<T>> {
        let index = index as usize;
        let chunk = self.chunks.get(index >> CHUNK_BITS).ok_or(Error::Handle)?;
        // Acquire: pairs with the Release that installed the chunk.
        let slots = chunk.slots.load(Ordering::Acquire);
        match slots.is_null() {
            true => Err(Error::Handle),
            // SAFETY: a chunk that is there has its full length and is never freed.
            false => Ok(unsafe { &*slots.add(index % Self::CHUNK) }),
        }
    }

    fn chunk_of(&self, index: u32) -> &Chunk<T> {
        &self.chunks[index as usize >> CHUNK_BITS]
    }

    /// The chunks of which slots were ever in use, by number.
    fn chunks(&self) -> impl Iterator<Item = (u32, &Chunk<T>)> {
        // Relaxed: a slot that is taken into use meanwhile may be missed.
        let used = self.fresh.load(Ordering::Relaxed).div_ceil(1 << CHUNK_BITS);
        (0..used).zip(&self.chunks)
    }

    /// Every slot of a chunk that was ever in use, with its index.
    fn slots_of(&self, number: u32) -> impl Iterator<Item = (u32, &Slot<T>)> {
        // Relaxed: as above.
        let fresh = self.fresh.load(Ordering::Relaxed);
        let first = number << CHUNK_BITS;
        (first..fresh.min(first + (1 << CHUNK_BITS)))
            .filter_map(|index| Some((index, self.at(index).ok()?)))
    }
}

impl<T, const CHUNKS: usize, const CHUNK_BITS: u32> Drop for Table<T, CHUNKS, CHUNK_BITS> {
    /// Frees the chunks. Only a test's table is ever dropped; what is still open in it stays.
    fn drop(&mut self) {
        for chunk in &self.chunks {
            let slots = chunk.slots.load(Ordering::Acquire); // As everywhere: the slots come before their address.
            if !slots.is_null() {
                let chunk = ptr::slice_from_raw_parts_mut(slots, Self::CHUNK);
                // SAFETY: the chunk came from Box::into_raw with that length.
                drop(unsafe { Box::from_raw(chunk) });
            }
        }
    }
}

fn next_tag(top: u64) -> u64 {
    ((top >> 32) + 1) << 32
}

/// A value pinned by an operation; unpinned when dropped.
pub struct Pinned<'t, T, const CHUNKS: usize = 4096, const CHUNK_BITS: u32 = 12> {
    pub(super) table: &'t Table<T, CHUNKS, CHUNK_BITS>,
    pub(super) slot: &'t Slot<T>,
    pub(super) handle: Handle,
    /// The reader that shows the handle; None if the pin is counted.
    pub(super) reader: Option<&'t Reader>,
    pub(super) of_this_thread: PhantomData<*const ()>,
}

impl<T, const CHUNKS: usize, const CHUNK_BITS: u32> Pinned<'_, T, CHUNKS, CHUNK_BITS> {
    /// The slot, for what it tells beside the value.
    #[inline]
    pub fn slot(&self) -> &Slot<T> {
        self.slot
    }

    /// Says which memory the value spans from now on.
    pub fn set_span(&self, span: Span) {
        self.table.chunk_of(self.handle.index()).widen(span);
        self.slot.set_span(span);
    }

    /// Has the value span more memory, which `show` shows to others: by then the fault handler knows it, since who
    /// sees it may touch it.
    pub fn widen(&self, span: Span, show: impl FnOnce(&T)) {
        self.set_span(span);
        show(self);
    }

    /// Has the value for this operation alone, to change it in place: newcomers wait until the
    /// result is dropped, and no signal handler runs on this thread meanwhile.
    ///
    /// [`Error::Busy`] as [`Slot::isolate`] has it.
    pub fn alone(&mut self, others: Views) -> Result<Alone<'_, T, CHUNKS, CHUNK_BITS>> {
        let undisturbed = Undisturbed::begin();
        let shown = || self.table.readers.show(self.handle.0);
        self.slot.isolate(others, shown)?;
        Ok(Alone {
            pinned: self,
            _undisturbed: undisturbed,
        })
    }
}

impl<T, const CHUNKS: usize, const CHUNK_BITS: u32> std::ops::Deref
    for Pinned<'_, T, CHUNKS, CHUNK_BITS>
{
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the pin keeps the value in place, and nobody changes it while it is pinned.
        unsafe { self.slot.with(|value| &*ptr::from_ref(value)) }
    }
}

impl<T, const CHUNKS: usize, const CHUNK_BITS: u32> Drop for Pinned<'_, T, CHUNKS, CHUNK_BITS> {
    #[inline]
    fn drop(&mut self) {
        match self.reader {
            Some(reader) => self.table.hide_at_once(self.handle, reader, self.slot),
            None => {
                let last = self.slot.leave_operation();
                self.table.reclaim_if(last, self.handle, self.slot);
            }
        }
    }
}

/// A value that one operation has for itself.
pub struct Alone<'p, T, const CHUNKS: usize = 4096, const CHUNK_BITS: u32 = 12> {
    pinned: &'p Pinned<'p, T, CHUNKS, CHUNK_BITS>,
    /// Dropped last, after the others were let in again.
    _undisturbed: Undisturbed,
}

impl<T, const CHUNKS: usize, const CHUNK_BITS: u32> Alone<'_, T, CHUNKS, CHUNK_BITS> {
    /// The value.
    pub fn get(&self) -> &T {
        self.pinned
    }

    /// Calls `change` with the value.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: `isolate` has let this operation in alone.
        unsafe { self.pinned.slot.with_mut(change) }
    }

    /// Says which memory the value spans from now on.
    pub fn set_span(&self, span: Span) {
        self.pinned.set_span(span);
    }

    /// [`Error::Fault`] when the value's memory has met faults.
    pub fn refuse_faults(&self) -> Result<()> {
        self.pinned.slot.refuse_faults()
    }

    /// Forgets the faults that the value's memory has met.
    pub fn forget_faults(&self) {
        self.pinned.slot.forget_faults();
    }
}

impl<T, const CHUNKS: usize, const CHUNK_BITS: u32> Drop for Alone<'_, T, CHUNKS, CHUNK_BITS> {
    fn drop(&mut self) {
        self.pinned.slot.share();
    }
}
