//! The file behind a mapping: opening, creating and sizing it, and the errors of its write-back.
//!
//! It knows `os` and `threads`, and nothing of what is mapped.

pub mod blocks;
pub mod bytes;
pub mod claim;
pub mod creation;
pub mod descriptor;
pub mod existing;
pub mod file;
pub mod identity;
pub mod lease;
pub mod place;
pub mod writeback;
