//! The word of state of a slot: its generation, who is let in, and how many pins there are. It holds, from the top:
//!
//! ```text
//! generation 24 | OPEN 1 | GATE 1 | CHANGING 1 | SHOWN 1 | LEFT 1 | views 19 | operations 16
//! ```

const GENERATION_BITS: u32 = 24;
const OPERATION_BITS: u32 = 16;
const VIEW_BITS: u32 = 19;

/// One operation.
pub const OPERATION: u64 = 1;
/// One view.
pub const VIEW: u64 = 1 << OPERATION_BITS;
/// The handle is closed, and threads that show it may keep the value.
pub const LEFT: u64 = 1 << (OPERATION_BITS + VIEW_BITS);
/// Threads may show the handle instead of being counted.
pub const SHOWN: u64 = LEFT << 1;
/// An operation has the value alone.
pub const CHANGING: u64 = SHOWN << 1;
/// An operation waits to have it alone.
pub const GATE: u64 = CHANGING << 1;
/// The handle is open.
pub const OPEN: u64 = GATE << 1;
/// Both counts.
pub const COUNTS: u64 = LEFT - 1;
/// What keeps a value.
pub const ALIVE: u64 = OPEN | LEFT | COUNTS;
/// Where the generation begins.
pub const GENERATION_SHIFT: u32 = OPERATION_BITS + VIEW_BITS + 5;

/// A slot that has seen this generation rests for good, so that no handle is ever issued twice.
pub const LAST_GENERATION: u64 = (1 << GENERATION_BITS) - 1;

/// The generation of the handle that the slot has now, or had last.
pub fn generation(state: u64) -> u64 {
    state >> GENERATION_SHIFT
}

/// How many operations are under way.
pub fn operations(state: u64) -> u64 {
    state & (VIEW - 1)
}

/// How many views there are.
pub fn views(state: u64) -> u64 {
    (state & COUNTS) >> OPERATION_BITS
}

/// What a pin is counted as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// For one call.
    Operation,
    /// For as long as a caller likes.
    View,
}

impl Pin {
    pub const fn unit(self) -> u64 {
        match self {
            Pin::Operation => OPERATION,
            Pin::View => VIEW,
        }
    }

    /// Whether its count has room for one more.
    #[inline(always)] // See `Table::view_at_once`.
    pub fn fits(self, state: u64) -> bool {
        match self {
            Pin::Operation => operations(state) != VIEW - 1,
            Pin::View => views(state) != (1 << VIEW_BITS) - 1,
        }
    }
}

/// Whether a pin given back, or a close, was the last thing that kept a closed value.
#[derive(Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Last {
    /// The value is to be dropped now, by the caller that got this result.
    Yes,
    /// Others still keep it.
    No,
}

impl Last {
    #[inline(always)] // See `Table::view_at_once`.
    pub fn of(state: u64) -> Last {
        match state & ALIVE {
            0 => Last::Yes,
            _ => Last::No,
        }
    }
}

/// Whether one more pin may be counted: the slot is open under that generation, nobody is or wants to
/// be alone with the value, and there is room in the count.
#[inline(always)] // See `Table::view_at_once`.
pub fn may_enter(state: u64, wanted: u64, pin: Pin) -> bool {
    // One comparison for generation, OPEN, GATE and CHANGING: they are the top bits, in that order.
    state / CHANGING == (wanted << 3) | (OPEN / CHANGING) && pin.fits(state)
}

/// Whether a thread that shows the handle has pinned the value thereby: the same, and SHOWN.
#[inline(always)] // See `Table::view_at_once`.
pub fn admits_shown(state: u64, wanted: u64) -> bool {
    // SHOWN is the next bit.
    state / SHOWN == (wanted << 4) | (OPEN / SHOWN) | 1
}
