//! Looking at a mapping.

use super::types::{RawInfo, RawView};
use crate::capi::boundary::{Out, status, status_at_once};
use crate::capi::growing::SizedOut;
use crate::handles::table::Handle;
use crate::registry::live;
use crate::status::Status;

/// `memmap_data` stores the address of the mapping's first byte in `*data` and its length in
/// `*len`. The pointer is valid until the mapping is closed, or moved by memmap_resize or
/// memmap_refresh; use memmap_pin if another thread might do that. The pointer is never NULL, also
/// if the length is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_data(handle: Handle, data: *mut *mut u8, len: *mut u64) -> Status {
    status(|| {
        // SAFETY: the header requires the pointers to be NULL or valid for their types.
        let (data, len) = unsafe { (Out::new(data)?, Out::new(len)?) };
        let mapping = live::pin(handle)?;
        data.set(mapping.data());
        len.set(mapping.len() as u64);
        Ok(())
    })
}

/// `memmap_len` stores the length of the mapping, in bytes, in `*len`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_len(handle: Handle, len: *mut u64) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let len = unsafe { Out::new(len)? };
        len.set(live::pin(handle)?.len() as u64);
        Ok(())
    })
}

/// `memmap_get_info` reports how the mapping was opened and its present state. Set `info->size`
/// first.
///
/// Errors: MEMMAP_ERR_INVALID if `info->size` is that of no memmap_info.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_get_info(handle: Handle, info: *mut RawInfo) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { SizedOut::new(info)? };
        let mapping = live::pin(handle)?;
        out.set(RawInfo {
            size: size_of::<RawInfo>() as u32,
            access: mapping.access.into(),
            flags: mapping.flags.0,
            pins: mapping.slot().views(),
            offset: mapping.offset,
            length: mapping.len() as u64,
            capacity: mapping.capacity() as u64,
        });
        Ok(())
    })
}

/// `memmap_pin` pins the mapping and stores its bytes in `*view`. `view->data` is valid until
/// memmap_unpin, whatever other threads do: a memmap_close in between makes the handle invalid and
/// leaves the unmapping to the last memmap_unpin. Pins are counted, and any thread may return one.
///
/// Each successful call must be followed by one memmap_unpin; otherwise the memory stays mapped.
///
/// Errors: MEMMAP_ERR_LIMIT if the mapping has half a million pins already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_pin(handle: Handle, view: *mut RawView) -> Status {
    let at_once = || {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(view) }.ok()?;
        let (data, len) = live::view_at_once(handle)?;
        out.set(RawView::new(data, len));
        Some(())
    };
    status_at_once(at_once, move || {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(view)? };
        let (data, len) = live::view(handle)?;
        out.set(RawView::new(data, len));
        Ok(())
    })
}

/// `memmap_unpin` returns one pin, also of a handle that was closed in the meantime.
///
/// Errors: MEMMAP_ERR_FAULT if anything of the mapping was lost: the pin is returned, and some of
/// what was read through it may have been zeros (see memmap_check); MEMMAP_ERR_INVALID if the
/// handle is open and has no pin; MEMMAP_ERR_HANDLE if it is closed and has none.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_unpin(handle: Handle) -> Status {
    status_at_once(
        || live::unview_at_once(handle).then_some(()),
        move || live::unview(handle),
    )
}
