//! What can be done with one mapping, from opening to closing: each call pins it while it runs.
//!
//! It knows `registry` and what is below it, and `locks` for those that end with a handle.

pub mod access;
pub mod attempt;
pub mod close;
pub mod commits;
pub mod open;
pub mod paging;
pub mod resize;
pub mod search;
