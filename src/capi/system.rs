//! The system and this process.

use super::types::{RawStats, RawSystem};
use crate::capi::boundary::status;
use crate::capi::growing::SizedOut;
use crate::fault::handler;
use crate::handles::table::Handle;
use crate::operations::close;
use crate::os::limits::System;
use crate::registry::live;
use crate::status::Status;

/// `memmap_get_system` reports the system's limits and the memory available now. Set `system->size`
/// first. It reads files in /proc and /sys, and takes longer the more mappings the process has.
///
/// Errors: MEMMAP_ERR_INVALID if `system->size` is that of no memmap_system; an errno if /proc
/// cannot be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_get_system(system: *mut RawSystem) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { SizedOut::new(system)? };
        let now = System::now()?;
        out.set(RawSystem {
            size: size_of::<RawSystem>() as u32,
            reserved: 0,
            page_size: now.page_size,
            huge_page_size: now.huge_page_size,
            memory_available: now.memory_available,
            max_map_count: now.max_map_count,
            map_count: now.map_count,
            address_space_limit: now.address_space_limit,
            file_size_limit: now.file_size_limit,
            locked_memory_limit: now.locked_memory_limit,
        });
        Ok(())
    })
}

/// `memmap_get_stats` reports the mappings of this library in this process. Set `stats->size`
/// first.
///
/// Errors: MEMMAP_ERR_INVALID if `stats->size` is that of no memmap_stats.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_get_stats(stats: *mut RawStats) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { SizedOut::new(stats)? };
        let (mappings, bytes_mapped) = live::count();
        out.set(RawStats {
            size: size_of::<RawStats>() as u32,
            reserved: 0,
            mappings,
            bytes_mapped,
            faults_survived: handler::survived(),
            leaks: close::leaks(),
            notifier_losses: handler::notifier_losses(),
        });
        Ok(())
    })
}

/// `memmap_reap` is memmap_close for the finalizers of other languages. It counts the mapping as a
/// leak: its owner was dropped without closing it.
///
/// Errors: MEMMAP_ERR_HANDLE, in which case nothing is counted.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_reap(handle: Handle) -> Status {
    status(|| close::reap(handle))
}
