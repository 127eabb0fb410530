//! Poison: the addresses of closed mappings, kept unreadable so that a stale pointer faults at once
//! instead of finding what is mapped there next.
//!
//! A ring of entries that one atomic each guards: mappings are dropped by any thread, the fault handler
//! included, and a fork may come at any time. A place that somebody is at is passed over.

use crate::files::file::File;
use crate::handles::slot::Span;
use crate::os::environment::variable;
use crate::os::errno::{errno, set_errno};
use crate::signals::chain::{Fronts, Signal, fronts, is_fault};
use crate::status::Result;
use libc::{c_int, c_void, siginfo_t};
use std::cell::UnsafeCell;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

static CLOSED_PAGES: Signal = Signal::new(libc::SIGSEGV, HANDLERS);

const HANDLERS: Fronts = fronts!(on_closed_page);

/// How many closed mappings are kept at the most.
const ENTRIES: usize = 1024;

/// How much address space MEMMAP_POISON=1 keeps: it costs no memory.
const BY_ENVIRONMENT: u64 = 1 << 40;

/// How many bytes of address space to keep, 0 for none.
static BUDGET: AtomicU64 = AtomicU64::new(0);
static HELD: AtomicU64 = AtomicU64::new(0);
static NEWEST: AtomicUsize = AtomicUsize::new(0);
static OLDEST: AtomicUsize = AtomicUsize::new(0);
static RING: [Entry; ENTRIES] = [const { Entry::empty() }; ENTRIES];

/// How many bytes of a name are kept.
const NAME: usize = 96;
/// Each of them may be four in the line that names it.
const LINE: usize = 224 + 4 * NAME;

const EMPTY: u32 = 0;
const BUSY: u32 = 1;
const FULL: u32 = 2;

struct Entry {
    state: AtomicU32,
    closed: UnsafeCell<Closed>,
}

// SAFETY: `closed` is touched only by who has made the state BUSY.
unsafe impl Sync for Entry {}

/// A mapping that was.
struct Closed {
    pages: Span,
    name: Text<NAME>,
}

impl Entry {
    const fn empty() -> Entry {
        Entry {
            state: AtomicU32::new(EMPTY),
            closed: UnsafeCell::new(Closed {
                pages: Span { start: 0, end: 0 },
                name: Text::EMPTY,
            }),
        }
    }

    /// Calls `touch` with the entry if its state is `wanted`, and leaves it in the state that `touch` returns.
    fn at<R>(&self, wanted: u32, touch: impl FnOnce(&mut Closed) -> (u32, R)) -> Option<R> {
        // Acquire: what the last to be here wrote is seen. Relaxed: a failure looks at nothing.
        self.state
            .compare_exchange(wanted, BUSY, Ordering::Acquire, Ordering::Relaxed)
            .ok()?;
        // SAFETY: the state is BUSY by us.
        let (state, result) = touch(unsafe { &mut *self.closed.get() });
        // Release: the next to be here sees what was written.
        self.state.store(state, Ordering::Release);
        Some(result)
    }

    /// Releases what is kept there, unless somebody is at it.
    fn release(&self) {
        if let Some(pages) = self.at(FULL, |closed| (EMPTY, closed.pages)) {
            release(pages);
        }
    }
}

/// Keeps the addresses of mappings that are closed from now on reserved and unreadable, up to
/// `bytes` in all; 0 releases them. A stale pointer then faults, and a message on standard error
/// names the mapping.
///
/// # Errors
///
/// Fails with the system's error of sigaction(2).
///
/// # Examples
///
/// ```
/// # fn main() -> memmap::Result<()> {
/// memmap::poison_closed(1 << 30)?;
/// # Ok(())
/// # }
/// ```
pub fn keep_closed(bytes: u64) -> Result<()> {
    heed_environment(); // Before it, not at the first mapping after it: who calls has the last word.
    keep_up_to(bytes)
}

fn keep_up_to(bytes: u64) -> Result<()> {
    if bytes != 0 {
        CLOSED_PAGES.install()?;
    }
    BUDGET.store(bytes, Ordering::Relaxed); // A number; the handler is there by the system call before.
    match bytes {
        0 => RING.iter().for_each(Entry::release),
        _ => release_over(bytes),
    }
    Ok(())
}

/// Does what the variable MEMMAP_POISON asks for, once: 1 for plenty, a larger number for so many bytes.
/// At the first mapping, and not when the library is loaded: the runtime of a language installs its
/// handlers in between.
pub fn heed_environment() {
    static HEEDED: AtomicBool = AtomicBool::new(false);
    // Relaxed, both: no thread waits for the one that does it, not even in a child of fork.
    if HEEDED.load(Ordering::Relaxed) || HEEDED.swap(true, Ordering::Relaxed) {
        return;
    }
    let wish = variable("MEMMAP_POISON");
    // If no handler can be installed, a stale pointer faults without being explained.
    match wish.and_then(|bytes| bytes.trim().parse().ok()) {
        None | Some(0) => {}
        Some(1) => drop(keep_up_to(BY_ENVIRONMENT)),
        Some(bytes) => drop(keep_up_to(bytes)),
    }
}

/// Takes the pages of a mapping that is closed, if that is wished; false if the caller is to unmap them.
pub fn keep(pages: Span, file: Option<&File>) -> bool {
    // Relaxed, here and below: budget and places are numbers; what lies in the ring is ordered by its entries' own state.
    let (budget, len) = (BUDGET.load(Ordering::Relaxed), bytes(pages));
    if len > budget || !make_unreadable(pages) {
        return false;
    }
    let closed = |closed: &mut Closed| {
        let before = std::mem::replace(&mut closed.pages, pages);
        closed.name = Text::EMPTY;
        if let Some(file) = file {
            closed.name.fill_with(|name| file.path(name));
        }
        (FULL, before)
    };
    HELD.fetch_add(len, Ordering::Relaxed); // First, since who releases it takes it off again.
    for _ in 0..ENTRIES {
        let oldest = OLDEST.load(Ordering::Relaxed);
        if NEWEST.load(Ordering::Relaxed).saturating_sub(oldest) >= ENTRIES {
            release_oldest();
        }
        let entry = &RING[NEWEST.fetch_add(1, Ordering::Relaxed) % ENTRIES];
        let kept = entry.at(EMPTY, closed).is_some();
        // One that somebody was at when it was the oldest is still there.
        if kept || entry.at(FULL, closed).map(release).is_some() {
            // The budget of now: somebody may have ended it since it was looked at.
            release_over(BUDGET.load(Ordering::Relaxed));
            return true;
        }
    }
    HELD.fetch_sub(len, Ordering::Relaxed);
    false
}

/// Releases the oldest until no more than `budget` bytes are held.
fn release_over(budget: u64) {
    while HELD.load(Ordering::Relaxed) > budget && release_oldest() {}
}

/// Releases the oldest; false if there is none.
fn release_oldest() -> bool {
    let newest = NEWEST.load(Ordering::Relaxed);
    let behind = |oldest| (oldest < newest).then(|| oldest + 1);
    match OLDEST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, behind) {
        Ok(oldest) => {
            RING[oldest % ENTRIES].release();
            true
        }
        Err(_) => false,
    }
}

fn release(pages: Span) {
    HELD.fetch_sub(bytes(pages), Ordering::Relaxed);
    // SAFETY: they have been ours, unreadable, since their mapping was closed.
    unsafe { libc::munmap(pages.start as *mut libc::c_void, bytes(pages) as usize) };
}

fn bytes(pages: Span) -> u64 {
    (pages.end - pages.start) as u64
}

fn make_unreadable(pages: Span) -> bool {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
    let (start, len) = (pages.start as *mut libc::c_void, bytes(pages) as usize);
    // SAFETY: the pages are those of a mapping that nobody has a pin of any more.
    let kept = unsafe { libc::mmap(start, len, libc::PROT_NONE, flags, -1, 0) };
    kept != libc::MAP_FAILED
}

extern "C" fn on_closed_page<const FRONT: usize>(
    _: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    let errno = errno();
    // SAFETY: the kernel's, or those of a handler that passes on what it got.
    unsafe {
        if is_fault((*info).si_code) {
            explain((*info).si_addr() as usize);
        }
        CLOSED_PAGES.forward(FRONT, info, context);
    }
    set_errno(errno);
}

/// Tells on standard error which closed mapping `address` was in, if it was in one. For a signal
/// handler, after which the process dies.
fn explain(address: usize) {
    let found = RING.iter().find_map(|entry| {
        entry.at(FULL, |closed| {
            let here = closed.pages.holds(address);
            let mut text = Text::<LINE>::EMPTY;
            if here {
                // What doesn't fit is cut, and nothing else can fail.
                let _ = writeln!(
                    text,
                    "libmemmap: use after close: {address:#x} is byte {} of a mapping of {} bytes{}{} that was closed",
                    address - closed.pages.start,
                    bytes(closed.pages),
                    if closed.name.is_empty() { "" } else { " of " },
                    closed.name,
                );
            }
            (FULL, here.then_some(text))
        })?
    });
    if let Some(text) = found {
        // SAFETY: the text is as long as it says.
        unsafe { libc::write(2, text.bytes.as_ptr().cast(), text.len) };
    }
}

/// Text in a place of its own: a signal handler must not allocate.
struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    const EMPTY: Text<N> = Text {
        bytes: [0; N],
        len: 0,
    };

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Has `fill` write text, and keeps as much as it says it has written.
    fn fill_with(&mut self, fill: impl FnOnce(&mut [u8]) -> usize) {
        self.len = fill(&mut self.bytes).min(N);
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let len = text.len().min(N - self.len);
        self.bytes[self.len..][..len].copy_from_slice(&text.as_bytes()[..len]);
        self.len += len;
        Ok(())
    }
}

/// As a name that who made it may have made to be taken for something else on a terminal or in a log: in
/// quotation marks, and byte by byte what is no ASCII character with a shape of its own.
impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for byte in &self.bytes[..self.len] {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", *byte as char)?,
                b' '..=b'~' => f.write_char(*byte as char)?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_str(match self.len == N {
            true => "\"...", // Or cut.
            false => "\"",
        })
    }
}
