//! What is asked of the library itself, and of the system.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "each is one call of the C ABI, whose arguments are there for that line"
)]

use super::{Case, case};
use crate::abi::{self, Filled};
use crate::stage::PAGE;

pub const CASES: &[Case] = &[
    case(
        "memmap_guard_install",
        0,
        |_| {},
        |_| unsafe { abi::memmap_guard_install() },
    ),
    case(
        "memmap_poison_closed",
        0,
        |_| {},
        |_| unsafe { abi::memmap_poison_closed(1 << 20) },
    ),
    case(
        "memmap_poison_closed, none",
        0,
        |_| {},
        |_| unsafe { abi::memmap_poison_closed(0) },
    ),
    case(
        "memmap_version",
        0,
        |_| {},
        |_| i32::from(unsafe { abi::memmap_version() }.is_null()),
    ),
    case(
        "memmap_strerror",
        0,
        |_| {},
        |_| i32::from(unsafe { abi::memmap_strerror(2) }.is_null()),
    ),
    case(
        "memmap_page_size",
        0,
        |_| {},
        |_| i32::from(unsafe { abi::memmap_page_size() } != PAGE),
    ),
    case(
        "memmap_get_system",
        0,
        |_| {},
        |_| unsafe { abi::memmap_get_system(&mut Filled::of(72)) },
    ),
    case(
        "memmap_get_stats",
        0,
        |_| {},
        |_| unsafe { abi::memmap_get_stats(&mut Filled::of(40)) },
    ),
];
