//! The types and constants of the header.

use crate::capi::growing::{self, Growing};
use crate::locks::ofd::Lock;
use crate::memory::flush::Flush;
use crate::operations::paging::Prefault;
use crate::options::{Access, Flags, Options};
use crate::os::advice::Advice;
use crate::status::{Error, Result};
use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::time::Duration;

/// Decides what becomes of a loss, for memmap_guard_hook: it gets the address that was touched, and the ucontext_t
/// of the code that did.
pub type FaultHook =
    Option<unsafe extern "C" fn(address: *const c_void, context: *mut c_void) -> c_int>;

/// What a mapping allows, for memmap_options.access.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(clippy::enum_variant_names, reason = "the names of the header")]
pub enum RawAccess {
    /// The least that the call needs: read-only for memmap_open and memmap_from_fd, read-write for
    /// memmap_create and memmap_anonymous.
    MemmapAccessDefault = 0,
    /// Reading.
    MemmapReadOnly = 1,
    /// Reading and writing. Writes reach the file and every other mapping of it.
    MemmapReadWrite = 2,
    /// Reading and writing. Writes stay in this mapping and never reach the file.
    MemmapCopyOnWrite = 3,
}

/// How memmap_flush works.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(clippy::enum_variant_names, reason = "the names of the header")]
pub enum RawFlush {
    /// When the call returns 0, the bytes and the file size that they need are on the device.
    MemmapFlushSync = 0,
    /// Write-back is scheduled, and the call does not wait for it. Linux writes back by itself
    /// anyway.
    MemmapFlushAsync = 1,
    /// Other mappings of the file see the newest bytes. On Linux they always do.
    MemmapFlushInvalidate = 2,
}

/// How a program will use pages, or what the kernel should do with them, for memmap_advise and
/// memmap_options.advice (madvise(2)).
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(clippy::enum_variant_names, reason = "the names of the header")]
pub enum RawAdvice {
    /// No particular use.
    MemmapAdviceNormal = 0,
    /// The pages are read in order: the kernel reads far ahead and discards what was read.
    MemmapAdviceSequential = 1,
    /// The pages are read in no order: the kernel reads nothing ahead. Small random reads of a file
    /// that is not in memory become many times as fast.
    MemmapAdviceRandom = 2,
    /// The pages are needed soon: the kernel begins to read them, and the call does not wait.
    MemmapAdviceWillNeed = 3,
    /// The pages are not needed soon: the mapping releases them. The bytes stay in the file. On
    /// private memory (anonymous, copy-on-write) the kernel would discard them, so there the call
    /// fails with MEMMAP_ERR_ACCESS.
    MemmapAdviceDontNeed = 4,
    /// Use huge pages for this range.
    MemmapAdviceHugePage = 5,
    /// Use no huge pages for this range.
    MemmapAdviceNoHugePage = 6,
    /// The pages are the first to be reclaimed when memory is short.
    MemmapAdviceCold = 7,
    /// The pages are reclaimed now: from this mapping, and from the page cache unless they are
    /// mapped elsewhere or not yet written back (flush first).
    MemmapAdvicePageOut = 8,
    /// A child of fork does not get the pages. In the child, touching them through a pointer raises
    /// SIGSEGV, or reaches what is mapped there by then. Calls on the mapping fail there with
    /// MEMMAP_ERR_FAULT for a range that may be missing, and with MEMMAP_ERR_UNSUPPORTED if they
    /// would change what is at its addresses. The guard ignores these addresses, and memmap_close
    /// unmaps nothing. The library knows only of this advice, not of a madvise(2) by the program.
    MemmapAdviceDontFork = 9,
    /// A child of fork gets zeros instead; for anonymous memory only.
    MemmapAdviceWipeOnFork = 10,
    /// A core dump does not contain the pages.
    MemmapAdviceDontDump = 11,
}

/// The access that memmap_prefault prepares.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(clippy::enum_variant_names, reason = "the names of the header")]
pub enum RawPrefault {
    /// Reading the pages does not wait afterwards.
    MemmapPrefaultRead = 0,
    /// Writing the pages does not wait afterwards either: they get blocks, and count as changed.
    MemmapPrefaultWrite = 1,
}

/// Whether memmap_lock admits other holders of the range.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(clippy::enum_variant_names, reason = "the names of the header")]
pub enum RawLock {
    /// Other shared locks are admitted: for readers.
    MemmapLockShared = 0,
    /// No other lock is admitted: for a writer.
    MemmapLockExclusive = 1,
}

/// How to open or create a mapping. Every member but `size` may be zero, which is its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawOptions {
    /// sizeof(memmap_options), so that the struct can grow.
    pub size: u32,
    /// A memmap_access.
    pub access: u32,
    /// MEMMAP_EXCLUSIVE and the other flags, or'ed. A flag that does not apply to the call is
    /// MEMMAP_ERR_INVALID.
    pub flags: u32,
    /// Permission bits of the file that memmap_create makes (at most 0777); 0 is 0600. The umask
    /// applies.
    pub mode: u32,
    /// Where in the file the mapping begins, in bytes. It needs no alignment.
    pub offset: u64,
    /// The number of bytes to map; 0 maps up to the end of the file.
    pub length: u64,
    /// Bytes of address space to reserve, so that the mapping grows up to there without moving. A
    /// value below the length counts as the length.
    pub capacity: u64,
    /// A memmap_advice for the whole mapping.
    pub advice: u32,
    /// 0.
    pub reserved: u32,
}

/// The arguments and the result of an mmap(2) call, for memmap_adopt.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawMapped {
    /// sizeof(memmap_mapped), so that the struct can grow.
    pub size: u32,
    /// PROT_READ and others.
    pub protection: i32,
    /// The first byte: what mmap(2) returned.
    pub data: *mut c_void,
    /// The number of bytes.
    pub length: u64,
    /// Where in the file they begin.
    pub offset: u64,
    /// MAP_SHARED and others.
    pub flags: i32,
    /// 0.
    pub reserved: i32,
}

/// What memmap_get_info reports.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawInfo {
    /// sizeof(memmap_info), set by the caller.
    pub size: u32,
    /// What the mapping allows; never MEMMAP_ACCESS_DEFAULT.
    pub access: RawAccess,
    /// The flags that it was opened with.
    pub flags: u32,
    /// The number of pins that memmap_pin has made and memmap_unpin has not returned.
    pub pins: u32,
    /// Where in the file the mapping begins, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// The length, in bytes, up to which the mapping grows without moving: a multiple of the page
    /// size, less the part of a page that `offset` skips.
    pub capacity: u64,
}

/// The bytes of a pinned mapping. This struct never grows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawView {
    /// The first byte. Never NULL, also if `len` is 0.
    pub data: *mut u8,
    /// The number of bytes.
    pub len: u64,
}

/// A range of a mapping, for memmap_changes. This struct never grows.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct RawRange {
    /// Where it begins, in bytes from the beginning of the mapping.
    pub offset: u64,
    /// The number of bytes.
    pub length: u64,
}

/// What memmap_get_fault reports.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawFault {
    /// sizeof(memmap_fault), set by the caller.
    pub size: u32,
    /// The number of faults; 0 if nothing was lost.
    pub count: u32,
    /// The causes: MEMMAP_FAULT_TRUNCATED and the others, or'ed.
    pub causes: u32,
    /// 0.
    pub reserved: u32,
    /// The offset of the first byte that was lost, from the beginning of the mapping.
    pub offset: u64,
    /// The number of bytes from there to the last byte that was lost, inclusive. Bytes in between
    /// may be intact: see memmap_check.
    pub length: u64,
}

/// What memmap_get_system reports. UINT64_MAX means no limit.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawSystem {
    /// sizeof(memmap_system), set by the caller.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The unit in which memory is mapped, in bytes.
    pub page_size: u64,
    /// The size of a huge page in bytes; 0 if there are none.
    pub huge_page_size: u64,
    /// Bytes of memory available without swapping: the smaller of what the system has available and
    /// what the control groups of this process have left.
    pub memory_available: u64,
    /// The number of memory areas that a process may have (vm.max_map_count).
    pub max_map_count: u64,
    /// The number of memory areas of this process.
    pub map_count: u64,
    /// RLIMIT_AS: bytes of address space.
    pub address_space_limit: u64,
    /// RLIMIT_FSIZE: bytes of a file.
    pub file_size_limit: u64,
    /// RLIMIT_MEMLOCK: bytes of locked memory.
    pub locked_memory_limit: u64,
}

/// What memmap_get_stats reports of this process, since it began.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawStats {
    /// sizeof(memmap_stats), set by the caller.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Mappings that are open, or closed and still pinned.
    pub mappings: u64,
    /// Bytes of their pages.
    pub bytes_mapped: u64,
    /// Faults that the guard has survived.
    pub faults_survived: u64,
    /// Mappings whose owner was dropped without closing them; see memmap_reap.
    pub leaks: u64,
    /// Losses that the thread has met that called memmap_guard_notify last. A loss is counted before the
    /// function is called for it.
    pub notifier_losses: u64,
}

impl RawView {
    /// The view of so many bytes.
    #[inline]
    pub fn new(data: *mut u8, len: usize) -> RawView {
        RawView {
            data,
            len: len as u64,
        }
    }
}

impl RawOptions {
    /// What C hands in, as the core takes it; NULL is the defaults.
    ///
    /// # Safety
    ///
    /// `raw` is NULL or points to a struct that is as long as its first member says.
    pub unsafe fn take(raw: *const RawOptions) -> Result<Options> {
        if raw.is_null() {
            return Ok(Options::default());
        }
        // SAFETY: `raw` points to as many bytes as its first member says, and any bytes are valid numbers.
        let raw = unsafe { growing::take(raw)? };
        if raw.reserved != 0 {
            return Err(Error::Invalid);
        }
        Ok(Options {
            access: access(raw.access)?,
            flags: Flags(raw.flags),
            mode: raw.mode,
            offset: raw.offset,
            length: raw.length,
            capacity: raw.capacity,
            advice: advice(raw.advice)?,
        })
    }
}

impl RawMapped {
    /// What C hands in.
    ///
    /// # Safety
    ///
    /// `raw` is NULL or points to a struct that is as long as its first member says.
    pub unsafe fn take(raw: *const RawMapped) -> Result<RawMapped> {
        if raw.is_null() {
            return Err(Error::Invalid);
        }
        // SAFETY: `raw` points to as many bytes as its first member says, and any bytes are valid numbers.
        let mapped = unsafe { growing::take(raw)? };
        match mapped.reserved {
            0 => Ok(mapped),
            _ => Err(Error::Invalid),
        }
    }
}

// SAFETY: it begins with its size.
unsafe impl Growing for RawMapped {
    // 40, and less where an address is shorter.
    const FIRST: usize = offset_of!(RawMapped, reserved) + size_of::<i32>();
}

// SAFETY: it begins with its size.
unsafe impl Growing for RawOptions {
    const FIRST: usize = 40; // Up to and with its capacity.
}

// SAFETY: it begins with its size.
unsafe impl Growing for RawInfo {
    const FIRST: usize = 40;
}

// SAFETY: it begins with its size.
unsafe impl Growing for RawFault {
    const FIRST: usize = 32;
}

// SAFETY: it begins with its size.
unsafe impl Growing for RawSystem {
    const FIRST: usize = 72;
}

// SAFETY: it begins with its size.
unsafe impl Growing for RawStats {
    const FIRST: usize = 40;
}

/// An access, checked.
pub fn access(raw: u32) -> Result<Access> {
    const DEFAULT: u32 = RawAccess::MemmapAccessDefault as u32;
    const READ_ONLY: u32 = RawAccess::MemmapReadOnly as u32;
    const READ_WRITE: u32 = RawAccess::MemmapReadWrite as u32;
    const COPY_ON_WRITE: u32 = RawAccess::MemmapCopyOnWrite as u32;
    match raw {
        DEFAULT => Ok(Access::Default),
        READ_ONLY => Ok(Access::ReadOnly),
        READ_WRITE => Ok(Access::ReadWrite),
        COPY_ON_WRITE => Ok(Access::CopyOnWrite),
        _ => Err(Error::Invalid),
    }
}

/// An advice, checked.
pub fn advice(raw: u32) -> Result<Advice> {
    const ALL: [(RawAdvice, Advice); 12] = [
        (RawAdvice::MemmapAdviceNormal, Advice::Normal),
        (RawAdvice::MemmapAdviceSequential, Advice::Sequential),
        (RawAdvice::MemmapAdviceRandom, Advice::Random),
        (RawAdvice::MemmapAdviceWillNeed, Advice::WillNeed),
        (RawAdvice::MemmapAdviceDontNeed, Advice::DontNeed),
        (RawAdvice::MemmapAdviceHugePage, Advice::HugePage),
        (RawAdvice::MemmapAdviceNoHugePage, Advice::NoHugePage),
        (RawAdvice::MemmapAdviceCold, Advice::Cold),
        (RawAdvice::MemmapAdvicePageOut, Advice::PageOut),
        (RawAdvice::MemmapAdviceDontFork, Advice::DontFork),
        (RawAdvice::MemmapAdviceWipeOnFork, Advice::WipeOnFork),
        (RawAdvice::MemmapAdviceDontDump, Advice::DontDump),
    ];
    ALL.iter()
        .find(|(named, _)| *named as u32 == raw)
        .map(|(_, advice)| *advice)
        .ok_or(Error::Invalid)
}

/// What to prefault for, checked.
pub fn prefault(raw: u32) -> Result<Prefault> {
    const READ: u32 = RawPrefault::MemmapPrefaultRead as u32;
    const WRITE: u32 = RawPrefault::MemmapPrefaultWrite as u32;
    match raw {
        READ => Ok(Prefault::Read),
        WRITE => Ok(Prefault::Write),
        _ => Err(Error::Invalid),
    }
}

/// A lock mode, checked.
pub fn lock(raw: u32) -> Result<Lock> {
    const SHARED: u32 = RawLock::MemmapLockShared as u32;
    const EXCLUSIVE: u32 = RawLock::MemmapLockExclusive as u32;
    match raw {
        SHARED => Ok(Lock::Shared),
        EXCLUSIVE => Ok(Lock::Exclusive),
        _ => Err(Error::Invalid),
    }
}

/// A time to wait in milliseconds, checked; -1 is for ever, None.
pub fn timeout(milliseconds: i64) -> Result<Option<Duration>> {
    match u64::try_from(milliseconds) {
        Ok(milliseconds) => Ok(Some(Duration::from_millis(milliseconds))),
        Err(_) if milliseconds == -1 => Ok(None),
        Err(_) => Err(Error::Invalid),
    }
}

/// A flush mode, checked.
pub fn flush(raw: u32) -> Result<Flush> {
    const SYNC: u32 = RawFlush::MemmapFlushSync as u32;
    const ASYNC: u32 = RawFlush::MemmapFlushAsync as u32;
    const INVALIDATE: u32 = RawFlush::MemmapFlushInvalidate as u32;
    match raw {
        SYNC => Ok(Flush::Sync),
        ASYNC => Ok(Flush::Async),
        INVALIDATE => Ok(Flush::Invalidate),
        _ => Err(Error::Invalid),
    }
}

impl From<Access> for RawAccess {
    fn from(access: Access) -> RawAccess {
        match access {
            Access::Default => RawAccess::MemmapAccessDefault,
            Access::ReadOnly => RawAccess::MemmapReadOnly,
            Access::ReadWrite => RawAccess::MemmapReadWrite,
            Access::CopyOnWrite => RawAccess::MemmapCopyOnWrite,
        }
    }
}
