//! Paging.

use super::types::{access, advice as checked_advice, prefault};
use crate::capi::boundary::{Out, buffer, status};
use crate::handles::table::Handle;
use crate::operations::paging;
use crate::status::{Error, Status};

/// `memmap_advise` tells the kernel how the pages that hold `len` bytes from `offset` on
/// (MEMMAP_TO_END: all that follow) will be used, or what to do with them. `advice` is a
/// memmap_advice.
///
/// Advice given by this call does not apply to pages that replace lost ones (see
/// memmap_guard_install), nor to pages that memmap_recover maps back; the advice of memmap_options
/// does. MEMMAP_ADVICE_DONT_DUMP, MEMMAP_ADVICE_DONT_FORK and MEMMAP_ADVICE_WIPE_ON_FORK, once
/// given for any part of the mapping, apply to every page that replaces another.
///
/// Errors: MEMMAP_ERR_RANGE; MEMMAP_ERR_INVALID for an unknown advice; MEMMAP_ERR_UNSUPPORTED for
/// an advice that has no meaning for this kind of memory, or that the kernel does not know;
/// MEMMAP_ERR_ACCESS for MEMMAP_ADVICE_DONT_NEED on private memory, whose bytes it would discard.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_advise(handle: Handle, offset: u64, len: u64, advice: u32) -> Status {
    status(|| paging::advise(handle, offset, len, checked_advice(advice)?))
}

/// `memmap_prefault` brings the pages that hold a range into memory and waits for them. `mode` is a
/// memmap_prefault_mode. Afterwards accesses to them do not wait, as long as memory is not short.
///
/// Errors: MEMMAP_ERR_RANGE; MEMMAP_ERR_INVALID for an unknown mode; MEMMAP_ERR_ACCESS for writing
/// on a read-only mapping; MEMMAP_ERR_LIMIT if memory has no room for them (see MEMMAP_OVERCOMMIT);
/// MEMMAP_ERR_FAULT if a page is lost.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_prefault(handle: Handle, offset: u64, len: u64, mode: u32) -> Status {
    status(|| paging::prefault(handle, offset, len, prefault(mode)?))
}

/// `memmap_residency` reports which of the pages that hold a range are in memory. It stores one
/// byte for each page in `pages`, 1 or 0, and the number of pages in memory in `*resident`. `pages`
/// has room for `pages_len` bytes; NULL with 0 asks for the number only.
///
/// The result is a snapshot. For a file that this process neither owns nor may write, the kernel
/// reports every page as resident (mincore(2)).
///
/// Errors: MEMMAP_ERR_RANGE if the range lies outside the mapping, or `pages_len` is less than the
/// number of pages.
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
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
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
                // SAFETY: the header requires room for `pages_len` bytes, and `fits` stays below it.
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
/// memmap_unlock_memory or the end of the mapping. Locks do not nest, and a child of fork has none.
/// Pages that are lost lose their lock, and memmap_recover does not restore it: lock again
/// afterwards. The lock of MEMMAP_LOCKED is restored.
///
/// Errors: MEMMAP_ERR_RANGE; MEMMAP_ERR_LIMIT if RLIMIT_MEMLOCK or memory has no room for them;
/// MEMMAP_ERR_UNSUPPORTED with MEMMAP_ATOMIC.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_lock_memory(handle: Handle, offset: u64, len: u64) -> Status {
    status(|| paging::lock_memory(handle, offset, len))
}

/// `memmap_unlock_memory` unlocks the pages that hold a range.
///
/// Errors: MEMMAP_ERR_RANGE.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_unlock_memory(handle: Handle, offset: u64, len: u64) -> Status {
    status(|| paging::unlock_memory(handle, offset, len))
}

/// `memmap_protect` removes write access from a mapping (`allow` is MEMMAP_READ_ONLY), so that a
/// stray pointer cannot change it, or restores it (`allow` is the access that the mapping was
/// opened with, or MEMMAP_ACCESS_DEFAULT). While it is removed, a store through a pointer raises
/// SIGSEGV, and a call that writes fails with MEMMAP_ERR_ACCESS.
///
/// Errors: MEMMAP_ERR_ACCESS for more than the mapping was opened with; MEMMAP_ERR_BUSY while the
/// mapping is pinned; MEMMAP_ERR_INVALID for an unknown access.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_protect(handle: Handle, allow: u32) -> Status {
    status(|| paging::protect(handle, access(allow)?))
}
