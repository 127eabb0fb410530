//! libmemmap: memory-mapped files behind handles, for Rust, C, and every language with a C FFI.
//!
//! Rust programs use [`Map`]; C programs the functions in `include/memmap.h`, which are the
//! `extern "C"` functions of `capi`.
//!
//! # Five conventions
//!
//! 1. A mapping is reached through a [handle](Handle), a number that is checked at every use; every
//!    operation pins the mapping while it runs, so nothing is unmapped under a running call.
//! 2. Offsets and lengths are bytes, 64 bits wide, checked in one place (`range`), and need no
//!    alignment.
//! 3. Everything is validated before anything is taken; a failed call changes nothing.
//! 4. No Rust reference is ever made into mapped memory: other processes may write to it. Bytes are
//!    copied, or handed out as a pointer that is [pinned](Map::pin).
//! 5. `capi` converts, calls and stores, and has no logic; nothing else has an `extern "C"` export.

mod absence;
mod access;
mod advice;
mod areas;
mod aside;
mod atomic;
mod blocks;
mod boundary;
mod capi;
mod cell;
mod cells;
mod changes;
mod claims;
mod creation;
mod environment;
mod failures;
mod faults;
mod file;
mod fork;
mod futex;
mod guard;
mod handles;
mod lease;
mod locks;
mod lost;
mod map;
mod mapping;
mod memory;
mod monitor;
mod open;
mod options;
mod paging;
mod place;
mod poison;
mod previous;
mod queues;
mod range;
mod record;
mod regions;
mod seals;
mod search;
mod shared;
mod size;
mod sized;
mod slot;
mod stack;
mod status;
mod sync;
mod system;
mod table;
mod turn;
mod wishes;

pub use advice::Advice;
pub use faults::Fault;
pub use guard::install as install_guard;
pub use lost::Causes;
pub use map::{Map, View};
pub use mapping::Flush;
pub use options::{Access, Flags, Options};
pub use paging::Prefault;
pub use poison::keep_closed as poison_closed;
pub use range::TO_END;
pub use record::Lock;
pub use seals::Seals;
pub use shared::unlink as unlink_shared;
pub use status::{Error, Result};
pub use system::System;
pub use table::Handle;

/// The documents' programs in Rust, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/coming-from.md")]
mod documents {}
