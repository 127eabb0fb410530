//! Surviving the loss of pages: the handler of SIGBUS, what was lost, and getting it back.
//!
//! It knows `registry` and what is below. What runs in the handler takes no lock and allocates nothing.

pub mod foreign;
pub mod handler;
pub mod hooks;
pub mod recover;
