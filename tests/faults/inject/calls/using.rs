//! Reading, copying, flushing, resizing and paging.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "each is one call of the C ABI, whose arguments are there for that line"
)]

use super::{Case, case};
use crate::abi::{self, Filled, Options};
use crate::stage::{PAGE, SIZE, options, read_write};
use std::ptr;

const RANDOM: u32 = 2;

pub const CASES: &[Case] = &[
    case(
        "memmap_data",
        0,
        |stage| stage.map_memory(SIZE),
        |stage| {
            let (mut data, mut len) = (ptr::null_mut(), 0);
            unsafe { abi::memmap_data(stage.handle, &mut data, &mut len) }
        },
    ),
    case(
        "memmap_len",
        0,
        |stage| stage.map_memory(SIZE),
        |stage| unsafe { abi::memmap_len(stage.handle, &mut 0) },
    ),
    case(
        "memmap_get_info",
        0,
        |stage| stage.map_memory(SIZE),
        |stage| unsafe { abi::memmap_get_info(stage.handle, &mut Filled::of(40)) },
    ),
    case(
        "memmap_pin",
        0,
        |stage| stage.map_memory(SIZE),
        |stage| unsafe { abi::memmap_pin(stage.handle, &mut [0; 2]) },
    ),
    case(
        "memmap_unpin",
        0,
        |stage| {
            stage.map_memory(SIZE);
            unsafe { abi::memmap_pin(stage.handle, &mut [0; 2]) };
        },
        |stage| unsafe { abi::memmap_unpin(stage.handle) },
    ),
    case(
        "memmap_read",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_read(stage.handle, 5, (&raw mut stage.out_fd).cast(), 0) },
    ),
    case(
        "memmap_write",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_write(stage.handle, 5, c"word".as_ptr().cast(), 4) },
    ),
    case(
        "memmap_fill",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_fill(stage.handle, 0, abi::TO_END, 1) },
    ),
    case(
        "memmap_move",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_move(stage.handle, 0, 100, 5000) },
    ),
    case(
        "memmap_find",
        0,
        |stage| stage.map_file(read_write()),
        |stage| {
            let needle = c"x".as_ptr().cast();
            unsafe { abi::memmap_find(stage.handle, 0, abi::TO_END, needle, 1, &mut 0) }
        },
    ),
    case(
        "memmap_rfind",
        0,
        |stage| stage.map_file(read_write()),
        |stage| {
            let needle = c"x".as_ptr().cast();
            unsafe { abi::memmap_rfind(stage.handle, 0, abi::TO_END, needle, 1, &mut 0) }
        },
    ),
    case(
        "memmap_flush",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_flush(stage.handle, 0, abi::TO_END, 0) },
    ),
    case(
        "memmap_flush, asynchronous",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_flush(stage.handle, 0, abi::TO_END, 1) },
    ),
    case(
        "memmap_flush, invalidating",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_flush(stage.handle, 0, abi::TO_END, 2) },
    ),
    case(
        "memmap_flush, read-only",
        0,
        |stage| stage.map_file(options(0, 0)),
        |stage| unsafe { abi::memmap_flush(stage.handle, 0, abi::TO_END, 0) },
    ),
    case(
        "memmap_resize, longer",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_resize(stage.handle, 3 * SIZE) },
    ),
    case(
        "memmap_resize, longer in place",
        0,
        |stage| {
            stage.map_file(Options {
                capacity: 4 * SIZE,
                ..read_write()
            })
        },
        |stage| unsafe { abi::memmap_resize(stage.handle, 3 * SIZE) },
    ),
    case(
        "memmap_resize, longer and sparse",
        0,
        |stage| stage.map_file(options(abi::READ_WRITE, abi::SPARSE)),
        |stage| unsafe { abi::memmap_resize(stage.handle, 3 * SIZE) },
    ),
    case(
        "memmap_resize, shorter",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_resize(stage.handle, PAGE + 1) },
    ),
    case(
        "memmap_resize, longer without a file",
        0,
        |stage| stage.map_memory(SIZE),
        |stage| unsafe { abi::memmap_resize(stage.handle, 3 * SIZE) },
    ),
    case(
        "memmap_resize, shorter without a file",
        0,
        |stage| stage.map_memory(SIZE),
        |stage| unsafe { abi::memmap_resize(stage.handle, PAGE + 1) },
    ),
    case(
        "memmap_resize, longer, of several areas",
        0,
        |stage| {
            stage.map_file(read_write());
            stage.split();
        },
        |stage| unsafe { abi::memmap_resize(stage.handle, 3 * SIZE) },
    ),
    case(
        "memmap_resize, longer, locked and of several areas",
        0,
        |stage| {
            stage.map_file(options(abi::READ_WRITE, abi::LOCKED));
            stage.split();
        },
        |stage| unsafe { abi::memmap_resize(stage.handle, 3 * SIZE) },
    ),
    case(
        "memmap_resize, longer without a file, locked and of several areas",
        0,
        |stage| {
            stage.map_memory_with(SIZE, options(0, abi::LOCKED));
            stage.split();
        },
        |stage| unsafe { abi::memmap_resize(stage.handle, 3 * SIZE) },
    ),
    case(
        "memmap_resize, shorter, of several areas",
        0,
        |stage| {
            stage.map_file(read_write());
            stage.split();
        },
        |stage| unsafe { abi::memmap_resize(stage.handle, PAGE + 1) },
    ),
    case(
        "memmap_resize, longer in place with what the options ask",
        0,
        |stage| {
            stage.map_file(Options {
                capacity: 4 * SIZE,
                advice: RANDOM,
                ..options(abi::READ_WRITE, abi::LOCKED | abi::NO_DUMP)
            })
        },
        |stage| unsafe { abi::memmap_resize(stage.handle, 3 * SIZE) },
    ),
    case(
        "memmap_resize, longer with what the options ask",
        0,
        |stage| {
            stage.map_file(Options {
                advice: RANDOM,
                ..options(abi::READ_WRITE, abi::LOCKED | abi::NO_DUMP)
            })
        },
        |stage| unsafe { abi::memmap_resize(stage.handle, 3 * SIZE) },
    ),
    case(
        "memmap_resize, shorter without a file and locked",
        0,
        |stage| stage.map_memory_with(SIZE, options(0, abi::LOCKED)),
        |stage| unsafe { abi::memmap_resize(stage.handle, PAGE + 1) },
    ),
    case(
        "memmap_resize, longer without a file and locked",
        0,
        |stage| stage.map_memory_with(SIZE, options(0, abi::LOCKED)),
        |stage| unsafe { abi::memmap_resize(stage.handle, 3 * SIZE) },
    ),
    case(
        "memmap_resize, of a file that was cut",
        -6,
        |stage| {
            stage.map_file(read_write());
            stage.set_file_size(PAGE);
        },
        |stage| unsafe { abi::memmap_resize(stage.handle, 2 * SIZE) },
    ),
    case(
        "memmap_refresh, longer",
        0,
        |stage| {
            stage.map_file(options(0, 0));
            stage.set_file_size(3 * SIZE);
        },
        |stage| unsafe { abi::memmap_refresh(stage.handle, &mut 0) },
    ),
    case(
        "memmap_refresh, longer, of several areas",
        0,
        |stage| {
            stage.map_file(options(0, 0));
            stage.split();
            stage.set_file_size(3 * SIZE);
        },
        |stage| unsafe { abi::memmap_refresh(stage.handle, &mut 0) },
    ),
    case(
        "memmap_refresh, shorter",
        0,
        |stage| {
            stage.map_file(options(0, 0));
            stage.set_file_size(PAGE + 1);
        },
        |stage| unsafe { abi::memmap_refresh(stage.handle, &mut 0) },
    ),
    case(
        "memmap_advise, will need",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_advise(stage.handle, 0, abi::TO_END, 3) },
    ),
    case(
        "memmap_advise, don't need",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_advise(stage.handle, 0, abi::TO_END, 4) },
    ),
    case(
        "memmap_advise, page out",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_advise(stage.handle, 0, abi::TO_END, 8) },
    ),
    case(
        "memmap_advise, not dumped",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_advise(stage.handle, PAGE, PAGE, 11) },
    ),
    case(
        "memmap_prefault, for reading",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_prefault(stage.handle, 0, abi::TO_END, 0) },
    ),
    case(
        "memmap_prefault, for writing",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_prefault(stage.handle, 0, abi::TO_END, 1) },
    ),
    case(
        "memmap_residency",
        0,
        |stage| stage.map_file(read_write()),
        |stage| {
            let none = ptr::null_mut();
            unsafe { abi::memmap_residency(stage.handle, 0, abi::TO_END, none, 0, &mut 0) }
        },
    ),
    case(
        "memmap_lock_memory",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_lock_memory(stage.handle, 0, abi::TO_END) },
    ),
    case(
        "memmap_lock_memory, of several areas",
        0,
        |stage| {
            stage.map_file(read_write());
            stage.split();
        },
        |stage| unsafe { abi::memmap_lock_memory(stage.handle, 0, abi::TO_END) },
    ),
    case(
        "memmap_unlock_memory, of what is locked",
        0,
        |stage| stage.map_file(options(abi::READ_WRITE, abi::LOCKED)),
        |stage| unsafe { abi::memmap_unlock_memory(stage.handle, 0, 2 * PAGE) },
    ),
    case(
        "memmap_unlock_memory",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_unlock_memory(stage.handle, 0, abi::TO_END) },
    ),
    case(
        "memmap_protect",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_protect(stage.handle, 1) },
    ),
    case(
        "memmap_protect, several areas",
        0,
        |stage| {
            stage.map_file(read_write());
            stage.split();
        },
        |stage| unsafe { abi::memmap_protect(stage.handle, 1) },
    ),
    case(
        "memmap_protect, back",
        0,
        |stage| {
            stage.map_file(read_write());
            assert_eq!(unsafe { abi::memmap_protect(stage.handle, 1) }, 0);
        },
        |stage| unsafe { abi::memmap_protect(stage.handle, 0) },
    ),
];
