//! Which pages of private memory this process has written to: those that are its own, and no longer the file's.
//!
//! PAGEMAP_SCAN (Linux 6.7, Documentation/admin-guide/mm/pagemap.rst) tells in one call. Before that, and where a
//! filter of system calls forbids it, bit 61 of /proc/self/pagemap does, with one number a page.

use crate::os::errno::system;
use crate::os::page_size::page_size;
use crate::status::{Error, Result};
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// How to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By PAGEMAP_SCAN where it is there, otherwise by the numbers.
    Best,
    /// By the numbers in any case.
    Numbers,
}

/// The argument of PAGEMAP_SCAN of <linux/fs.h>, which the libc crate does not have.
#[repr(C)]
#[derive(Default)]
pub(super) struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// What it fills in for each run of pages.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

const PAGE_IS_WRITTEN: u64 = 1 << 1;
const PAGE_IS_FILE: u64 = 1 << 2;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;

/// The open map of this process's pages.
pub struct Pagemap(OwnedFd);

impl Pagemap {
    /// Opens it.
    pub fn open() -> Result<Pagemap> {
        let flags = libc::O_RDONLY | libc::O_CLOEXEC;
        // SAFETY: the path is terminated.
        let fd = system(|| unsafe { libc::open64(c"/proc/self/pagemap".as_ptr(), flags) })?;
        // SAFETY: open has just given it to us.
        Ok(Pagemap(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The runs of pages among those of `pages` (addresses) that are this process's own, in order.
    pub fn private_pages(&self, pages: Range<usize>, way: Way) -> Result<Vec<Range<usize>>> {
        if way == Way::Best {
            // A kernel without it (ENOTTY), or a filter (EPERM, ENOSYS): the numbers need nothing.
            if let Ok(found) = self.scan(pages.clone(), Scan::private()) {
                return Ok(found);
            }
        }
        self.numbered(pages)
    }

    /// The runs of pages that a scan finds.
    pub(super) fn scan(&self, pages: Range<usize>, mut scan: Scan) -> Result<Vec<Range<usize>>> {
        let request = libc::_IOWR::<Scan>(b'f' as u32, 16);
        let mut regions = [Region::default(); 256];
        let mut found = Vec::new();
        (scan.start, scan.end) = (pages.start as u64, pages.end as u64);
        (scan.vec, scan.vec_len) = (regions.as_mut_ptr() as u64, regions.len() as u64);
        while scan.start < scan.end {
            // SAFETY: the kernel writes as many regions as there is room for, and where it stopped.
            let count =
                system(|| unsafe { libc::ioctl(self.0.as_raw_fd(), request, &raw mut scan) })?;
            for region in &regions[..count as usize] {
                push(&mut found, region.start as usize..region.end as usize);
            }
            if scan.walk_end <= scan.start {
                return Err(Error::System(libc::EIO)); // No progress, which no kernel should make.
            }
            scan.start = scan.walk_end;
        }
        Ok(found)
    }

    fn numbered(&self, pages: Range<usize>) -> Result<Vec<Range<usize>>> {
        const PRESENT: u64 = 1 << 63;
        const SWAPPED: u64 = 1 << 62;
        const OF_A_FILE: u64 = 1 << 61;
        let page = page_size();
        let mut numbers = [0_u64; 4096];
        let mut found = Vec::new();
        let mut at = pages.start;
        while at < pages.end {
            let count = ((pages.end - at) / page).min(numbers.len());
            let (buffer, bytes) = (numbers.as_mut_ptr().cast(), count * 8);
            let from = (at / page * 8) as i64;
            // SAFETY: the buffer has room for as many bytes.
            let read = || unsafe { libc::pread64(self.0.as_raw_fd(), buffer, bytes, from) };
            let read = match system(read)? {
                0..8 => return Err(Error::System(libc::EIO)),
                read => read as usize / 8,
            };
            for number in &numbers[..read] {
                if number & (PRESENT | SWAPPED) != 0 && number & OF_A_FILE == 0 {
                    push(&mut found, at..at + page);
                }
                at += page;
            }
        }
        Ok(found)
    }
}

impl Scan {
    /// For pages that are this process's own.
    pub(super) fn private() -> Scan {
        Scan {
            size: size_of::<Scan>() as u64,
            category_inverted: PAGE_IS_FILE,
            category_mask: PAGE_IS_FILE,
            category_anyof_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
            return_mask: PAGE_IS_FILE,
            ..Scan::default()
        }
    }

    /// Those that were written to, too.
    pub(super) fn and_written(self, flags: u64) -> Scan {
        Scan {
            flags,
            category_mask: self.category_mask | PAGE_IS_WRITTEN,
            ..self
        }
    }
}

/// Adds a run, to the last one if it begins where that ends.
fn push(found: &mut Vec<Range<usize>>, run: Range<usize>) {
    match found.last_mut() {
        Some(last) if last.end == run.start => last.end = run.end,
        _ => found.push(run),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn pages_that_were_written_to_are_found_in_both_ways() {
        let page = page_size();
        let mut file = tempfile::tempfile().expect("there is room");
        file.write_all(&vec![7; 40 * page]).expect("there is room");
        let options = memmap2::MmapOptions::new();
        // SAFETY: nobody else has the file.
        let mut map = unsafe { options.map_copy(&file) }.expect("it can be mapped");
        let start = map.as_ptr() as usize;
        let map_of_pages = Pagemap::open().expect("it is there");
        let runs = |way| {
            let found = map_of_pages
                .private_pages(start..start + 40 * page, way)
                .expect("it is there");
            let relative = found
                .iter()
                .map(|run| (run.start - start) / page..(run.end - start) / page);
            relative.collect::<Vec<_>>()
        };
        let sum: u64 = map.iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(sum, 7 * 40 * page as u64);
        for way in [Way::Best, Way::Numbers] {
            assert_eq!(runs(way), []);
        }
        for at in [0, 3, 4, 39] {
            map[at * page + at] = 1;
        }
        for way in [Way::Best, Way::Numbers] {
            assert_eq!(runs(way), [0..1, 3..5, 39..40], "{way:?}");
        }
    }
}
