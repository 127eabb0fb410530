//! The types and constants of the header.

use crate::capi::growing::{self, Growing};
use crate::locks::ofd::Lock;
use crate::memory::mapping::Flush;
use crate::operations::paging::Prefault;
use crate::options::{Access, Flags, Options};
use crate::os::advice::Advice;
use crate::status::{Error, Result};
use std::ffi::c_void;
use std::mem::offset_of;
use std::time::Duration;

/// What a mapping allows, for memmap_options.access.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(clippy::enum_variant_names, reason = "the names of the header")]
pub enum RawAccess {
    /// The least that the call is for: read-only for memmap_open and memmap_from_fd, read-write for
    /// memmap_create and memmap_anonymous.
    MemmapAccessDefault = 0,
    /// Reading.
    MemmapReadOnly = 1,
    /// Reading, and writing that reaches the file and everyone who maps it.
    MemmapReadWrite = 2,
    /// Reading, and writing that stays in this mapping and never reaches the file.
    MemmapCopyOnWrite = 3,
}

/// How memmap_flush works.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(clippy::enum_variant_names, reason = "the names of the header")]
pub enum RawFlush {
    /// When it answers 0, the bytes and the file size that they need are on the device.
    MemmapFlushSync = 0,
    /// The writing is scheduled and not waited for. Linux writes back by itself anyway.
    MemmapFlushAsync = 1,
    /// Other mappings of the file are to see the newest bytes. On Linux they always do.
    MemmapFlushInvalidate = 2,
}

/// What a program will do with pages, or wants done with them, for memmap_advise and
/// memmap_options.advice (madvise(2)).
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(clippy::enum_variant_names, reason = "the names of the header")]
pub enum RawAdvice {
    /// Nothing in particular.
    MemmapAdviceNormal = 0,
    /// They are read in order: the kernel reads far ahead and forgets what was read.
    MemmapAdviceSequential = 1,
    /// They are read in no order: the kernel reads nothing ahead. Many times as fast for small random
    /// reads of a file that is not in memory.
    MemmapAdviceRandom = 2,
    /// They are needed soon: the kernel begins to read them, and does not wait.
    MemmapAdviceWillNeed = 3,
    /// They are not needed soon: this mapping lets go of them. The bytes stay in the file. On private
    /// memory (anonymous, copy-on-write) the kernel would throw them away, so there it is
    /// MEMMAP_ERR_ACCESS.
    MemmapAdviceDontNeed = 4,
    /// Huge pages are worth having here.
    MemmapAdviceHugePage = 5,
    /// They are not.
    MemmapAdviceNoHugePage = 6,
    /// They are the first to go when memory is short.
    MemmapAdviceCold = 7,
    /// They go now: out of this mapping, and out of the page cache unless somebody else maps them or
    /// they are yet to be written back (flush first).
    MemmapAdvicePageOut = 8,
    /// A child of fork does not have them: touching them there by a pointer is SIGSEGV, or touches what is mapped there
    /// by then. Calls on the mapping are MEMMAP_ERR_FAULT there for a range that may not be there, and
    /// MEMMAP_ERR_UNSUPPORTED when they would change what is at its addresses; the guard leaves all of them alone, and
    /// memmap_close unmaps nothing. The library knows of it only by this advice: not by a madvise(2) of the program's own.
    MemmapAdviceDontFork = 9,
    /// A child of fork finds zeros; for anonymous memory only.
    MemmapAdviceWipeOnFork = 10,
    /// A core dump does not have them.
    MemmapAdviceDontDump = 11,
}

/// What memmap_prefault brings pages in for.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(clippy::enum_variant_names, reason = "the names of the header")]
pub enum RawPrefault {
    /// So that reading them waits for nothing.
    MemmapPrefaultRead = 0,
    /// So that writing them doesn't either: they get blocks, and count as changed.
    MemmapPrefaultWrite = 1,
}

/// Who else may have a range that memmap_lock locks.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(clippy::enum_variant_names, reason = "the names of the header")]
pub enum RawLock {
    /// Those who lock it shared too: readers.
    MemmapLockShared = 0,
    /// Nobody: a writer.
    MemmapLockExclusive = 1,
}

/// How to open or create a mapping. All members but `size` may be zero, which is their default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawOptions {
    /// sizeof(memmap_options), so that the struct can grow.
    pub size: u32,
    /// A memmap_access.
    pub access: u32,
    /// MEMMAP_EXCLUSIVE and the other flags, or'ed. One that the call has no use for is
    /// MEMMAP_ERR_INVALID.
    pub flags: u32,
    /// Permission bits of the file that memmap_create makes (at most 0777), 0 for 0600; the umask
    /// applies.
    pub mode: u32,
    /// Where in the file the mapping begins, in bytes; any alignment.
    pub offset: u64,
    /// How many bytes to map, 0 for all up to the end of the file.
    pub length: u64,
    /// Bytes of address space to keep, so that the mapping grows up to there without moving. Less
    /// than the length is the length.
    pub capacity: u64,
    /// A memmap_advice for all of the mapping.
    pub advice: u32,
    /// 0.
    pub reserved: u32,
}

/// What mmap(2) was given, and what it answered, for memmap_adopt.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawMapped {
    /// sizeof(memmap_mapped), so that the struct can grow.
    pub size: u32,
    /// PROT_READ and others.
    pub protection: i32,
    /// The first byte.
    pub data: *mut c_void,
    /// How many bytes.
    pub length: u64,
    /// Where in the file they begin.
    pub offset: u64,
    /// MAP_SHARED and others.
    pub flags: i32,
    /// 0.
    pub reserved: i32,
}

/// What memmap_get_info tells.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawInfo {
    /// sizeof(memmap_info), set by the caller.
    pub size: u32,
    /// What the mapping allows; never MEMMAP_ACCESS_DEFAULT.
    pub access: RawAccess,
    /// The flags that it was opened with.
    pub flags: u32,
    /// How many pins memmap_pin has made and memmap_unpin not given back.
    pub pins: u32,
    /// Where in the file the mapping begins, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Up to which length it does not move, in bytes; a multiple of the page size, less the part of
    /// a page that `offset` skips.
    pub capacity: u64,
}

/// The bytes of a pinned mapping. This struct never grows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawView {
    /// The first byte. Never NULL, also when there are no bytes.
    pub data: *mut u8,
    /// How many bytes there are.
    pub len: u64,
}

/// What memmap_get_fault tells.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawFault {
    /// sizeof(memmap_fault), set by the caller.
    pub size: u32,
    /// How many faults there were; 0 when nothing was lost.
    pub count: u32,
    /// Why: MEMMAP_FAULT_TRUNCATED and the others, or'ed.
    pub causes: u32,
    /// 0.
    pub reserved: u32,
    /// The first byte that was lost, from the beginning of the mapping on.
    pub offset: u64,
    /// How many bytes from there to behind the last that was lost. Some in between may be whole:
    /// memmap_check tells.
    pub length: u64,
}

/// What memmap_get_system tells. UINT64_MAX is no limit.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawSystem {
    /// sizeof(memmap_system), set by the caller.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The unit in which memory is mapped, in bytes.
    pub page_size: u64,
    /// The size of a huge page in bytes, 0 where there are none.
    pub huge_page_size: u64,
    /// Bytes of memory that can be had without swapping: the smaller of what the system has
    /// available and what the control groups of this process have left.
    pub memory_available: u64,
    /// How many regions of memory a process may have (vm.max_map_count).
    pub max_map_count: u64,
    /// How many this process has.
    pub map_count: u64,
    /// RLIMIT_AS: bytes of address space.
    pub address_space_limit: u64,
    /// RLIMIT_FSIZE: bytes of a file.
    pub file_size_limit: u64,
    /// RLIMIT_MEMLOCK: bytes of locked memory.
    pub locked_memory_limit: u64,
}

/// What memmap_get_stats tells of this process, since it began.
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
        // SAFETY: the caller's, and it is numbers.
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
        // SAFETY: the caller's, and it is numbers and an address.
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
