//! A slot of the handle table: one [word](crate::handles::word) of state beside a value, and who may touch the value when.
//!
//! * An *operation* pins the value while one call runs; a *view* pins it from `pin` to `unpin`, for
//!   as long as a caller likes. They are counted apart so that an unpin too many cannot take the pin
//!   of a running operation, and so that who needs the value alone can tell one that will soon be
//!   done from one that may last.
//! * Closing clears OPEN, after which nothing new is pinned; the value is dropped by who brings
//!   both counts to zero, which happens once.
//! * An operation of a thread that shows what it reads (see [`readers`](crate::handles::readers)) is not counted. It may do so
//!   once SHOWN is set: who closes or changes the value looks for such threads, and passes a barrier first.
//!   Closing doesn't wait for them. It sets LEFT, which keeps the value as a count does; whoever finds that no
//!   thread shows the handle any more clears it, and the last that shows it looks.
//! * GATE keeps newcomers waiting while one operation waits to have the value alone; CHANGING says
//!   that it has it. The fault handler may run in the middle of an operation that is being waited
//!   for, so it passes the gate and waits only for the end of a change. So does who wakes others, after a
//!   while: that is over at once.
//!
//! Beside the word stands what the fault handler reads of values that it has not pinned: the memory
//! that the value spans, and how many faults were met there. Nothing of the value itself.

use crate::handles::word::{
    ALIVE, CHANGING, COUNTS, GATE, GENERATION_SHIFT, LEFT, Last, OPEN, OPERATION, Pin, SHOWN, VIEW,
    admits_shown, generation, may_enter, operations, views,
};
use crate::status::{Error, Result};
use crate::threads::sync::{
    AtomicU32, AtomicU64, AtomicUsize, Backoff, CALLS_BEFORE_SHOWN, Courtesy, Ordering, UnsafeCell,
    barrier, fence,
};
use std::mem::MaybeUninit;

/// What an operation that wants the value alone does when others view it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Views {
    /// It gives up: a change would take the memory away under them.
    Refused,
    /// It goes on: what they see stays where it is.
    Allowed,
}

/// What a close leaves to be done.
#[must_use]
pub enum Closed {
    /// No thread can show the handle.
    Unread(Last),
    /// Threads may show it: who closes it looks for them.
    Left,
}

/// The addresses of a value's memory: from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

impl Span {
    /// Whether the byte at `address` is in it.
    pub fn holds(self, address: usize) -> bool {
        self.start <= address && address < self.end
    }
}

/// Room for one value. All-zero memory is a slot that was never used. A slot has its cache lines for
/// itself, so that threads that pin different values don't slow each other down; what the fault
/// handler looks through is in the first.
#[repr(C, align(64))]
pub struct Slot<T> {
    state: AtomicU64,
    /// For the table, while the slot is free; how many operations were counted, while it is open.
    pub next_free: AtomicU32,
    faults: AtomicU32,
    /// How often its memory was replaced, and how often it had been when the faults were last forgotten.
    stand_ins: AtomicU32,
    taken_away: AtomicU32,
    start: AtomicUsize,
    end: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    /// A free slot that has seen the generations up to `last`: one that was never used is of 0.
    #[allow(
        dead_code,
        reason = "the library zeroes memory; loom's atomics need a constructor"
    )]
    pub fn free(last: u64) -> Slot<T> {
        Slot {
            state: AtomicU64::new(last << GENERATION_SHIFT),
            next_free: AtomicU32::new(0),
            faults: AtomicU32::new(0),
            stand_ins: AtomicU32::new(0),
            taken_away: AtomicU32::new(0),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Opens a free slot, which only its taker knows, with `value`; its new generation.
    pub fn fill(&self, value: T, span: Span) -> u64 {
        self.value.with_mut(|place| {
            // SAFETY: a free slot is closed and unpinned, and only its taker knows it.
            unsafe { (*place).write(value) };
        });
        self.set_span(span);
        // Relaxed, all: the taker of a free slot sees its last generation through the free list.
        self.faults.store(0, Ordering::Relaxed);
        let stand_ins = self.stand_ins.load(Ordering::Relaxed);
        self.taken_away.store(stand_ins, Ordering::Relaxed);
        self.next_free.store(0, Ordering::Relaxed);
        let generation = generation(self.state.load(Ordering::Relaxed)) + 1;
        // Release: who pins by this state sees the value.
        self.state
            .store((generation << GENERATION_SHIFT) | OPEN, Ordering::Release);
        generation
    }

    /// Drops the value of a closed slot, for the caller that got [`Last::Yes`].
    pub fn empty(&self) {
        // Acquire: pairs with every Release that gave a pin back or closed, since each is followed by exchanges
        // only. A fence would do; ThreadSanitizer sees none.
        self.state.load(Ordering::Acquire);
        self.set_span(Span::default());
        self.value.with_mut(|value| {
            // SAFETY: a closed slot without pins is pinned by nobody any more, and the state arrives
            // there once.
            unsafe { (*value).assume_init_drop() };
        });
    }

    /// Pins the value if the slot is open under that generation.
    #[inline(always)] // See `Table::view_at_once`.
    pub fn enter(&self, wanted: u64, pin: Pin) -> Result<()> {
        match self.enter_at_once(wanted, pin) {
            true => Ok(()),
            false => self.enter_later(wanted, pin),
        }
    }

    /// The same where nobody else is at the slot; false if that isn't so, or if it is not open.
    #[inline(always)] // See `Table::view_at_once`.
    pub fn enter_at_once(&self, wanted: u64, pin: Pin) -> bool {
        // Relaxed: only the exchange decides.
        let state = self.state.load(Ordering::Relaxed);
        may_enter(state, wanted, pin) && self.add(state, pin)
    }

    /// The same where others are at the slot too: waits for its gate, or says why it will not do.
    #[cold]
    #[inline(never)]
    fn enter_later(&self, wanted: u64, pin: Pin) -> Result<()> {
        let mut backoff = Backoff::default();
        loop {
            // Relaxed: only the exchange decides.
            let state = self.state.load(Ordering::Relaxed);
            if generation(state) != wanted || state & OPEN == 0 {
                return Err(Error::Handle);
            }
            if may_enter(state, wanted, pin) {
                if self.add(state, pin) {
                    return Ok(());
                }
            } else if state & (GATE | CHANGING) == 0 {
                return Err(Error::Limit);
            } else {
                // Who holds the gate lets go in bounded time, so patience is not asked.
                backoff.wait();
            }
        }
    }

    /// Pins the value for an operation that is over at once, and that others need not wait for nor have wait: it
    /// leaves those who want to be alone some time to get their turn, then passes their gate, and waits only
    /// for the end of a change that is under way.
    pub fn enter_past_gate(&self, wanted: u64) -> Result<()> {
        let (mut backoff, mut courtesy) = (Backoff::default(), Courtesy::default());
        loop {
            // Relaxed: only the exchange decides.
            let state = self.state.load(Ordering::Relaxed);
            if generation(state) != wanted || state & OPEN == 0 {
                return Err(Error::Handle);
            }
            if !Pin::Operation.fits(state) {
                return Err(Error::Limit);
            }
            if state & CHANGING != 0 {
                backoff.wait(); // As in `enter_at`.
            } else if state & GATE != 0 && courtesy.wait() {
                // Threads that do nothing but this leave a gap in which nobody is inside.
            } else if self.add(state, Pin::Operation) {
                return Ok(());
            }
        }
    }

    /// Pins the value for an operation if its memory seems to hold `address`, as the fault handler
    /// does: also when it is closed but still pinned, and past the gate. The generation, if so; the
    /// caller looks again, since a change may have come in between.
    pub fn enter_at(&self, address: usize) -> Option<u64> {
        let mut backoff = Backoff::default();
        loop {
            // Acquire: the span is read after it.
            let state = self.state.load(Ordering::Acquire);
            if state & ALIVE == 0 || !self.span().holds(address) || !Pin::Operation.fits(state) {
                return None;
            }
            if state & CHANGING != 0 {
                // Who changes it is another thread, blocks signals, and waits for nobody by now.
                backoff.wait();
            } else if self.add(state, Pin::Operation) {
                return Some(generation(state));
            }
        }
    }

    /// Counts one more pin if the state is still `state`.
    #[inline(always)] // See `Table::view_at_once`.
    fn add(&self, state: u64, pin: Pin) -> bool {
        // Acquire: the value that the opener, or the last to change it, left is seen.
        // Relaxed: a failure looks at nothing.
        self.state
            .compare_exchange(
                state,
                state + pin.unit(),
                Ordering::Acquire,
                Ordering::Relaxed,
            )
            .is_ok()
    }

    /// Counts one view less if the state is still `state`.
    #[inline(always)] // See `Table::view_at_once`.
    fn remove_view(&self, state: u64) -> bool {
        // Release: what was done through the view happens before the value is dropped or moved.
        // Relaxed: a failure looks at nothing.
        self.state
            .compare_exchange(state, state - VIEW, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// Gives one view back where nobody else is at the slot and the value stays; false if that isn't so,
    /// or if there is no view.
    #[inline(always)] // See `Table::view_at_once`.
    pub fn leave_view_at_once(&self, wanted: u64) -> bool {
        // Relaxed: only the exchange decides.
        let state = self.state.load(Ordering::Relaxed);
        // One comparison for generation and OPEN, which with no other bit means that the value stays.
        let stays =
            (state & !(COUNTS | SHOWN | GATE | CHANGING)) == (wanted << GENERATION_SHIFT) | OPEN;
        stays && views(state) != 0 && self.remove_view(state)
    }

    /// Gives one view back. [`Error::Invalid`] when the slot is open and has none.
    pub fn leave_view(&self, wanted: u64) -> Result<Last> {
        loop {
            // Relaxed: only the exchange decides.
            let state = self.state.load(Ordering::Relaxed);
            if generation(state) != wanted {
                return Err(Error::Handle);
            }
            if views(state) == 0 {
                let open = state & OPEN != 0;
                return Err(if open { Error::Invalid } else { Error::Handle });
            }
            if self.remove_view(state) {
                return Ok(Last::of(state - VIEW));
            }
        }
    }

    /// Gives the pin of an operation back.
    #[inline]
    pub fn leave_operation(&self) -> Last {
        // Release: what was done under the pin happens before the value is dropped or moved.
        let before = self.state.fetch_sub(OPERATION, Ordering::Release);
        Last::of(before - OPERATION)
    }

    /// Lets nobody in any more. Where threads may show the handle, the value is left to them before this returns.
    pub fn close(&self, wanted: u64) -> Result<Closed> {
        let mut backoff = Backoff::default();
        loop {
            // Relaxed: only the exchange below decides.
            let state = self.state.load(Ordering::Relaxed);
            if generation(state) != wanted || state & OPEN == 0 {
                return Err(Error::Handle);
            }
            let shown = state & SHOWN != 0;
            if shown && !Pin::Operation.fits(state) {
                backoff.wait(); // Each of so many operations will end.
                continue;
            }
            // Counted as an operation until the barrier is behind: a thread that shows the handle and leaves
            // meanwhile has no right to say that it was the last, since it may not see the others.
            let closed = (state & !OPEN) + if shown { OPERATION } else { 0 };
            // Release: what this thread did with the value happens before another one drops it.
            let exchanged = self.state.compare_exchange_weak(
                state,
                closed,
                Ordering::Release,
                Ordering::Relaxed,
            );
            match exchanged {
                Ok(_) if shown => break,
                Ok(_) => return Ok(Closed::Unread(Last::of(closed))),
                Err(_) => {}
            }
        }
        barrier();
        // Acquire, Release: who clears LEFT sees what those see who passed the barrier.
        self.state.fetch_add(LEFT - OPERATION, Ordering::AcqRel);
        fence(Ordering::SeqCst); // See `is_left`.
        Ok(Closed::Left)
    }

    /// Whether a thread that shows the handle may read the value. It asks again when it has left: if the answer is
    /// then no, it asks [`Slot::is_left`].
    #[inline(always)] // See `Table::view_at_once`.
    pub fn may_show(&self, wanted: u64) -> bool {
        // Acquire: the value that the opener, or the last to change it, left is seen.
        admits_shown(self.state.load(Ordering::Acquire), wanted)
    }

    /// Whether the closed value is left to the threads that show the handle, for one that doesn't any more.
    pub fn is_left(&self, wanted: u64) -> bool {
        // Of two that stop showing it one sees that the other did, and who closes sees it of one that is here
        // before LEFT is set.
        fence(Ordering::SeqCst);
        // Acquire: LEFT comes after the barrier.
        let state = self.state.load(Ordering::Acquire);
        generation(state) == wanted && state & LEFT != 0
    }

    /// Has no thread keep the closed value any more, for who has found that none shows the handle.
    pub fn release(&self, wanted: u64) -> Last {
        // Relaxed: only the exchange decides.
        let mut state = self.state.load(Ordering::Relaxed);
        while generation(state) == wanted && state & LEFT != 0 {
            // Acquire, Release: what was done by those who showed the handle happens before the value is dropped.
            match self.state.compare_exchange_weak(
                state,
                state & !LEFT,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Last::of(state & !LEFT),
                Err(now) => state = now,
            }
        }
        Last::No // Another one was first.
    }

    /// Notes one more operation that was counted. Whether there were so many of them that the barrier which a
    /// close owes to threads that show the handle is made up for.
    pub fn is_read_often(&self) -> bool {
        // Relaxed, both: some may be lost.
        let calls = self.next_free.load(Ordering::Relaxed);
        if calls < CALLS_BEFORE_SHOWN {
            self.next_free.store(calls + 1, Ordering::Relaxed);
        }
        calls + 1 >= CALLS_BEFORE_SHOWN
    }

    /// Lets threads show the handle from now on, for who has pinned the value. Who closes or changes it looks for SHOWN
    /// with the very exchange that keeps newcomers out: what is set after that lets nobody show it before newcomers
    /// are let in again.
    pub fn let_show(&self) {
        // Relaxed, both: those who show it read the state afterwards.
        if self.state.load(Ordering::Relaxed) & SHOWN == 0 {
            self.state.fetch_or(SHOWN, Ordering::Relaxed);
        }
    }

    /// Has the value for the operation that calls this, which has pinned it, alone: newcomers wait until
    /// [`Slot::share`].
    ///
    /// [`Error::Busy`] at once when there is a refused view or another such change, and after some
    /// patience when the other operations under way don't end. Of those that threads show, `shown` tells.
    pub fn isolate(&self, others: Views, shown: impl Fn() -> bool) -> Result<()> {
        let mut patience = Backoff::default();
        loop {
            let may_be_shown = self.close_gate(others)?;
            if may_be_shown {
                barrier();
            }
            if self.begin_change(|| may_be_shown && shown()) {
                return Ok(());
            }
            // An operation may wait for a device for minutes: who has no business with that gets in
            // meanwhile.
            self.share();
            if !patience.rest() {
                return Err(Error::Busy);
            }
        }
    }

    /// Keeps newcomers waiting; whether threads may show the handle.
    fn close_gate(&self, others: Views) -> Result<bool> {
        // Relaxed, all: nothing is touched before the wait for the others is over.
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if state & GATE != 0 || others == Views::Refused && views(state) != 0 {
                return Err(Error::Busy);
            }
            match self.state.compare_exchange_weak(
                state,
                state | GATE,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(state & SHOWN != 0),
                Err(now) => state = now,
            }
        }
    }

    /// Waits behind the closed gate for the other operations; false if they don't end soon.
    fn begin_change(&self, shown: impl Fn() -> bool) -> bool {
        let mut backoff = Backoff::brief();
        loop {
            // Relaxed: only the exchange decides.
            let state = self.state.load(Ordering::Relaxed);
            if operations(state) > 1 || shown() {
                if !backoff.wait() {
                    return false;
                }
                continue;
            }
            // Acquire: what the operations that ended did to the value happens before it is changed.
            let changing = self.state.compare_exchange_weak(
                state,
                state | CHANGING,
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            if changing.is_ok() {
                return true;
            }
        }
    }

    /// Ends what [`Slot::isolate`] began.
    pub fn share(&self) {
        // Release: those who waited see the changed value.
        self.state.fetch_and(!(GATE | CHANGING), Ordering::Release);
    }

    /// Whether there is a value: open, or closed and still pinned.
    pub fn is_alive(&self) -> bool {
        // Acquire: the span is read after it.
        self.state.load(Ordering::Acquire) & ALIVE != 0
    }

    /// How many views there are.
    pub fn views(&self) -> u32 {
        // Relaxed: a number that may change before the caller looks at it.
        views(self.state.load(Ordering::Relaxed)) as u32
    }

    /// How many faults were met in the value's memory.
    #[inline(always)] // See `Table::view_at_once`.
    pub fn faults(&self) -> u32 {
        // Acquire: who sees that there were any sees what was recorded of them. See `lose`.
        self.faults.load(Ordering::Acquire)
    }

    /// The same for who has read the memory, through whatever pointer.
    #[inline(always)] // See `Table::view_at_once`.
    pub fn faults_after_reading(&self) -> u32 {
        // Acquire: the count is not read before what was read. Of a load that acquires, only what follows is
        // kept behind it.
        fence(Ordering::Acquire);
        self.faults()
    }

    /// [`Error::Fault`] when there were any.
    pub fn refuse_faults(&self) -> Result<()> {
        match self.faults_after_reading() {
            0 => Ok(()),
            _ => Err(Error::Fault),
        }
    }

    /// Where the number of faults stands: readable for good, of this value while it is pinned.
    pub fn faults_at(&self) -> *const AtomicU32 {
        &raw const self.faults
    }

    /// Takes what was lost away from those who read it, for a handler that has pinned the value: `record` says
    /// what that is, and `replace` puts something else in its place. Who reads the latter finds the fault
    /// counted, and who finds it counted finds the record.
    pub fn lose<R>(&self, record: impl FnOnce(), replace: impl FnOnce() -> R) -> R {
        record();
        // Release: pairs with `faults`. That `replace` comes afterwards for others too is the system's doing.
        self.faults.fetch_add(1, Ordering::Release);
        self.stand_ins.fetch_add(1, Ordering::Release); // As `faults`.
        replace()
    }

    /// Records what was lost where it is left as it is: whoever touches it meets the fault.
    pub fn note(&self, record: impl FnOnce()) {
        record();
        let one_more = |faults| (faults < u32::MAX / 2).then(|| faults + 1); // It must not come round to 0.
        // Release: as in `lose`. Relaxed: a failure looks at nothing.
        let _ = self
            .faults
            .fetch_update(Ordering::Release, Ordering::Relaxed, one_more);
    }

    /// How often something else was put in the place of what was lost, ever: of those who have read the memory, who
    /// has read that finds it counted.
    #[inline(always)] // See `Table::view_at_once`.
    pub fn stand_ins(&self) -> u32 {
        // Acquire: as in `faults_after_reading`.
        fence(Ordering::Acquire);
        self.stand_ins.load(Ordering::Acquire)
    }

    /// Whether it is there now.
    #[inline(always)] // See `Table::view_at_once`.
    pub fn has_stand_ins(&self) -> bool {
        // Acquire: who finds it taken away finds what was put back.
        self.stand_ins() != self.taken_away.load(Ordering::Acquire)
    }

    /// Forgets the faults, for who has the value alone.
    pub fn forget_faults(&self) {
        // Release, here and below: for views, which don't wait for `share`. Who finds it forgotten finds what was put back.
        self.faults.store(0, Ordering::Release);
        // Relaxed: who has the value alone sees what handlers counted.
        let stand_ins = self.stand_ins.load(Ordering::Relaxed);
        self.taken_away.store(stand_ins, Ordering::Release);
    }

    /// The memory that the value spans now; nothing of it may be there if the value is not pinned.
    pub fn span(&self) -> Span {
        // Relaxed, both: a pin orders them; without one the result is a hint.
        Span {
            start: self.start.load(Ordering::Relaxed),
            end: self.end.load(Ordering::Relaxed),
        }
    }

    /// Says which memory the value spans.
    pub fn set_span(&self, span: Span) {
        // Relaxed, both: published by the state.
        self.start.store(span.start, Ordering::Relaxed);
        self.end.store(span.end, Ordering::Relaxed);
    }

    /// Shows the value.
    ///
    /// # Safety
    ///
    /// The caller has pinned it, or has it alone.
    #[inline(always)] // See `Table::view_at_once`.
    pub unsafe fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        self.value.with(|value| {
            // SAFETY: a pinned slot has a value, and nobody changes it.
            look(unsafe { (*value).assume_init_ref() })
        })
    }

    /// Changes the value.
    ///
    /// # Safety
    ///
    /// The caller has it alone.
    pub unsafe fn with_mut<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        self.value.with_mut(|value| {
            // SAFETY: the value is there, and nobody else looks at it.
            change(unsafe { (*value).assume_init_mut() })
        })
    }
}
