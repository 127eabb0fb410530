//! Commits.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "each is one call of the C ABI, whose arguments are there for that line"
)]

use super::{Case, case};
use crate::abi;
use crate::stage::{PAGE, SIZE, Stage, options};
use std::ptr;

/// Maps the file for commits, with a change that is committed, and one that is not.
fn changed(stage: &mut Stage) {
    stage.map_file(options(abi::READ_WRITE, abi::ATOMIC));
    for (offset, byte) in [(0, b'1'), (PAGE + 5, b'2')] {
        if byte == b'2' {
            assert_eq!(unsafe { abi::memmap_commit(stage.handle) }, 0);
        }
        let filled = unsafe { abi::memmap_fill(stage.handle, offset, 10, byte) };
        assert_eq!(filled, 0);
    }
}

/// The same, of another length.
fn resized(stage: &mut Stage, len: u64) {
    changed(stage);
    assert_eq!(unsafe { abi::memmap_resize(stage.handle, len) }, 0);
}

pub const CASES: &[Case] = &[
    case("memmap_commit", 0, changed, |stage| unsafe {
        abi::memmap_commit(stage.handle)
    }),
    case(
        "memmap_commit, longer",
        0,
        |stage| resized(stage, 2 * SIZE),
        |stage| unsafe { abi::memmap_commit(stage.handle) },
    ),
    case(
        "memmap_commit, shorter",
        0,
        |stage| resized(stage, 2 * PAGE),
        |stage| unsafe { abi::memmap_commit(stage.handle) },
    ),
    case("memmap_rollback", 0, changed, |stage| unsafe {
        abi::memmap_rollback(stage.handle)
    }),
    case("memmap_checkpoint", 0, changed, |stage| unsafe {
        abi::memmap_checkpoint(stage.handle)
    }),
    case("memmap_changes", 0, changed, |stage| unsafe {
        abi::memmap_changes(stage.handle, ptr::null_mut(), 0, &mut 0)
    }),
];
