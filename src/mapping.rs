//! One mapping: the memory, and what it is a mapping of.

use crate::file::{File, Kind, system};
use crate::options::{Access, Flags, Options};
use crate::range::{addressable, page_size};
use crate::status::{Error, Result};
use memmap2::{MmapOptions, MmapRaw, RemapOptions};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the bytes are of.
#[derive(Debug)]
pub enum Backing {
    /// Nothing: they go with the mapping.
    Anonymous,
    /// A file that is still open.
    File(File),
    /// A file that was closed after mapping it.
    FileWithoutDescriptor,
}

/// How a flush is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// When it returns, the bytes and the file size that they need are on the device.
    #[default]
    Sync,
    /// The writing is scheduled; on Linux the kernel does that by itself (msync(2)).
    Async,
    /// Other mappings of the file are to see the newest bytes; on Linux they do so always.
    Invalidate,
}

/// Mapped memory. It stands still while it is pinned; its length may grow meanwhile.
#[derive(Debug)]
pub struct Mapping {
    /// Unmapped first, hence before the descriptor. All of the capacity is mapped, of which nobody
    /// has business behind the length: there may be no file yet.
    memory: MmapRaw,
    len: AtomicUsize,
    /// Where in the file the mapping begins.
    pub offset: u64,
    /// As opened; never Default.
    pub access: Access,
    /// As opened.
    pub flags: Flags,
    /// Whether address space was asked for: it is kept when the mapping shrinks.
    keeps_capacity: bool,
    /// What is mapped.
    pub backing: Backing,
}

impl Mapping {
    /// The mapping of `len` bytes of `file` that `memory` is.
    pub fn of_file(memory: MmapRaw, file: File, len: u64, options: &Options) -> Mapping {
        let backing = match options.flags.has(Flags::NO_DESCRIPTOR) {
            true => Backing::FileWithoutDescriptor,
            false => Backing::File(file),
        };
        Mapping::new(memory, len, backing, options)
    }

    /// Maps `len` zero bytes that are this process's own.
    pub fn anonymous(len: u64, options: &Options) -> Result<Mapping> {
        let mut how = MmapOptions::new();
        how.len(usable_size(0, addressable(len.max(options.capacity))?));
        if options.capacity > len {
            how.no_reserve_swap(); // What is only kept free must not count as memory in use.
        }
        let memory = how.map_anon().map_err(Error::of_mapping)?.into();
        allow_execution(&memory, options)?;
        Ok(Mapping::new(memory, len, Backing::Anonymous, options))
    }

    fn new(memory: MmapRaw, len: u64, backing: Backing, options: &Options) -> Mapping {
        Mapping {
            memory,
            len: AtomicUsize::new(len as usize),
            offset: options.offset,
            access: options.access,
            flags: options.flags,
            keeps_capacity: options.capacity > len,
            backing,
        }
    }

    /// Where the mapping begins. Good while pinned.
    #[inline]
    pub fn data(&self) -> *mut u8 {
        self.memory.as_mut_ptr()
    }

    /// How many bytes are mapped.
    #[inline]
    pub fn len(&self) -> usize {
        // Acquire: who sees the new length sees the file that has it.
        self.len.load(Ordering::Acquire)
    }

    /// Gives the mapping another length within its capacity.
    pub fn set_len(&self, len: usize) {
        // Release: pairs with `len`.
        self.len.store(len, Ordering::Release);
    }

    /// Up to which length the mapping stays where it is.
    pub fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// The file, if there is one and its descriptor was kept.
    pub fn file(&self) -> Result<&File> {
        match &self.backing {
            Backing::File(file) => Ok(file),
            _ => Err(Error::Unsupported),
        }
    }

    /// Refuses what would change bytes of a read-only mapping.
    #[inline]
    pub fn writable(&self) -> Result<()> {
        match self.access {
            Access::ReadWrite | Access::CopyOnWrite => Ok(()),
            _ => Err(Error::Access),
        }
    }

    /// Flushes the pages that hold the bytes of `range`.
    pub fn flush(&self, range: Range<usize>, how: Flush) -> Result<()> {
        match (self.access, &self.backing) {
            (Access::CopyOnWrite, _) => return Err(Error::Access),
            (_, Backing::Anonymous) => return Err(Error::Unsupported),
            _ => {}
        }
        if range.is_empty() {
            return Ok(());
        }
        match how {
            Flush::Sync => self.memory.flush_range(range.start, range.len())?,
            Flush::Async => self.memory.flush_async_range(range.start, range.len())?,
            Flush::Invalidate => {
                let (pages, len) = pages(&self.memory, range);
                // SAFETY: the pages are this mapping's own; their contents stay as they are.
                system(|| unsafe { libc::msync(pages, len, libc::MS_INVALIDATE) })?;
            }
        }
        Ok(())
    }

    /// Gives the mapping room for `len` bytes, at another address if need be. Who calls it has the
    /// mapping for itself.
    pub fn remap(&mut self, len: usize) -> Result<()> {
        let usable = usable_size(self.offset, len);
        // SAFETY: nobody has a pointer into the mapping: there is no pin.
        unsafe {
            self.memory
                .remap(usable, RemapOptions::new().may_move(true))
        }
        .map_err(Error::of_mapping)
    }

    /// Gives back the address space behind `len`, unless it was asked for.
    pub fn trim(&mut self, len: usize) {
        if !self.keeps_capacity {
            // Making a mapping smaller in place needs nothing; if it fails, only room is lost.
            let _ = self.remap(len);
        }
    }

    /// Zeroes anonymous memory from `from` to the present end and gives its pages back.
    pub fn discard(&self, from: usize) -> Result<()> {
        let end = usable_size(0, self.len());
        let boundary = from.next_multiple_of(page_size()).min(end);
        // SAFETY: from ≤ boundary ≤ end of what is mapped, and the memory is this process's own.
        unsafe { self.data().add(from).write_bytes(0, boundary - from) };
        let (pages, len) = pages(&self.memory, boundary..end);
        if len == 0 {
            return Ok(());
        }
        // SAFETY: as above; private anonymous pages come back as zeros (madvise(2)).
        system(|| unsafe { libc::madvise(pages, len, libc::MADV_DONTNEED) }).map(drop)
    }

    /// The file, if it is one whose size this mapping may change.
    pub fn resizable_file(&self) -> Result<&File> {
        let file = self.file()?;
        match (self.access, file.kind) {
            (Access::ReadWrite, Kind::Regular) => Ok(file),
            (Access::ReadWrite, _) => Err(Error::Unsupported),
            _ => Err(Error::Access),
        }
    }
}

/// How many bytes can be had from `offset` on for the pages that `len` bytes take: up to the end of
/// the last page, and one page for nothing at all, since there is no mapping of length 0.
fn usable_size(offset: u64, len: usize) -> usize {
    let into_page = (offset % page_size() as u64) as usize;
    (into_page + len.max(1)).next_multiple_of(page_size()) - into_page
}

/// Maps `len` bytes of `file`, or the capacity if that is more, from the offset of the options on;
/// pages that the file does not have yet are mapped too.
pub fn map_file(file: &File, len: u64, options: &Options) -> Result<MmapRaw> {
    let mut how = MmapOptions::new();
    let len = addressable(len.max(options.capacity))?;
    how.offset(options.offset)
        .len(usable_size(options.offset, len));
    let memory = match options.access {
        Access::ReadWrite => how.map_raw(file.fd()),
        // SAFETY: the map becomes a raw one at once, so no reference to memory that others may
        // write is ever made.
        Access::CopyOnWrite => unsafe { how.map_copy(file.fd()) }.map(MmapRaw::from),
        _ => how.map_raw_read_only(file.fd()),
    };
    let memory = memory.map_err(Error::of_mapping)?;
    allow_execution(&memory, options)?;
    Ok(memory)
}

/// memmap2 maps code only for reading, so what is asked for is allowed afterwards.
fn allow_execution(memory: &MmapRaw, options: &Options) -> Result<()> {
    if !options.flags.has(Flags::EXECUTABLE) {
        return Ok(());
    }
    let write = match options.access {
        Access::ReadOnly => 0,
        _ => libc::PROT_WRITE,
    };
    let allowed = libc::PROT_READ | libc::PROT_EXEC | write;
    let (first, len) = pages(memory, 0..memory.len());
    // SAFETY: the pages are this mapping's own, and nothing is taken from what was allowed.
    system(|| unsafe { libc::mprotect(first, len, allowed) }).map(drop)
}

/// The pages that hold the bytes of `range`, as the system's calls take them.
fn pages(memory: &MmapRaw, range: Range<usize>) -> (*mut libc::c_void, usize) {
    let start = memory.as_mut_ptr().wrapping_add(range.start);
    let into_page = start as usize % page_size();
    (
        start.wrapping_sub(into_page).cast(),
        range.len() + into_page,
    )
}
