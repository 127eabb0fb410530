//! Absence: pages that a child of fork doesn't have (MADV_DONTFORK), and a mapping that is in such a child. Something
//! else may be mapped at its addresses there by now, which is nobody's business here: nothing is unmapped,
//! replaced or advised, and the bytes that may be missing count as lost.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether any mapping of this process was ever to be absent, so that as long as none was no fork looks for it.
static EVER: AtomicBool = AtomicBool::new(false);

/// Whether there is anything to look for.
pub fn any() -> bool {
    EVER.load(Ordering::Relaxed) // As below.
}

/// Positions are bytes from the mapping's first page on. For a signal handler too.
#[derive(Debug)]
pub struct Absence {
    /// The complement of the first position that a child may not have, and behind the last one. What lies between
    /// may be there.
    not_first: AtomicUsize,
    behind_last: AtomicUsize,
    /// Whether this process is such a child.
    here: AtomicBool,
}

impl Absence {
    /// A child has everything.
    pub const fn of_nothing() -> Absence {
        Absence {
            not_first: AtomicUsize::new(0),
            behind_last: AtomicUsize::new(0),
            here: AtomicBool::new(false),
        }
    }

    /// A child has nothing.
    pub fn of_everything() -> Absence {
        EVER.store(true, Ordering::Relaxed); // As below.
        Absence {
            not_first: AtomicUsize::new(usize::MAX),
            behind_last: AtomicUsize::new(usize::MAX),
            here: AtomicBool::new(false),
        }
    }

    /// A child will not have these.
    pub fn note(&self, positions: &Range<usize>) {
        // Relaxed, everywhere: it is read by the only thread of a child, which fork has made after this.
        EVER.store(true, Ordering::Relaxed);
        self.not_first
            .fetch_max(!positions.start, Ordering::Relaxed);
        self.behind_last.fetch_max(positions.end, Ordering::Relaxed);
    }

    /// For who is in a child: what it may not have, if that is anything. Told once, and kept.
    pub fn begin(&self) -> Option<Range<usize>> {
        let end = self.behind_last.load(Ordering::Relaxed);
        let begins = end != 0 && !self.here.swap(true, Ordering::Relaxed);
        begins.then(|| !self.not_first.load(Ordering::Relaxed)..end)
    }

    /// Whether pages of the mapping may be missing in this process.
    pub fn is_here(&self) -> bool {
        self.here.load(Ordering::Relaxed)
    }
}
