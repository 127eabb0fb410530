//! Every function of the C ABI, with each set of system calls that it may make.

mod committing;
mod losing;
mod opening;
mod process;
mod sharing;
mod using;

use super::abi::{self, Status};
use super::stage::{Case, Stage};

/// All cases. Those about the process come first: some make system calls only once.
pub fn all() -> impl Iterator<Item = &'static Case> {
    let parts = [
        process::CASES,
        opening::CASES,
        using::CASES,
        committing::CASES,
        sharing::CASES,
        losing::CASES,
    ];
    parts.into_iter().flatten()
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

/// Tries to lock ten bytes.
fn lock(stage: &mut Stage) -> Status {
    // SAFETY: its arguments are numbers.
    unsafe { abi::memmap_lock(stage.handle, 0, 10, 1, 0) }
}
