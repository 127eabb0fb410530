//! Lost pages, and memory that was mapped without the library.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "each is one call of the C ABI, whose arguments are there for that line"
)]

use super::{Case, case};
use crate::abi::{self, Filled, Mapped, Status, View};
use crate::stage::{PAGE, SIZE, Stage, options, read_write};
use std::ffi::c_void;
use std::ptr;

fn adopt(stage: &mut Stage) -> Status {
    let mapped = Mapped {
        size: size_of::<Mapped>() as u32,
        protection: libc::PROT_READ | libc::PROT_WRITE,
        data: stage.foreign,
        length: SIZE,
        offset: 0,
        flags: libc::MAP_SHARED,
        reserved: 0,
    };
    unsafe { abi::memmap_adopt(&mapped, stage.fd, ptr::null_mut(), &mut stage.out) }
}

extern "C" fn load_last(view: *const View, _: *mut c_void) -> i32 {
    unsafe {
        let last = (*view).data.add((*view).len as usize - 1);
        last.read_volatile().into()
    }
}

pub const CASES: &[Case] = &[
    case(
        "memmap_get_fault",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_get_fault(stage.handle, &mut Filled::of(32)) },
    ),
    case(
        "memmap_check",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_check(stage.handle, 0, abi::TO_END) },
    ),
    case(
        "memmap_fault_counter",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_fault_counter(stage.handle, &mut ptr::null()) },
    ),
    case(
        "memmap_recover, nothing lost",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_recover(stage.handle) },
    ),
    case(
        "memmap_recover",
        0,
        |stage| stage.lose_pages(),
        |stage| unsafe { abi::memmap_recover(stage.handle) },
    ),
    case(
        "memmap_recover, with what the options ask",
        0,
        |stage| stage.lose_pages_of(options(abi::READ_WRITE, abi::LOCKED | abi::NO_DUMP)),
        |stage| unsafe { abi::memmap_recover(stage.handle) },
    ),
    case(
        "memmap_read, of what was lost",
        -6,
        |stage| stage.lose_pages(),
        |stage| unsafe {
            abi::memmap_read(stage.handle, 2 * PAGE, [0u8; 8].as_mut_ptr().cast(), 8)
        },
    ),
    case(
        "memmap_try",
        0,
        |stage| stage.map_file(read_write()),
        |stage| {
            let mut result = 0;
            let status = unsafe {
                abi::memmap_try(stage.handle, Some(load_last), ptr::null_mut(), &mut result)
            };
            assert!(status == 0 || result == 0);
            status
        },
    ),
    case(
        "memmap_guard_region",
        0,
        |stage| stage.map_without_library(),
        |stage| unsafe { abi::memmap_guard_region(stage.foreign, SIZE, stage.fd, &mut stage.out) },
    ),
    case(
        "memmap_guard_region, without a descriptor",
        0,
        |stage| stage.map_without_library(),
        |stage| unsafe { abi::memmap_guard_region(stage.foreign, SIZE, -1, &mut stage.out) },
    ),
    case(
        "memmap_adopt",
        0,
        |stage| stage.map_without_library(),
        adopt,
    ),
];
