//! Faults.

use super::types::{FaultHook, RawFault, RawMapped};
use crate::capi::boundary::{Out, status};
use crate::capi::growing::SizedOut;
use crate::fault::foreign::{self, Mapped};
use crate::fault::handler;
use crate::fault::hooks;
use crate::fault::recover;
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
/// maps zero pages, records what was lost, and lets the program go on; every other SIGBUS goes to the
/// handler that was there before, or ends the process as before. Nobody reads those zeros without an
/// error: every call whose range holds a lost byte fails with MEMMAP_ERR_FAULT, memmap_flush and
/// memmap_unpin do so if anything was lost, and memmap_get_fault reports what.
///
/// Zero pages take no memory before they are touched, also after mlockall(2). Where memory for all of
/// them is refused (vm.overcommit_memory), fewer are mapped at a time; what is recorded as lost is the
/// same.
///
/// The library never calls it by itself. A later call does nothing while SIGBUS goes to the guard first
/// (memmap_guard_active). If another handler was installed since, the call puts the guard in front of
/// it. That handler then gets what is not the guard's. Each handler behind the guard runs at most once
/// for one fault, also if it calls the guard, or restores the guard as the action of SIGBUS and returns.
/// Threads that block SIGBUS are not saved (the kernel ends the process; see signal(7)).
///
/// Errors: an errno of sigaction(2); MEMMAP_ERR_LIMIT if the guard was put in front of others 63 times
/// since it was installed.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_guard_install() -> Status {
    status(handler::install)
}

/// `memmap_guard_active` returns 1 if the action of SIGBUS is the guard's handler, else 0: the guard was
/// not installed, or another handler was installed since. That handler may pass on to the guard what it
/// does not know, which this function cannot see; memmap_guard_install puts the guard in front of it.
/// Of two copies of the library in a process, each reports its own guard.
///
/// A signal handler may call it.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_guard_active() -> c_int {
    c_int::from(handler::is_active().unwrap_or(false))
}

/// `memmap_guard_hook` adds a function that decides what is done about a loss. It is meant for the runtime
/// of a language that can raise an error at the instruction that met the loss. The guard's handler calls
/// the hook for each fault in a guarded mapping that is a loss, before it maps zero pages or leaves a
/// function (memmap_try), with the address that was touched and the ucontext_t of the code that touched
/// it. It does not call the hook for a fault inside a call of this library: that call fails with
/// MEMMAP_ERR_FAULT.
///
/// The hook returns MEMMAP_FAULT_STAND_IN to get zero pages. It returns MEMMAP_FAULT_PASS_ON to have the
/// loss recorded, no page mapped, and the signal passed on to the handler that was there before the
/// guard, which leaves the interrupted code or ends the process. It returns MEMMAP_FAULT_RESUME after it
/// has changed the ucontext_t, so that the thread goes on elsewhere than at the instruction that met the
/// loss: the loss is recorded and no page mapped. The hook runs in the signal handler, with all signals
/// blocked, and may call what is async-signal-safe (signal-safety(7)).
///
/// There are at most eight hooks. They are called in the order in which they were added, until one
/// returns anything else than MEMMAP_FAULT_STAND_IN. A hook that is there already is not added again, and none can be removed.
///
/// Errors: MEMMAP_ERR_INVALID if `hook` is NULL; MEMMAP_ERR_LIMIT if there are eight others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_guard_hook(hook: FaultHook) -> Status {
    status(|| hooks::add(hook.ok_or(Error::Invalid)?))
}

/// `memmap_guard_notify` has the guard's handler call `notify(argument)` twice for each loss: when it has
/// recorded the loss and before any thread can read a zero page in its place, and when the zero pages are
/// there. The result of `notify` is ignored. There is one such function a process: a later call replaces
/// it, and NULL removes it. It runs in the signal handler, may call what is async-signal-safe, and must
/// not touch guarded memory. PyErr_SetInterruptEx of Python has this type.
///
/// Errors: none of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_guard_notify(
    notify: Option<unsafe extern "C" fn(c_int) -> c_int>,
    argument: c_int,
) -> Status {
    status(|| {
        hooks::set_notify(notify, argument);
        Ok(())
    })
}

/// `memmap_get_fault` reports what of a mapping was lost since it was opened or last recovered.
/// `fault->count` is 0 if nothing was. Set `fault->size` first.
///
/// Errors: MEMMAP_ERR_INVALID if `fault->size` is that of no memmap_fault.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_get_fault(handle: Handle, fault: *mut RawFault) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
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

/// `memmap_check` returns 0 if all of `len` bytes from `offset` on (MEMMAP_TO_END: all that follow)
/// are those of the file. Call it after reading or writing through a pointer from memmap_pin or
/// memmap_data; memmap_read and the other calls check by themselves.
///
/// Errors: MEMMAP_ERR_FAULT if one of the bytes was lost; MEMMAP_ERR_RANGE.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_check(handle: Handle, offset: u64, len: u64) -> Status {
    status(|| access::check(handle, offset, len))
}

/// `memmap_fault_counter` stores the address of the mapping's fault counter in `*counter`, for
/// bindings that copy bytes by themselves. The counter is 0 as long as nothing was lost. Read it
/// atomically, after the copy and before the pin is returned, with an acquire fence between the
/// copy and the load: `atomic_thread_fence(memory_order_acquire)` in C. A load with acquire order
/// is not enough: it orders what follows it, and on aarch64 the load could be done before the copy,
/// and miss a loss that the copy then meets.
///
/// The address is readable as long as the process lives. It is the counter of this mapping until
/// the mapping is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_fault_counter(handle: Handle, counter: *mut *const u32) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(counter)? };
        out.set(live::pin(handle)?.slot().faults_at().cast());
        Ok(())
    })
}

/// `memmap_recover` maps the file's pages back where they were lost, and forgets the losses and a
/// flush that failed. Bytes that others wrote to the file since are visible afterwards; bytes that
/// this process wrote into the zero pages are discarded. The address does not change, so the
/// mapping may be pinned. A thread that has read zeros through a pointer and has not yet called
/// memmap_check gets no report of it afterwards.
///
/// Errors: MEMMAP_ERR_FAULT while the file is shorter than the mapping needs, in which case nothing
/// has changed; MEMMAP_ERR_UNSUPPORTED without a descriptor (MEMMAP_NO_DESCRIPTOR, or none passed
/// to memmap_guard_region); MEMMAP_ERR_BUSY if a call on the mapping does not end; EBADF if the
/// mapping's descriptor was closed by other code; MEMMAP_ERR_LIMIT, also if RLIMIT_MEMLOCK or
/// memory has no room for the pages of a MEMMAP_LOCKED mapping: the losses remain then, and may be
/// recovered later.
#[unsafe(no_mangle)]
pub extern "C" fn memmap_recover(handle: Handle) -> Status {
    status(|| recover::recover(handle))
}

/// `memmap_guard_region` puts `len` bytes from `data` on under the guard. The memory is a file that
/// was mapped by mmap(2), by another library or by another language. Every function of this header
/// except memmap_resize and memmap_refresh works on the handle.
///
/// `fd` is a descriptor of the file, or -1. The descriptor remains the caller's; the guard makes
/// one of its own, which it needs to tell causes apart and for memmap_recover.
///
/// `*out` is a handle that must eventually be passed to memmap_close, before the memory is
/// unmapped: that ends the guarding and leaves the mapping alone. Call memmap_guard_install first.
///
/// The library does not know what the owner has advised or locked by other means, and
/// memmap_recover maps pages back without it. Give advice that has to last by memmap_advise, on the
/// handle.
///
/// Errors: MEMMAP_ERR_RANGE if a part of the range is not mapped; MEMMAP_ERR_INVALID if the range
/// is not one file mapped in one way, if `fd` is another file, or for a length of 0;
/// MEMMAP_ERR_ACCESS if the memory cannot be read; MEMMAP_ERR_BUSY if a page of it is guarded
/// already; EBADF; EACCES if `fd` was opened for less than the memory is mapped for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_guard_region(
    data: *mut c_void,
    len: u64,
    fd: c_int,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointer to be NULL or valid for its type or length.
        let out = unsafe { Out::new(out)? };
        out.set(foreign::guard_region(data.cast(), len, descriptor(fd)?)?);
        Ok(())
    })
}

/// `memmap_adopt` is memmap_guard_region for a caller that has just mapped the memory by mmap(2),
/// such as the mmap of another language. `*mapped` holds the arguments of mmap(2) and its result.
/// The call does not ask the kernel whether they are true, so it costs as little as memmap_from_fd,
/// and a wrong value is as harmful as a wrong pointer. For memory of unknown origin use
/// memmap_guard_region. The kernel is asked for the page size only for a file without a descriptor
/// and for MAP_HUGETLB. Of `flags`, MAP_LOCKED counts as MEMMAP_LOCKED, and pages that were mapped
/// with MAP_SYNC are mapped back with it.
///
/// `fd` may be -1 for a file too, as with MEMMAP_NO_DESCRIPTOR; otherwise the guard makes a
/// descriptor of its own. `*counter` is set as by memmap_fault_counter; `counter` may be NULL.
/// `*out` is a handle that must eventually be passed to memmap_close, before the memory is unmapped
/// or moved.
///
/// Errors: MEMMAP_ERR_INVALID if `data` or `offset` is not the beginning of a page, if they lie at
/// different places of a huge page, for a length of 0, for MAP_ANONYMOUS with a descriptor, and if
/// `flags` have no type that mmap(2) knows (MAP_SHARED, MAP_SHARED_VALIDATE, MAP_PRIVATE);
/// MEMMAP_ERR_RANGE if the end is no address; MEMMAP_ERR_ACCESS without PROT_READ;
/// MEMMAP_ERR_NOT_REGULAR for a descriptor that memmap_from_fd would not map; EBADF; EMFILE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmap_adopt(
    mapped: *const RawMapped,
    fd: c_int,
    counter: *mut *const u32,
    out: *mut Handle,
) -> Status {
    status(|| {
        // SAFETY: the header requires the pointers to be NULL or valid for their types.
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
        let handle = foreign::adopt(mapped.data.cast(), mapped.length, how)?;
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
/// unreadable, up to `bytes` in all; the oldest are released first. A stale pointer then faults at
/// once (SIGSEGV) instead of reading what is mapped there next, and a message on standard error
/// names the mapping before the process dies. It costs address space and no memory. 0 ends it.
///
/// MEMMAP_POISON=1 in the environment does the same from the first mapping on, with many bytes; a
/// larger number is the number of bytes. It is ignored in a program that has more rights than the
/// user who started it (secure_getenv(3)).
///
/// The message contains the first 96 bytes of the file's name in quotation marks, with bytes that
/// are not printable ASCII as \xNN.
///
/// Errors: an errno of sigaction(2).
#[unsafe(no_mangle)]
pub extern "C" fn memmap_poison_closed(bytes: u64) -> Status {
    status(|| poison::keep_closed(bytes))
}
