//! What processes share through a mapping: memory by name or descriptor, numbers, cells, and waiting for each other.
//!
//! It knows `operations`, and nothing of other folders that know them.

pub mod atomic;
pub mod cell;
pub mod futex;
pub mod seals;
pub mod seqlock;
pub mod shm;
