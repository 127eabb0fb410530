//! The mappings of this process, by their handles, and whose turn it is to change one.
//!
//! It knows what a mapping is (`memory`), and nothing of what is done with one.

pub mod live;
pub mod reader;
pub mod turn;
