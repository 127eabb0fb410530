//! Opening, creating and closing.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "each is one call of the C ABI, whose arguments are there for that line"
)]

use super::{Case, case, lock};
use crate::abi::{self, Options, Status};
use crate::stage::{SIZE, Stage, options, read_write};
use std::ptr;

const SEQUENTIAL: u32 = 1;

fn open(stage: &mut Stage, options: Options) -> Status {
    unsafe { abi::memmap_open(stage.path().as_ptr(), &options, &mut stage.out) }
}

fn create(stage: &mut Stage, flags: u32) -> Status {
    let options = options(0, flags);
    unsafe { abi::memmap_create(stage.path().as_ptr(), 2 * SIZE, &options, &mut stage.out) }
}

fn create_in_memory(stage: &mut Stage) -> Status {
    let path = stage.path_in_memory();
    unsafe { abi::memmap_create(path.as_ptr(), 2 * SIZE, ptr::null(), &mut stage.out) }
}

fn from_fd(stage: &mut Stage, flags: u32) -> Status {
    unsafe { abi::memmap_from_fd(stage.fd, &options(0, flags), &mut stage.out) }
}

fn seal(stage: &mut Stage) {
    assert_eq!(unsafe { abi::memmap_seal(stage.handle, 2) }, 0);
}

pub const CASES: &[Case] = &[
    case(
        "memmap_open",
        0,
        |stage| stage.make_file(),
        |stage| open(stage, options(0, 0)),
    ),
    case(
        "memmap_open, for sequential reading",
        0,
        |stage| stage.make_file(),
        |stage| {
            open(
                stage,
                Options {
                    advice: SEQUENTIAL,
                    ..options(0, 0)
                },
            )
        },
    ),
    case(
        "memmap_open, prefaulted",
        0,
        |stage| stage.make_file(),
        |stage| open(stage, options(abi::READ_WRITE, abi::PREFAULT)),
    ),
    case(
        "memmap_open, locked",
        0,
        |stage| stage.make_file(),
        |stage| open(stage, options(0, abi::LOCKED)),
    ),
    case(
        "memmap_open, in huge pages",
        0,
        |stage| stage.make_file(),
        |stage| open(stage, options(0, abi::HUGE_PAGES)),
    ),
    case(
        "memmap_open, not dumped",
        0,
        |stage| stage.make_file(),
        |stage| open(stage, options(0, abi::NO_DUMP)),
    ),
    case(
        "memmap_open, executable",
        0,
        |stage| stage.make_file(),
        |stage| open(stage, options(0, abi::EXECUTABLE)),
    ),
    case(
        "memmap_open, without a descriptor",
        0,
        |stage| stage.make_file(),
        |stage| open(stage, options(0, abi::NO_DESCRIPTOR)),
    ),
    case(
        "memmap_open, copy on write",
        0,
        |stage| stage.make_file(),
        |stage| open(stage, options(abi::COPY_ON_WRITE, 0)),
    ),
    case(
        "memmap_open, by no link",
        0,
        |stage| stage.make_file(),
        |stage| open(stage, options(0, abi::NO_SYMLINKS)),
    ),
    case("memmap_create", 0, |_| {}, |stage| create(stage, 0)),
    case(
        "memmap_create, durable",
        0,
        |_| {},
        |stage| create(stage, abi::DURABLE),
    ),
    case(
        "memmap_create, sparse",
        0,
        |_| {},
        |stage| create(stage, abi::SPARSE),
    ),
    case(
        "memmap_create, exclusive",
        0,
        |_| {},
        |stage| create(stage, abi::EXCLUSIVE),
    ),
    case(
        "memmap_create, prefaulted",
        0,
        |_| {},
        |stage| create(stage, abi::PREFAULT),
    ),
    case(
        "memmap_create, without a descriptor",
        0,
        |_| {},
        |stage| create(stage, abi::NO_DESCRIPTOR),
    ),
    case(
        "memmap_create, over a file",
        0,
        |stage| stage.make_file(),
        |stage| create(stage, 0),
    ),
    case(
        "memmap_create, over a file, sparse",
        0,
        |stage| stage.make_file(),
        |stage| create(stage, abi::SPARSE),
    ),
    case(
        "memmap_create, over a file on tmpfs",
        0,
        |stage| stage.make_file_in_memory(),
        create_in_memory,
    ),
    case("memmap_create, on tmpfs", 0, |_| {}, create_in_memory),
    case(
        "memmap_from_fd",
        0,
        |stage| {
            stage.make_file();
            stage.open_file();
        },
        |stage| from_fd(stage, 0),
    ),
    case(
        "memmap_from_fd, without a descriptor",
        0,
        |stage| {
            stage.make_file();
            stage.open_file();
        },
        |stage| from_fd(stage, abi::NO_DESCRIPTOR),
    ),
    case(
        "memmap_from_fd, sealed",
        0,
        |stage| {
            stage.map_memfd();
            stage.open_handle();
            seal(stage);
        },
        |stage| from_fd(stage, abi::SEALED),
    ),
    case(
        "memmap_anonymous",
        0,
        |_| {},
        |stage| unsafe { abi::memmap_anonymous(SIZE, ptr::null(), &mut stage.out) },
    ),
    case(
        "memmap_anonymous, more than a little",
        0,
        |_| {},
        |stage| unsafe { abi::memmap_anonymous(32 << 20, ptr::null(), &mut stage.out) },
    ),
    case(
        "memmap_close",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_close(stage.handle) },
    ),
    case(
        "memmap_close, poisoned",
        0,
        |stage| {
            stage.map_file(read_write());
            unsafe { abi::memmap_poison_closed(1 << 20) };
        },
        |stage| unsafe { abi::memmap_close(stage.handle) },
    ),
    case(
        "memmap_close, locked",
        0,
        |stage| {
            stage.map_file(read_write());
            assert_eq!(lock(stage), 0);
        },
        |stage| unsafe { abi::memmap_close(stage.handle) },
    ),
    case(
        "memmap_reap",
        0,
        |stage| stage.map_file(read_write()),
        |stage| unsafe { abi::memmap_reap(stage.handle) },
    ),
];
