//! Signal handlers of ours in front of those that were there before.
//!
//! It knows `threads`, and nothing of mappings: what a handler does is said by who installs it.

pub mod chain;
pub mod context;
mod order;
pub mod stack;
