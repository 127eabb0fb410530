//! What one mapping is: its pages, the file that they are of, what is asked of them, and what was lost of them.
//!
//! It knows `files`, of `signals` what explains a stale pointer, and of `handles` only the span of addresses that the fault
//! handler looks through. It knows no handle, and no other mapping.

pub mod absence;
pub mod aside;
pub mod flush;
pub mod losses;
pub mod mapping;
pub mod mmap;
pub mod poison;
pub mod proc_maps;
pub mod relocate;
pub mod room;
pub mod stand_ins;
pub mod wishes;
