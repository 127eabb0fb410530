//! The C ABI, by section of the header and in its order. Each export converts, calls and stores.
//!
//! The comments are the manual of a C programmer: they stand in `include/memmap.h` word for word.

mod boundary;
mod growing;
mod types;

mod about;
mod open;

mod look;

mod access;

mod durability;

mod commits;

mod size;

mod paging;

mod sharing;

mod locks;

mod atomics;

mod cells;

mod faults;

mod attempts;

mod system;
