//! The one table of this process: mappings are taken in, pinned and closed there.

use crate::handles::readers::{Reader, Readers};
use crate::handles::slot::{Slot, Span};
use crate::handles::table::{Chunk, Empty, Handle, Table};
use crate::memory::mapping::Mapping;
use crate::memory::poison;
use crate::registry::reader;
use crate::status::{Error, Result};
use crate::threads::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Undisturbed};
use crate::threads::thread::Call;
use std::ffi::c_void;
use std::ops::{Deref, DerefMut, Range};

static TABLE: Table<Mapping> = Table::new(
    Empty {
        chunks: [const {
            Chunk {
                slots: AtomicPtr::new(std::ptr::null_mut()),
                not_lowest: AtomicUsize::new(0),
                highest: AtomicUsize::new(0),
            }
        }; 4096], // Another number than the table has does not compile.
        free: AtomicU64::new(0),
        fresh: AtomicU32::new(0),
        readers: Readers::new(AtomicPtr::new(std::ptr::null_mut()), reader::block),
    },
    zeroed_slots,
);

/// A handle may cost 256 bytes beside the kernel's own.
const _: () = assert!(size_of::<Slot<Mapping>>() <= 256);

/// A mapping that is pinned by an operation, on a thread that doesn't leave it in the middle meanwhile.
pub struct Pinned {
    /// Begun after the pin is taken and ended before it is given back: no memory of the mapping is touched outside of
    /// these two, and a store before an exchange is one that the exchange has to wait for.
    _call: Call,
    held: Held,
}

/// The pin alone, as the fault handler has it.
pub type Held = crate::handles::table::Pinned<'static, Mapping>;

impl Deref for Pinned {
    type Target = Held;

    #[inline(always)]
    fn deref(&self) -> &Held {
        &self.held
    }
}

impl DerefMut for Pinned {
    fn deref_mut(&mut self) -> &mut Held {
        &mut self.held
    }
}

/// Slots that take no memory before they are used, however many come at once.
fn zeroed_slots(len: usize) -> Option<Box<[Slot<Mapping>]>> {
    let layout = std::alloc::Layout::array::<Slot<Mapping>>(len).ok()?;
    // SAFETY: the layout is not of size 0.
    let slots = unsafe { std::alloc::alloc_zeroed(layout) }.cast::<Slot<Mapping>>();
    if slots.is_null() {
        return None;
    }
    let slots = std::ptr::slice_from_raw_parts_mut(slots, len);
    // SAFETY: the global allocator made them with their layout, and zero is an unused slot.
    Some(unsafe { Box::from_raw(slots) })
}

/// Takes a mapping in and names it.
pub fn insert(mapping: Mapping) -> Result<Handle> {
    poison::heed_environment();
    let span = mapping.span();
    TABLE.insert(mapping, span)
}

/// Makes the handle invalid at once; the memory is unmapped when the last pin of it goes. What it has locked is let go
/// by who calls this ([`close`](crate::operations::close)).
pub fn invalidate(handle: Handle) -> Result<()> {
    TABLE.close(handle)
}

/// Keeps the mapping in place while one operation runs.
#[inline]
pub fn pin(handle: Handle) -> Result<Pinned> {
    let shown = reader::mine().and_then(|reader| TABLE.show(handle, reader));
    let held = match shown {
        Some(shown) => shown,
        None => pin_and_note(handle)?,
    };
    Ok(Pinned {
        _call: Call::begin(),
        held,
    })
}

#[cold]
#[inline(never)]
fn pin_and_note(handle: Handle) -> Result<Held> {
    let held = TABLE.pin(handle)?;
    TABLE.note_counted(&held, reader::mine_or_new);
    Ok(held)
}

/// Shows the mapping to `look` if it goes without a detour. `look` doesn't panic.
#[inline(always)] // See `Table::view_at_once`.
pub fn at_once<R>(handle: Handle, look: impl FnOnce(&Mapping, &Slot<Mapping>) -> R) -> Option<R> {
    TABLE.with_shown(handle, reader::mine()?, |mapping, slot| {
        let _call = Call::begin();
        look(mapping, slot)
    })
}

/// The same for an operation that may come to have the mapping alone.
pub fn pin_for_change(handle: Handle) -> Result<Pinned> {
    let held = TABLE.pin(handle)?;
    Ok(Pinned {
        _call: Call::begin(),
        held,
    })
}

/// Takes back the reader of a thread that ends.
///
/// # Safety
///
/// It is the calling thread's.
pub unsafe extern "C" fn give_back(reader: *mut c_void) {
    let _undisturbed = Undisturbed::begin(); // No signal handler uses it, or takes one, before it is given back.
    reader::forget();
    // SAFETY: it is a reader, and no reader is ever freed.
    TABLE.give_back(unsafe { &*reader.cast::<Reader>() });
}

/// In a child of fork: takes back the readers of all threads but the one that forked.
pub fn keep_only_reader_of_this_thread() {
    TABLE.keep_only(reader::mine());
}

/// The same for one that is over at once, and waits for nobody but who is changing the mapping just now.
pub fn pin_past_gate(handle: Handle) -> Result<Pinned> {
    let held = TABLE.pin_past_gate(handle)?;
    Ok(Pinned {
        _call: Call::begin(),
        held,
    })
}

/// Keeps the mapping in place until [`unview`], and returns its address and length.
pub fn view(handle: Handle) -> Result<(*mut u8, usize)> {
    TABLE.view(handle, |mapping| (mapping.data(), mapping.len()))
}

/// The same if it goes without a detour.
#[inline(always)] // See `Table::view_at_once`.
pub fn view_at_once(handle: Handle) -> Option<(*mut u8, usize)> {
    TABLE.view_at_once(handle, |mapping| (mapping.data(), mapping.len()))
}

/// A mapping that is viewed, until [`end_view`].
#[derive(Clone, Copy)]
pub struct Viewed {
    handle: Handle,
    slot: &'static Slot<Mapping>,
    /// The first byte.
    pub data: *mut u8,
    /// How many there are.
    pub len: usize,
    /// How often stand-in pages had been put into it when that began.
    stand_ins: u32,
}

impl Viewed {
    /// Whether it has stand-in pages.
    #[inline(always)]
    pub fn has_stand_ins(&self) -> bool {
        self.slot.has_stand_ins()
    }

    /// Runs `copy`, which touches the bytes of `range`; [`Error::Fault`] if any of them was lost before, in which case
    /// nothing is touched, and if stand-in pages were put into the mapping meanwhile.
    #[inline(always)]
    pub fn copying<R>(&self, range: Range<usize>, copy: impl FnOnce(*mut u8) -> R) -> Result<R> {
        let stand_ins = self.slot.stand_ins();
        if self.slot.faults() != 0 {
            self.refuse_if_lost(range)?;
        }
        let copied = {
            let _call = Call::begin();
            copy(self.data)
        };
        // Also if they are taken away again by now, so that nothing is recorded any more.
        match self.slot.stand_ins() == stand_ins {
            true => Ok(copied),
            false => Err(Error::Fault),
        }
    }

    #[cold]
    #[inline(never)]
    fn refuse_if_lost(&self, range: Range<usize>) -> Result<()> {
        // Who takes stand-in pages away doesn't wait for views, and changes what is recorded: so it is pinned.
        let mapping = pin(self.handle)?;
        let skipped = mapping.page_skip();
        let range = range.start + skipped..range.end + skipped;
        mapping.lost.check(&range)
    }
}

/// Keeps the mapping in place until [`end_view`].
#[inline(always)] // See `Table::view_at_once`.
pub fn begin_view(handle: Handle) -> Result<Viewed> {
    let slot = TABLE.begin_view(handle)?;
    // SAFETY: the view just taken keeps the value in place.
    let (data, len) = unsafe { slot.with(|mapping| (mapping.data(), mapping.len())) };
    Ok(Viewed {
        handle,
        slot,
        data,
        len,
        stand_ins: slot.stand_ins(),
    })
}

/// Gives the view back; [`Error::Fault`] when stand-in pages have been put there since it began, for whoever has read
/// the bytes by the pointer meanwhile.
#[inline(always)] // See `Table::view_at_once`.
pub fn end_view(viewed: Viewed) -> Result<()> {
    let now = viewed.slot.stand_ins();
    TABLE.end_view(viewed.handle, viewed.slot)?;
    match now == viewed.stand_ins {
        true => Ok(()),
        false => Err(Error::Fault),
    }
}

/// Gives one view back; [`Error::Fault`] when anything of the mapping was lost.
pub fn unview(handle: Handle) -> Result<()> {
    match TABLE.unview(handle)? {
        0 => Ok(()),
        _ => Err(Error::Fault),
    }
}

/// The same if it goes without a detour; false if it doesn't.
#[inline(always)] // See `Table::view_at_once`.
pub fn unview_at_once(handle: Handle) -> bool {
    TABLE.unview_at_once(handle)
}

/// The mapping that holds `address`, pinned, for the fault handler. One of our own comes before one
/// that was lent: who lent it may have unmapped it without a word.
pub fn pin_at(address: usize) -> Option<Held> {
    let mut lent = None;
    for mapping in TABLE.pin_at(address) {
        if !mapping.is_lent() {
            return Some(mapping);
        }
        lent = Some(mapping);
    }
    lent
}

/// Ends, in a child of fork, the change of a mapping that a thread of the parent had begun and not come to.
pub fn abandon(handle: Handle, pinned: bool) {
    TABLE.abandon(handle, pinned);
}

/// Calls `look` with each mapping that is there, and its slot, for the only thread of a child of fork.
pub fn each_in_child(look: impl FnMut(&Mapping, &Slot<Mapping>)) {
    // SAFETY: there is no other thread, and fork waited for all that change a mapping.
    unsafe { TABLE.each(look) };
}

/// Whether there is a mapping that has pages of `span`.
pub fn any_in(span: Span) -> bool {
    TABLE
        .spans()
        .any(|other| other.start < span.end && span.start < other.end)
}

/// How many mappings there are, and how many bytes of pages they have.
pub fn count() -> (u64, u64) {
    TABLE.spans().fold((0, 0), |(count, bytes), span| {
        (count + 1, bytes + (span.end - span.start) as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handles::slot::Views;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::{scope, sleep};
    use std::time::Duration;

    fn table() -> Table<u8, 1, 1> {
        let empty = Empty {
            chunks: [Chunk {
                slots: AtomicPtr::new(std::ptr::null_mut()),
                not_lowest: AtomicUsize::new(0),
                highest: AtomicUsize::new(0),
            }],
            free: AtomicU64::new(0),
            fresh: AtomicU32::new(0),
            readers: Readers::new(AtomicPtr::new(std::ptr::null_mut()), reader::block),
        };
        Table::new(empty, |len| Some((0..len).map(|_| Slot::free(0)).collect()))
    }

    #[test]
    fn one_operation_more_than_are_counted_is_refused_and_takes_no_view() {
        let table = table();
        let handle = table.insert(1, Span::default()).expect("there is room");
        let operations: Vec<_> = (1..1 << 16).map_while(|_| table.pin(handle).ok()).collect();
        assert_eq!(operations.len(), (1 << 16) - 1);
        assert_eq!(table.pin(handle).err(), Some(Error::Limit));
        assert_eq!(table.unview(handle), Err(Error::Invalid));
        drop(operations);
        assert_eq!(table.pin(handle).map(|pinned| *pinned), Ok(1));
    }

    #[test]
    fn a_change_waits_for_an_operation_that_takes_its_time() {
        let (table, pinned) = (table(), Barrier::new(2));
        let handle = table.insert(1, Span::default()).expect("there is room");
        scope(|scope| {
            scope.spawn(|| {
                let slow = table.pin(handle).expect("it is open");
                pinned.wait();
                sleep(Duration::from_millis(400));
                drop(slow);
            });
            pinned.wait();
            let mut mine = table.pin(handle).expect("it is open");
            mine.alone(Views::Refused)
                .expect("it ends soon enough")
                .change(|value| *value = 2);
        });
        assert_eq!(table.pin(handle).map(|pinned| *pinned), Ok(2));
    }

    #[test]
    fn who_passes_the_gate_does_not_wait_for_a_change_that_waits_itself() {
        let (table, pinned) = (table(), Barrier::new(2));
        let handle = table.insert(1, Span::default()).expect("there is room");
        let gate_is_open = || match table.view_at_once(handle, |_| ()) {
            Some(()) => table.unview(handle).is_ok(),
            None => false,
        };
        scope(|scope| {
            let slow = table.pin(handle).expect("it is open");
            let change = scope.spawn(|| {
                let mut mine = table.pin(handle).expect("it is open");
                pinned.wait();
                mine.alone(Views::Allowed).map(|_| ())
            });
            pinned.wait();
            while gate_is_open() {
                std::thread::yield_now();
            }
            // The gate opens for a moment every now and then, and who waits for that finds it open.
            let passed = (0..20).filter(|_| {
                let inside = table.pin_past_gate(handle).expect("it is open");
                let closed = !gate_is_open();
                drop(inside);
                closed
            });
            let passed = passed.count();
            drop(slow);
            assert_eq!(change.join().expect("it ends"), Ok(()));
            assert!(passed > 10, "{passed} of 20");
        });
    }

    #[test]
    fn a_change_gets_its_turn_among_operations_that_never_leave_a_gap() {
        let (table, over) = (table(), AtomicBool::new(false));
        let handle = table.insert(1, Span::default()).expect("there is room");
        scope(|scope| {
            for begin in [0, 5, 10, 15] {
                let (table, over) = (&table, &over);
                scope.spawn(move || {
                    sleep(Duration::from_millis(begin));
                    while !over.load(Ordering::Relaxed) {
                        let pinned = table.pin(handle).expect("it is open");
                        sleep(Duration::from_millis(20));
                        drop(pinned);
                    }
                });
            }
            sleep(Duration::from_millis(40));
            let mut mine = table.pin(handle).expect("it is open");
            let alone = mine.alone(Views::Refused).map(|_| ());
            over.store(true, Ordering::Relaxed);
            assert_eq!(alone, Ok(()));
        });
    }
}
