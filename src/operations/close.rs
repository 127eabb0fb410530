//! Closing: a handle ends, and with it what it has locked.

use crate::handles::table::Handle;
use crate::locks::queue;
use crate::operations::commits;
use crate::registry::live;
use crate::status::Result;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes the handle invalid at once; the memory is unmapped when the last pin of it goes.
pub fn close(handle: Handle) -> Result<()> {
    commits::finish(handle);
    live::invalidate(handle)?;
    queue::forget(handle);
    Ok(())
}

/// Mappings whose owner was dropped without closing them.
static LEAKS: AtomicU64 = AtomicU64::new(0);

/// Closes a mapping that nobody has closed, and counts that.
pub fn reap(handle: Handle) -> Result<()> {
    close(handle)?;
    // Relaxed, here and below: a number.
    LEAKS.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// How many mappings were reaped.
pub fn leaks() -> u64 {
    LEAKS.load(Ordering::Relaxed)
}
