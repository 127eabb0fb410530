//! Pins that are shown instead of counted: see [`readers`](crate::handles::readers).

use crate::handles::readers::{Reader, Readers};
use crate::handles::slot::Slot;
use crate::handles::table::{Handle, Pinned, Table};
use std::marker::PhantomData;
use std::ptr;

impl<T, const CHUNKS: usize, const CHUNK_BITS: u32> Table<T, CHUNKS, CHUNK_BITS> {
    /// Pins the value for one operation by showing the handle, which takes nothing from other threads, where the
    /// value is read often, `reader` shows nothing yet, and nobody is or wants to be alone with the value. Such a
    /// pin is of the reader's thread, and doesn't let its operation have the value alone.
    #[inline(always)] // See `view_at_once`.
    pub fn show<'t>(
        &'t self,
        handle: Handle,
        reader: &'t Reader,
    ) -> Option<Pinned<'t, T, CHUNKS, CHUNK_BITS>> {
        let slot = self.begin_showing(handle, reader)?;
        Some(Pinned {
            table: self,
            slot,
            handle,
            reader: Some(reader),
            of_this_thread: PhantomData,
        })
    }

    #[inline(always)] // See `Table::view_at_once`.
    fn begin_showing(&self, handle: Handle, reader: &Reader) -> Option<&Slot<T>> {
        let slot = self.slot(handle).ok()?;
        // Asked before, so that what can't be shown costs little, and after, which is what counts.
        if !slot.may_show(handle.generation()) || !reader.show(handle.0) {
            return None;
        }
        if !slot.may_show(handle.generation()) {
            self.hide(handle, reader, slot);
            return None;
        }
        Some(slot)
    }

    /// Shows the value to `look` where [`Table::show`] would pin it; None where it would not. `look` doesn't panic.
    #[inline(always)] // See `view_at_once`.
    pub fn with_shown<R>(
        &self,
        handle: Handle,
        reader: &Reader,
        look: impl FnOnce(&T, &Slot<T>) -> R,
    ) -> Option<R> {
        let slot = self.begin_showing(handle, reader)?;
        // SAFETY: a value that is shown is there, and nobody changes it.
        let answer = unsafe { slot.with(|value| look(value, slot)) };
        self.hide_at_once(handle, reader, slot);
        Some(answer)
    }

    /// [`Table::hide`] where there is usually nothing else to do.
    #[inline(always)] // See `view_at_once`.
    pub(super) fn hide_at_once(&self, handle: Handle, reader: &Reader, slot: &Slot<T>) {
        reader.hide();
        if !slot.may_show(handle.generation()) {
            self.left(handle, slot);
        }
    }

    /// Shows the handle no more, for a reader that does; the value goes if it was closed, and nobody else keeps it.
    #[cold]
    #[inline(never)]
    fn hide(&self, handle: Handle, reader: &Reader, slot: &Slot<T>) {
        reader.hide();
        self.left(handle, slot);
    }

    /// What somebody has to look after who shows the handle no more, and finds that no newcomer is let in.
    #[cold]
    #[inline(never)]
    fn left(&self, handle: Handle, slot: &Slot<T>) {
        if slot.is_left(handle.generation()) {
            self.release(handle, slot);
        }
    }

    /// Drops a closed value that was left to the threads that show its handle, if none does any more.
    pub(super) fn release(&self, handle: Handle, slot: &Slot<T>) {
        if !self.readers.show(handle.0) {
            let last = slot.release(handle.generation());
            self.reclaim_if(last, handle, slot);
        }
    }

    /// Notes that `pinned` was counted, and lets the handle be shown from now on if that happens often and `reader`
    /// finds a reader for the calling thread.
    pub fn note_counted<'t>(
        &'t self,
        pinned: &Pinned<'_, T, CHUNKS, CHUNK_BITS>,
        reader: impl FnOnce(&'t Readers) -> Option<&'t Reader>,
    ) {
        if pinned.slot.is_read_often() && reader(&self.readers).is_some() {
            pinned.slot.let_show();
        }
    }

    /// A reader for the calling thread; None when there is no memory for one more.
    #[allow(dead_code, reason = "the library takes it from the readers")]
    pub fn take_reader(&self) -> Option<&Reader> {
        self.readers.take()
    }

    /// Lets another thread have the reader of one that ends, perhaps in the middle of a call that was left by
    /// siglongjmp(3).
    pub fn give_back(&self, reader: &Reader) {
        self.stop_showing(reader);
        self.readers.give_back(reader);
    }

    fn stop_showing(&self, reader: &Reader) {
        let handle = Handle(reader.shown());
        match self.slot(handle) {
            Ok(slot) if handle.0 != 0 => self.hide(handle, reader, slot),
            _ => {}
        }
    }

    /// In a child of fork, whose only thread has `mine`: gives back the readers of the others.
    pub fn keep_only(&self, mine: Option<&Reader>) {
        self.readers
            .taken()
            .filter(|reader| !mine.is_some_and(|mine| ptr::eq(mine, *reader)))
            .for_each(|reader| self.give_back(reader));
    }
}
