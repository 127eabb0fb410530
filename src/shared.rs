//! Sharing memory with other processes: its descriptor.

use crate::handles::pin;
use crate::status::Result;
use crate::table::Handle;
use std::os::fd::OwnedFd;

/// A descriptor of the mapping's file for the caller to keep.
pub fn descriptor(handle: Handle) -> Result<OwnedFd> {
    pin(handle)?.file()?.duplicate()
}
