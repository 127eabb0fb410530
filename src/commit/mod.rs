//! Commits: the log beside a file that is opened with `MEMMAP_ATOMIC`, and what makes the file whole from it.
//!
//! It knows `files` and what is below, and nothing of mappings: whose bytes a record is of, and which of them were
//! changed, is for [`commits`](crate::operations::commits) to find out.

pub mod changes;
pub mod crc;
pub mod device;
pub mod header;
pub mod log;
pub mod record;
pub mod replay;
pub mod writer;
