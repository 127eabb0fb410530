//! Functions about the library itself and the system.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "each is one call of the C ABI, whose arguments are there for that line"
)]

use super::{Case, case};
use crate::abi::{self, Filled};
use crate::stage::PAGE;
use std::ffi::c_void;

extern "C" fn stand_in(_: *const c_void, _: *mut c_void) -> i32 {
    0
}

pub const CASES: &[Case] = &[
    case(
        "memmap_guard_install",
        0,
        |_| {},
        |_| unsafe { abi::memmap_guard_install() },
    ),
    case(
        "memmap_guard_active",
        0,
        |_| {},
        |_| {
            unsafe { abi::memmap_guard_active() }; // It returns no status.
            0
        },
    ),
    case(
        "memmap_guard_hook",
        0,
        |_| {},
        |_| unsafe { abi::memmap_guard_hook(Some(stand_in)) },
    ),
    case(
        "memmap_guard_notify",
        0,
        |_| {},
        |_| unsafe { abi::memmap_guard_notify(None, 0) },
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
