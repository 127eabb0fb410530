//! The memory of a mapping: the pages themselves, over memmap2, and how they are mapped.

use crate::commit::writer::Writer;
use crate::files::file::File;
use crate::options::{Access, Flags, Options};
use crate::os::errno::system;
use crate::os::page_size::page_size;
use crate::range::{addressable, mappable};
use crate::status::{Error, Result};
use memmap2::{MmapOptions, MmapRaw, RemapOptions};
use std::ops::Range;

/// Fewer bytes than this any address space may have: 47 bits of it, where addresses are of 64.
const MOST_ADDRESSES: usize = (1 << (usize::BITS - 17)) - 1;

/// The mapped pages.
#[derive(Debug)]
pub struct Memory {
    /// The first byte that was asked for, in the first page.
    data: *mut u8,
    pages: Owned,
}

/// Who is to unmap them.
#[derive(Debug)]
enum Owned {
    /// We: all of the capacity is mapped, of which nobody has business behind the length, where
    /// there may be no file yet.
    ByUs(MmapRaw),
    /// Somebody else, who has mapped so many bytes.
    ByOthers(usize),
}

/// What the bytes are of.
#[derive(Debug)]
pub enum Backing {
    /// Nothing: they go with the mapping.
    Anonymous,
    /// A file that is still open.
    File(File),
    /// A file that was closed after mapping it.
    FileWithoutDescriptor,
    /// A file that is still open, and that gets what is changed by commits.
    Committed(Box<Committed>),
}

/// A file, and what commits to it.
#[derive(Debug)]
pub struct Committed {
    /// By the description that is mapped.
    pub file: File,
    /// By descriptions of its own.
    pub writer: Writer,
}

/// How pages are mapped, as mmap(2) takes it.
#[derive(Clone, Copy, Debug)]
pub struct Pages {
    /// PROT_READ and others.
    pub protection: i32,
    /// MAP_SHARED or MAP_PRIVATE, or all that MAP_SYNC takes.
    pub sharing: i32,
    /// Their size in bytes: the system's, but for a file on hugetlbfs.
    pub size: usize,
}

impl Pages {
    /// Those of `size` bytes that the options ask for.
    pub fn of(options: &Options, backing: &Backing, size: usize) -> Pages {
        let write = match options.access {
            Access::ReadOnly => 0,
            _ => libc::PROT_WRITE,
        };
        let execute = match options.flags.has(Flags::EXECUTABLE) {
            true => libc::PROT_EXEC,
            false => 0,
        };
        let private = options.keeps_to_itself() || matches!(backing, Backing::Anonymous);
        Pages {
            size,
            protection: libc::PROT_READ | write | execute,
            sharing: if private {
                libc::MAP_PRIVATE
            } else {
                libc::MAP_SHARED
            },
        }
    }
}

impl Memory {
    /// Maps `len` bytes of `file`, or the capacity if that is more, from the offset of the options on;
    /// pages that the file does not have yet are mapped too.
    pub fn of_file(file: &File, len: u64, options: &Options) -> Result<Memory> {
        let mut how = MmapOptions::new();
        let len = addressable(len.max(options.capacity))?;
        // memmap2 knows the system's pages only, and not those of hugetlbfs.
        let into_page = options.offset % file.page_size as u64;
        how.offset(mappable(options.offset - into_page)?)
            .len(into_page as usize + usable_size(options.offset, len, file.page_size));
        if reserves_nothing(options) {
            how.no_reserve_swap();
        }
        let memory = match options.access {
            // SAFETY: the map becomes a raw one at once, so no reference to memory that others may
            // write is ever made.
            _ if options.keeps_to_itself() => unsafe { how.map_copy(file.fd()) }.map(MmapRaw::from),
            Access::ReadWrite => how.map_raw(file.fd()),
            _ => how.map_raw_read_only(file.fd()),
        };
        let memory = memory.map_err(Error::of_mapping)?;
        allow_execution(&memory, options)?;
        Ok(Memory::ours(memory, into_page as usize))
    }

    /// Maps `len` zero bytes that are this process's own, or the capacity if that is more.
    pub fn anonymous(len: u64, options: &Options) -> Result<Memory> {
        let mut how = MmapOptions::new();
        let len_kept = addressable(len.max(options.capacity))?;
        how.len(usable_size(0, len_kept, page_size()));
        if options.capacity > len || reserves_nothing(options) {
            how.no_reserve_swap(); // What may never be touched must not count as memory in use.
        }
        let memory = how.map_anon().map_err(Error::of_mapping)?.into();
        allow_execution(&memory, options)?;
        Ok(Memory::ours(memory, 0))
    }

    fn ours(pages: MmapRaw, into_page: usize) -> Memory {
        Memory {
            data: pages.as_mut_ptr().wrapping_add(into_page),
            pages: Owned::ByUs(pages),
        }
    }

    /// What somebody else has mapped, and is to unmap.
    pub fn lent(data: *mut u8, len: usize) -> Memory {
        Memory {
            data,
            pages: Owned::ByOthers(len),
        }
    }

    /// The first byte.
    #[inline]
    pub fn data(&self) -> *mut u8 {
        self.data
    }

    /// How many bytes are mapped from there on.
    pub fn len(&self) -> usize {
        match &self.pages {
            Owned::ByUs(pages) => pages.len() - into_page(self.data, pages),
            Owned::ByOthers(len) => *len,
        }
    }

    /// Whether somebody else has mapped it, and is to unmap it.
    pub fn is_lent(&self) -> bool {
        matches!(self.pages, Owned::ByOthers(..))
    }

    /// Maps `len` bytes instead, at another address if need be. Who calls it has the memory for itself.
    pub fn resize(&mut self, len: usize) -> Result<()> {
        let Owned::ByUs(pages) = &mut self.pages else {
            return Err(Error::Unsupported);
        };
        let into_page = into_page(self.data, pages);
        // SAFETY: nobody has a pointer into the memory: there is no pin.
        let moved = unsafe { pages.remap(into_page + len, RemapOptions::new().may_move(true)) };
        self.data = pages.as_mut_ptr().wrapping_add(into_page);
        moved.map_err(|error| match error.raw_os_error() {
            // What mremap(2) says of a length that no address space has, where mmap(2) says ENOMEM.
            Some(libc::EINVAL) if len > MOST_ADDRESSES => Error::Limit,
            _ => Error::of_mapping(error),
        })
    }
}

/// How far from its first page on the memory begins.
fn into_page(data: *mut u8, pages: &MmapRaw) -> usize {
    data as usize - pages.as_ptr() as usize
}

/// How many bytes can be had from `offset` on for the pages of `page` bytes that `len` bytes take: up to the end of
/// the last page, and one page for nothing at all, since there is no mapping of length 0.
pub fn usable_size(offset: u64, len: usize, page: usize) -> usize {
    let into_page = (offset % page as u64) as usize;
    (into_page + len.max(1)).next_multiple_of(page) - into_page
}

fn reserves_nothing(options: &Options) -> bool {
    // Of a file that is committed to, few pages are changed at a time.
    [Flags::OVERCOMMIT, Flags::NO_RESERVE, Flags::ATOMIC]
        .iter()
        .any(|flag| options.flags.has(*flag))
}

/// memmap2 maps code only for reading, so what is asked for is allowed afterwards.
fn allow_execution(memory: &MmapRaw, options: &Options) -> Result<()> {
    if !options.flags.has(Flags::EXECUTABLE) {
        return Ok(());
    }
    let allowed = Pages::of(options, &Backing::Anonymous, page_size()).protection;
    let (first, len) = pages_of(memory.as_mut_ptr(), 0..memory.len());
    // SAFETY: the pages are this mapping's own, and nothing is taken from what was allowed.
    system(|| unsafe { libc::mprotect(first, len, allowed) }).map(drop)
}

/// The pages of the system that hold the bytes of `range`, as its calls take them.
pub fn pages_of(data: *mut u8, range: Range<usize>) -> (*mut libc::c_void, usize) {
    pages_of_size(data, range, page_size())
}

/// The same for pages of `page` bytes.
pub fn pages_of_size(
    data: *mut u8,
    range: Range<usize>,
    page: usize,
) -> (*mut libc::c_void, usize) {
    let start = data.wrapping_add(range.start);
    let into_page = start as usize % page;
    (
        start.wrapping_sub(into_page).cast(),
        range.len() + into_page,
    )
}

/// How many pages of `page` bytes `len` bytes take that begin with a page.
pub fn page_count(len: usize, page: usize) -> usize {
    len.div_ceil(page)
}

/// The pages of `len` bytes that begin with a page, up to so many at a time: how far from there they begin,
/// and how many they are.
pub fn lots(len: usize, page: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let pages = page_count(len, page);
    (0..pages)
        .step_by(most)
        .map(move |first| (first * page, most.min(pages - first)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::page_size::PAGE_SIZES;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_mapped_ends_with_a_page_of_any_size(
            page in prop::sample::select(&PAGE_SIZES[..]),
            offset in 0..1_u64 << 40,
            len in 0..1_usize << 30,
        ) {
            let usable = usable_size(offset, len, page);
            prop_assert!(usable >= len.max(1));
            prop_assert_eq!((offset + usable as u64) % page as u64, 0);
            prop_assert!(usable - len.max(1) < page, "a page more than it takes");
        }

        #[test]
        fn pages_hold_their_range_and_are_no_more_than_that_takes(
            start in 0..1_usize << 30,
            len in 1..1_usize << 20,
            page in prop::sample::select(&PAGE_SIZES[..]),
        ) {
            let (first, size) = pages_of_size(start as *mut u8, 0..len, page);
            let first = first as usize;
            prop_assert_eq!(first % page, 0);
            prop_assert!(first <= start && start - first < page);
            prop_assert_eq!(first + size, start + len);
            let count = (start + len - 1) / page - start / page + 1;
            prop_assert_eq!(page_count(size, page), count);
        }

        #[test]
        fn lots_of_pages_follow_one_another_from_the_first_byte_to_the_last(
            page in prop::sample::select(&PAGE_SIZES[..]),
            len in 1..1_usize << 30,
            most in 1..10_000_usize,
        ) {
            let mut end = 0;
            for (first, count) in lots(len, page, most) {
                prop_assert_eq!(first, end);
                prop_assert!((1..=most).contains(&count));
                end += count * page;
            }
            prop_assert_eq!(end, len.next_multiple_of(page));
        }
    }
}
