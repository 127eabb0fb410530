//! Every function of the C ABI, in the ways in which it makes system calls.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "each is one call of the C ABI, whose arguments are there for that line"
)]

use super::abi::{self, Filled, Mapped, Options, Status};
use super::stage::{Case, PAGE, SIZE, Stage, options, read_write};
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

fn shared_open(stage: &mut Stage, size: u64, flags: u32) -> Status {
    let options = options(0, flags);
    unsafe { abi::memmap_shared_open(stage.shared().as_ptr(), size, &options, &mut stage.out) }
}

fn seal(stage: &mut Stage) {
    assert_eq!(unsafe { abi::memmap_seal(stage.handle, 2) }, 0);
}

/// Tries to lock ten bytes.
fn lock(stage: &mut Stage) -> Status {
    unsafe { abi::memmap_lock(stage.handle, 0, 10, 1, 0) }
}

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

const fn case(
    name: &'static str,
    answer: Status,
    prepare: fn(&mut Stage),
    act: fn(&mut Stage) -> Status,
) -> Case {
    Case {
        name,
        answer,
        prepare,
        act,
    }
}

pub const ALL: &[Case] = &[
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
        "memmap_refresh, longer",
        0,
        |stage| {
            stage.map_file(options(0, 0));
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
