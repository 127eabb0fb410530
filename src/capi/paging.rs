//! Paging.

use super::types::{access, advice as checked_advice, prefault};
use crate::capi::boundary::{Out, buffer, status};
use crate::handles::table::Handle;
use crate::operations::paging;
use crate::status::{Error, Status};

/// `memmap_advise` tells the kernel what will be done with the pages that hold `len` bytes from `offset`
/// on (MEMMAP_TO_END: all that follow), or what to do with them. `advice` is a memmap_advice.
///
/// It is forgotten with pages that are lost (memmap_guard_install) or that memmap_recover maps back; the advice of
/// memmap_options is not. Once MEMMAP_ADVICE_DONT_DUMP, MEMMAP_ADVICE_DONT_FORK or MEMMAP_ADVICE_WIPE_ON_FORK was given
/// for any part of the mapping, all pages that take the place of others have it.
///
/// Statuses: MEMMAP_ERR_RANGE; MEMMAP_ERR_INVALID for an unknown advice; MEMMAP_ERR_UNSUPPORTED for one that
/// means nothing for this kind of memory, or that the kernel does not know; MEMMAP_ERR_ACCESS for
/// MEMMAP_ADVICE_DONT_NEED on private memory, whose bytes it would throw away.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_advise(handle: Handle, offset: u64, len: u64, advice: u32) -> Status {
    status(|| paging::advise(handle, offset, len, checked_advice(advice)?))
}

/// `memmap_prefault` brings the pages that hold a range in, and waits for it; `mode` is a
/// memmap_prefault_mode. Afterwards accesses don't wait, as long as memory isn't short.
///
/// Statuses: MEMMAP_ERR_RANGE; MEMMAP_ERR_INVALID for an unknown mode; MEMMAP_ERR_ACCESS for writing on a read-only
/// mapping; MEMMAP_ERR_LIMIT when memory has no room for so much (see MEMMAP_OVERCOMMIT); MEMMAP_ERR_FAULT
/// when a page is lost.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_prefault(handle: Handle, offset: u64, len: u64, mode: u32) -> Status {
    status(|| paging::prefault(handle, offset, len, prefault(mode)?))
}

/// `memmap_residency` tells which of the pages that hold a range are in memory: a byte a page in `pages`,
/// 1 or 0, and their number in `*resident`. `pages` has room for `pages_len` bytes; NULL with 0 asks for the
/// number only.
///
/// It is a snapshot, and of a file that this process may not write and doesn't own the kernel says that
/// every page is there (mincore(2)).
///
/// Statuses: MEMMAP_ERR_RANGE when the range lies outside, or `pages_len` is less than there are pages.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_residency(
    handle: Handle,
    offset: u64,
    len: u64,
    pages: *mut u8,
    pages_len: u64,
    resident: *mut u64,
) -> Status {
    status(|| {
        buffer(pages, pages_len)?;
        // SAFETY: the caller's.
        let out = unsafe { Out::new(resident)? };
        let wanted = !pages.is_null();
        if wanted && paging::pages(handle, offset, len)? > pages_len {
            return Err(Error::Range);
        }
        let mut told = 0;
        let tell = |run: &[u8]| {
            // The mapping may have grown since its pages were counted.
            let fits = run.len().min(pages_len as usize - told);
            for (at, page) in run[..fits].iter().enumerate() {
                // SAFETY: the caller's, up to pages_len.
                unsafe { pages.add(told + at).write(page & 1) };
            }
            told += fits;
        };
        out.set(match wanted {
            true => paging::residency(handle, offset, len, tell)?,
            false => paging::residency(handle, offset, len, |_| {})?,
        });
        Ok(())
    })
}

/// `memmap_lock_memory` keeps the pages that hold a range in memory (mlock(2)), until
/// memmap_unlock_memory or the end of the mapping. Locks don't add up, and a child of fork has none. They go with
/// pages that are lost, and do not come back by memmap_recover: lock again after it. MEMMAP_LOCKED does come back.
///
/// Statuses: MEMMAP_ERR_RANGE; MEMMAP_ERR_LIMIT when RLIMIT_MEMLOCK or memory has no room for so much.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_lock_memory(handle: Handle, offset: u64, len: u64) -> Status {
    status(|| paging::lock_memory(handle, offset, len))
}

/// `memmap_unlock_memory` lets the pages that hold a range go again.
///
/// Statuses: MEMMAP_ERR_RANGE.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_unlock_memory(handle: Handle, offset: u64, len: u64) -> Status {
    status(|| paging::unlock_memory(handle, offset, len))
}

/// `memmap_protect` takes writing away from a mapping (`allow` MEMMAP_READ_ONLY), so that a stray pointer
/// cannot change it, or gives it back (the access that it was opened with, or MEMMAP_ACCESS_DEFAULT).
/// Writing to it by a pointer is SIGSEGV meanwhile, and by a call MEMMAP_ERR_ACCESS.
///
/// Statuses: MEMMAP_ERR_ACCESS for more than the mapping was opened with; MEMMAP_ERR_BUSY while it is
/// pinned; MEMMAP_ERR_INVALID for an unknown access.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_protect(handle: Handle, allow: u32) -> Status {
    status(|| paging::protect(handle, access(allow)?))
}
