//! How the threads of this process keep out of each other's way, and a fork out of theirs.
//!
//! It knows nothing of what is shared by them.

pub mod fork;
pub mod monitor;
pub mod sync;
pub mod thread;
