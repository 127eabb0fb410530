//! Looking at a mapping.

use super::types::{RawInfo, RawView};
use crate::capi::boundary::{Out, status, status_at_once};
use crate::capi::growing::SizedOut;
use crate::handles::table::Handle;
use crate::registry::live;
use crate::status::Status;

/// `memmap_data` answers where the mapping's bytes are and how many. The pointer is good until the
/// mapping is closed, or moved by memmap_resize or memmap_refresh; who cannot rule that out uses
/// memmap_pin. It is never NULL, also when there are no bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_data(handle: Handle, data: *mut *mut u8, len: *mut u64) -> Status {
    status(|| {
        // SAFETY: the caller's, for both.
        let (data, len) = unsafe { (Out::new(data)?, Out::new(len)?) };
        let mapping = live::pin(handle)?;
        data.set(mapping.data());
        len.set(mapping.len() as u64);
        Ok(())
    })
}

/// `memmap_len` answers how many bytes are mapped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_len(handle: Handle, len: *mut u64) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let len = unsafe { Out::new(len)? };
        len.set(live::pin(handle)?.len() as u64);
        Ok(())
    })
}

/// `memmap_get_info` tells how the mapping was opened and what it is now. Set `info->size` first.
///
/// Statuses: MEMMAP_ERR_INVALID when `info->size` is that of no memmap_info.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_get_info(handle: Handle, info: *mut RawInfo) -> Status {
    status(|| {
        // SAFETY: the caller's.
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

/// `memmap_pin` lends the mapping's bytes: `view->data` stays good until memmap_unpin, whatever other
/// threads do; a memmap_close meanwhile waits for it with the unmapping. Pins are counted, and any
/// thread may give one back.
///
/// Every successful call must be followed by one memmap_unpin, or the memory stays mapped.
///
/// Statuses: MEMMAP_ERR_LIMIT when there are half a million pins already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_pin(handle: Handle, view: *mut RawView) -> Status {
    let at_once = || {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(view) }.ok()?;
        let (data, len) = live::view_at_once(handle)?;
        out.set(RawView::new(data, len));
        Some(())
    };
    status_at_once(at_once, move || {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(view)? };
        let (data, len) = live::view(handle)?;
        out.set(RawView::new(data, len));
        Ok(())
    })
}

/// `memmap_unpin` gives one pin back, also of a handle that was closed meanwhile.
///
/// Statuses: MEMMAP_ERR_FAULT when anything of the mapping was lost: the pin is given back, and some of
/// what was read through it may have been zeros (see memmap_check). MEMMAP_ERR_INVALID when the handle is
/// open and nothing is pinned; MEMMAP_ERR_HANDLE when it is closed and nothing is.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_unpin(handle: Handle) -> Status {
    status_at_once(
        || live::unview_at_once(handle).then_some(()),
        move || live::unview(handle),
    )
}
