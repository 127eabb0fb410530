//! Locks of ranges of a file, between threads and between processes.
//!
//! It knows `registry` for the handle that a lock is asked by, and `files` for what is locked.

pub mod claims;
pub mod lock;
pub mod ofd;
pub mod pace;
pub mod queue;
