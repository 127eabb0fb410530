//! What is asked of the system, and what it says: its limits, the environment, advice about pages.
//!
//! It knows statuses, and nothing of mappings. It is where what differs between systems comes to live.

pub mod advice;
pub mod barrier;
pub mod environment;
pub mod errno;
pub mod limits;
pub mod page_size;
pub mod pagemap;
pub mod watch;
