//! Handles for values of any kind: numbers that are checked at every use, pins, and closing while others use the value.
//!
//! It knows `threads` and statuses, and is compiled a second time against loom's atomics (`tests/threads/table_model/`): so it
//! names nothing else, and no mapping.

pub mod readers;
mod shown;
pub mod slot;
pub mod table;
pub mod word;
