//! What is asked of the system, and what it says: its limits, the environment, advice about pages.
//!
//! It knows statuses and ranges, and nothing of mappings.

pub mod advice;
pub mod environment;
pub mod limits;
