//! Faults.

use super::types::{RawFault, RawMapped};
use crate::capi::boundary::{Out, status};
use crate::capi::growing::SizedOut;
use crate::fault::handler;
use crate::fault::recover;
use crate::fault::recover::Mapped;
use crate::handles::table::Handle;
use crate::memory::poison;
use crate::operations::access;
use crate::registry::live;
use crate::status::{Error, Result, Status};
use std::ffi::{c_int, c_void};

/// `memmap_guard_install` makes this process survive the loss of mapped pages: a file that somebody
/// truncates, a disk that is full when a hole is first written, a device or network that fails. Without
/// it the kernel ends the process by SIGBUS when such a page is touched.
///
/// It installs a handler of SIGBUS that owns the addresses of live mappings of this library. There it
/// puts zero pages, records what was lost, and lets the program go on; every other SIGBUS goes to the
/// handler that was there before, or ends the process as ever. Nobody reads those zeros without being
/// told: every call whose range holds a lost byte answers MEMMAP_ERR_FAULT, memmap_flush and
/// memmap_unpin do so when anything was lost, and memmap_get_fault says what.
///
/// Zero pages take no memory before they are touched, also after mlockall(2). Where memory for all of them is refused
/// (vm.overcommit_memory), fewer are put there at a time; what is recorded as lost is the same.
///
/// Once a process; later calls do nothing and answer the same. The library never calls it by itself.
/// Threads that block SIGBUS are not saved (the kernel ends the process; see signal(7)).
///
/// Statuses: an errno of sigaction(2).
#[unsafe(no_mangle)]
pub extern "C" fn memmap_guard_install() -> Status {
    status(handler::install)
}

/// `memmap_get_fault` tells what of a mapping was lost since it was opened or last recovered, if
/// anything (`fault->count`). Set `fault->size` first.
///
/// Statuses: MEMMAP_ERR_INVALID when `fault->size` is that of no memmap_fault.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_get_fault(handle: Handle, fault: *mut RawFault) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { SizedOut::new(fault)? };
        let fault = recover::fault(handle)?;
        out.set(RawFault {
            size: size_of::<RawFault>() as u32,
            count: fault.count,
            causes: fault.causes.0,
            reserved: 0,
            offset: fault.offset,
            length: fault.length,
        });
        Ok(())
    })
}

/// `memmap_check` answers whether all of `len` bytes from `offset` on (MEMMAP_TO_END: all that follow)
/// are those of the file. Call it after reading or writing through a pointer from memmap_pin or
/// memmap_data; memmap_read and the other calls check by themselves.
///
/// Statuses: MEMMAP_ERR_FAULT when one of them was lost; MEMMAP_ERR_RANGE.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_check(handle: Handle, offset: u64, len: u64) -> Status {
    status(|| access::check(handle, offset, len))
}

/// `memmap_fault_counter` answers where the number of faults of the mapping stands, for bindings that
/// copy bytes by themselves: it is 0 as long as nothing was lost. Read it atomically, after the copy and before
/// giving the pin back, with a fence of acquire order between the copy and the load:
/// `atomic_thread_fence(memory_order_acquire)` in C. A load of acquire order keeps what follows behind it, and not
/// the copy before it: on aarch64 it may be done first, and tell nothing of zeros that the copy then reads.
///
/// The address is readable as long as the process lives, and speaks of this mapping until it is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_fault_counter(handle: Handle, counter: *mut *const u32) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(counter)? };
        out.set(live::pin(handle)?.slot().faults_at().cast());
        Ok(())
    })
}

/// `memmap_recover` maps the file's pages back where they were lost, and forgets what was lost and a
/// flush that failed. What others wrote to the file since is seen; what this process wrote into the
/// zero pages meanwhile is gone. The address stays, so it is possible while the mapping is pinned; but who
/// has read zeros through a pointer and not asked memmap_check yet is not told afterwards.
///
/// Statuses: MEMMAP_ERR_FAULT while the file is still shorter than the mapping needs, in which case
/// nothing has changed; MEMMAP_ERR_UNSUPPORTED without a descriptor (MEMMAP_NO_DESCRIPTOR, or none given to
/// memmap_guard_region); MEMMAP_ERR_BUSY when a call on the mapping doesn't end; EBADF when somebody closed
/// the mapping's descriptor; MEMMAP_ERR_LIMIT, also when RLIMIT_MEMLOCK or memory has no room for the pages of a
/// MEMMAP_LOCKED mapping: it stays lost then, and may be recovered later.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_recover(handle: Handle) -> Status {
    status(|| recover::recover(handle))
}

/// `memmap_guard_region` takes `len` bytes from `data` on, which somebody else has mapped, under the
/// guard: a file mapped by mmap(2), by another library or by another language. Every function of this
/// header but memmap_resize and memmap_refresh works on the handle.
///
/// `fd` names the file that is mapped there, or is -1. The descriptor stays the caller's; the guard
/// makes one of its own, with which it tells causes apart and memmap_recover works.
///
/// `*out` is a handle that must eventually be given to memmap_close, and before the memory is unmapped:
/// that ends the guarding, and leaves the mapping alone. Call memmap_guard_install first.
///
/// What the owner has advised or locked by himself is not known here, and what memmap_recover maps back is without it:
/// advice that has to hold then is given by memmap_advise, on the handle.
///
/// Statuses: MEMMAP_ERR_RANGE when nothing is mapped somewhere in the range; MEMMAP_ERR_INVALID when it is
/// not one file mapped in one way, when `fd` names another file, or for no bytes; MEMMAP_ERR_ACCESS when
/// it can't be read; MEMMAP_ERR_BUSY when a page of it is guarded already; EBADF; EACCES when `fd` was
/// opened for less than the memory is mapped for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_guard_region(
    data: *mut c_void,
    len: u64,
    fd: c_int,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::new(out)? };
        out.set(recover::guard_region(data.cast(), len, descriptor(fd)?)?);
        Ok(())
    })
}

/// `memmap_adopt` is memmap_guard_region for who has just mapped the memory by mmap(2) himself, such as
/// the mmap of another language, and says in `mapped` what mmap(2) was given and what it answered. The kernel is
/// not asked whether that is true, which makes it as cheap as memmap_from_fd; a wrong word here is as bad as a
/// wrong pointer. For memory whose history one doesn't know there is memmap_guard_region. Only for a file without a
/// descriptor, and for MAP_HUGETLB, the kernel is asked for the size of the pages. Of `flags` MAP_LOCKED counts as
/// MEMMAP_LOCKED, and what was mapped with MAP_SYNC is mapped back with it.
///
/// `fd` may be -1 for a file too, with the consequences of MEMMAP_NO_DESCRIPTOR; else the guard makes a
/// descriptor of its own. `*counter` is what memmap_fault_counter answers; NULL if it isn't wanted. `*out` is as from
/// memmap_guard_region: it must eventually be given to memmap_close, before the memory is unmapped or moved.
///
/// Statuses: MEMMAP_ERR_INVALID when `data` or `offset` isn't at the beginning of a page, when they lie at different
/// places of a huge page, for no bytes, and for
/// MAP_ANONYMOUS with a descriptor, and when `flags` have no type that mmap(2) knows (MAP_SHARED,
/// MAP_SHARED_VALIDATE, MAP_PRIVATE); MEMMAP_ERR_RANGE when the end is no address; MEMMAP_ERR_ACCESS without
/// PROT_READ; MEMMAP_ERR_NOT_REGULAR for a descriptor of what memmap_from_fd wouldn't map; EBADF; EMFILE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_adopt(
    mapped: *const RawMapped,
    fd: c_int,
    counter: *mut *const u32,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the caller's, for all three.
        let (mapped, counter, out) = unsafe {
            (
                RawMapped::take(mapped)?,
                Out::new(counter).ok(),
                Out::new(out)?,
            )
        };
        let how = Mapped {
            protection: mapped.protection,
            flags: mapped.flags,
            fd: descriptor(fd)?,
            offset: mapped.offset,
        };
        let handle = recover::adopt(mapped.data.cast(), mapped.length, how)?;
        if let Some(counter) = counter {
            counter.set(live::pin(handle)?.slot().faults_at().cast());
        }
        out.set(handle);
        Ok(())
    })
}

/// A descriptor, -1 for none.
fn descriptor(fd: c_int) -> Result<Option<c_int>> {
    match fd {
        -1 => Ok(None),
        0.. => Ok(Some(fd)),
        _ => Err(Error::System(libc::EBADF)),
    }
}

/// `memmap_poison_closed` keeps the addresses of mappings that are closed from now on reserved and
/// unreadable, up to `bytes` in all and the oldest released first, so that a stale pointer faults at
/// once (SIGSEGV) instead of reading what is mapped there next. Standard error then says which mapping
/// it was, before the process dies. It costs address space and no memory. 0 ends it.
///
/// MEMMAP_POISON=1 in the environment does the same with plenty of bytes, and a larger number with that
/// many, from the first mapping on; not in a program that has more rights than who started it (secure_getenv(3)).
///
/// The name of the file is in quotation marks, its first 96 bytes, with what isn't printable ASCII as \xNN.
///
/// Statuses: an errno of sigaction(2).
#[unsafe(no_mangle)]
pub extern "C" fn memmap_poison_closed(bytes: u64) -> Status {
    status(|| poison::keep_closed(bytes))
}
