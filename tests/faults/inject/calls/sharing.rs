//! Functions for sharing between processes: names, descriptors, seals, locks, numbers, cells.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "each is one call of the C ABI, whose arguments are there for that line"
)]

use super::{Case, case, lock};
use crate::abi::{self, Status};
use crate::stage::{SIZE, Stage, options, read_write};
use std::ptr;

fn shared_open(stage: &mut Stage, size: u64, flags: u32) -> Status {
    let options = options(0, flags);
    unsafe { abi::memmap_shared_open(stage.shared().as_ptr(), size, &options, &mut stage.out) }
}

pub const CASES: &[Case] = &[
    case(
        "memmap_shared_open, new",
        0,
        |_| {},
        |stage| shared_open(stage, SIZE, 0),
    ),
    case(
        "memmap_shared_open, there",
        0,
        |stage| stage.make_file_in_memory(),
        |stage| shared_open(stage, 0, 0),
    ),
    case(
        "memmap_shared_unlink",
        0,
        |stage| stage.make_file_in_memory(),
        |stage| unsafe { abi::memmap_shared_unlink(stage.shared().as_ptr()) },
    ),
    case(
        "memmap_memfd",
        0,
        |_| {},
        |stage| {
            let name = c"inject".as_ptr();
            unsafe { abi::memmap_memfd(name, SIZE, ptr::null(), &mut stage.out) }
        },
    ),
    case(
        "memmap_fd",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_fd(stage.handle, &mut stage.out_fd) },
    ),
    case(
        "memmap_read_only_fd",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_read_only_fd(stage.handle, &mut stage.out_fd) },
    ),
    case(
        "memmap_seal",
        0,
        |stage| stage.map_memfd(),
        |stage| unsafe { abi::memmap_seal(stage.handle, 2) },
    ),
    case(
        "memmap_get_seals",
        0,
        |stage| stage.map_memfd(),
        |stage| unsafe { abi::memmap_get_seals(stage.handle, &mut 0) },
    ),
    case("memmap_lock", 0, |stage| stage.map_file(read_write()), lock),
    case(
        "memmap_lock, held by another",
        -9,
        |stage| {
            stage.map_file(read_write());
            stage.open_file();
            stage.lock_file();
        },
        lock,
    ),
    case(
        "memmap_lock, beside one that is held",
        0,
        |stage| {
            stage.map_file(read_write());
            assert_eq!(lock(stage), 0);
        },
        |stage| unsafe { abi::memmap_lock(stage.handle, 20, 10, 1, 0) },
    ),
    case(
        "memmap_unlock, of what another has in part",
        0,
        |stage| {
            stage.map_file(read_write());
            assert_eq!(unsafe { abi::memmap_lock(stage.handle, 0, 10, 0, 0) }, 0);
            assert_eq!(unsafe { abi::memmap_lock(stage.handle, 5, 10, 0, 0) }, 0);
        },
        |stage| unsafe { abi::memmap_unlock(stage.handle, 0, 10) },
    ),
    case(
        "memmap_unlock",
        0,
        |stage| {
            stage.map_file(read_write());
            assert_eq!(lock(stage), 0);
        },
        |stage| unsafe { abi::memmap_unlock(stage.handle, 0, 10) },
    ),
    case(
        "memmap_atomic_load32",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_atomic_load32(stage.handle, 8, &mut 0) },
    ),
    case(
        "memmap_atomic_store32",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_atomic_store32(stage.handle, 8, 7) },
    ),
    case(
        "memmap_atomic_add32",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_atomic_add32(stage.handle, 8, 7, &mut 0) },
    ),
    case(
        "memmap_atomic_compare_swap32",
        0,
        |stage| stage.map_file(read_write()),
        |stage| {
            let mut before = 0;
            unsafe { abi::memmap_atomic_compare_swap32(stage.handle, 8, 7, 8, &mut before) }
        },
    ),
    case(
        "memmap_atomic_load64",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_atomic_load64(stage.handle, 8, &mut 0) },
    ),
    case(
        "memmap_atomic_store64",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_atomic_store64(stage.handle, 8, 7) },
    ),
    case(
        "memmap_atomic_add64",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_atomic_add64(stage.handle, 8, 7, &mut 0) },
    ),
    case(
        "memmap_atomic_compare_swap64",
        0,
        |stage| stage.map_file(read_write()),
        |stage| {
            let mut before = 0;
            unsafe { abi::memmap_atomic_compare_swap64(stage.handle, 8, 7, 8, &mut before) }
        },
    ),
    case(
        "memmap_wait, for another number",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_wait(stage.handle, 8, 1, -1) },
    ),
    case(
        "memmap_wait, for no time",
        -9,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_wait(stage.handle, 8, u32::from_ne_bytes(*b"xxxx"), 0) },
    ),
    case(
        "memmap_wake",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_wake(stage.handle, 8, 1) },
    ),
    case(
        "memmap_cell_size",
        0,
        |_| {},
        |_| unsafe { abi::memmap_cell_size(100, &mut 0) },
    ),
    case(
        "memmap_cell_create",
        0,
        |stage| stage.map_memory(SIZE),
        |stage| unsafe { abi::memmap_cell_create(stage.handle, 0, 100) },
    ),
    case(
        "memmap_cell_publish",
        0,
        |stage| {
            stage.map_memory(SIZE);
            unsafe { abi::memmap_cell_create(stage.handle, 0, 100) };
        },
        |stage| unsafe { abi::memmap_cell_publish(stage.handle, 0, c"word".as_ptr().cast(), 4) },
    ),
    case(
        "memmap_cell_read",
        0,
        |stage| {
            stage.map_memory(SIZE);
            unsafe { abi::memmap_cell_create(stage.handle, 0, 100) };
        },
        |stage| {
            let mut value = [0u64; 13];
            let to = value.as_mut_ptr().cast();
            unsafe { abi::memmap_cell_read(stage.handle, 0, to, 100, &mut 0, &mut 0) }
        },
    ),
    case(
        "memmap_cell_look",
        0,
        |stage| {
            stage.map_memory(SIZE);
            unsafe { abi::memmap_cell_create(stage.handle, 0, 100) };
        },
        |stage| unsafe { abi::memmap_cell_look(stage.handle, 0, &mut 0, &mut 0) },
    ),
];
