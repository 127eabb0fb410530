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
//! 4. No Rust reference to a byte of mapped memory is handed out or kept: other processes may write to
//!    it. Bytes are copied, by [`Map::view`] too, or handed out as a pointer that is
//!    [pinned](Map::pin). Cells and atomic numbers are references to atomics, which such writes are
//!    allowed for. One call makes a slice: [searching](Map::find) does, for as long as it runs, since
//!    memchr takes nothing else; `operations::access` says what that relies on.
//! 5. `capi` converts, calls and stores, and has no logic; nothing else has an `extern "C"` export.

// The rooms from the ground up: each uses only those before it, which `tests/proof/rooms.rs` checks.
mod status;

mod os;

mod range;

mod options;

mod threads;

mod signals;

mod handles;

mod files;

mod commit;

mod memory;

mod registry;

mod locks;

mod operations;

mod share;

mod fault;

mod atfork;

mod capi;

mod bytes;

mod map;

pub use bytes::{Bytes, Chunk, Chunks};
pub use fault::handler::install as install_guard;
pub use fault::recover::Fault;
pub use handles::table::Handle;
pub use locks::ofd::Lock;
pub use map::{Map, View};
pub use memory::flush::Flush;
pub use memory::losses::Causes;
pub use memory::poison::keep_closed as poison_closed;
pub use operations::paging::Prefault;
pub use options::{Access, Flags, Options};
pub use os::advice::Advice;
pub use os::limits::System;
pub use range::TO_END;
pub use share::seals::Seals;
pub use share::shm::unlink as unlink_shared;
pub use status::{Error, Result};

/// The documents' programs in Rust, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/coming-from.md")]
mod documents {}
