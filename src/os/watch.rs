//! Which pages of private memory were written to since they were asked for last: by write protection that the kernel takes
//! away by itself, at the first store to a page (Linux 6.7; Documentation/admin-guide/mm/userfaultfd.rst, WP_ASYNC).
//!
//! No fault is ever delivered, and no thread waits for anybody: the descriptor is only what the protection belongs to.

use crate::os::errno::system;
use crate::os::pagemap::{Pagemap, Scan};
use crate::status::Result;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// What the protection belongs to; it ends with this.
#[derive(Debug)]
pub struct Watch(OwnedFd);

/// Of <linux/userfaultfd.h>, which the libc crate does not have.
#[repr(C)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}

#[repr(C)]
struct Register {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}

const UFFD: u32 = 0xaa;

impl Watch {
    /// Begins to watch the pages; an error where the kernel has no such protection, or a filter of system calls forbids it.
    /// All of them that are this process's own count as written to at first.
    pub fn begin(pages: Range<usize>) -> Result<Watch> {
        // Faults of the kernel's own need no handler here, so no privilege is asked for (userfaultfd(2)).
        const UFFD_USER_MODE_ONLY: i32 = 1;
        const WP_UNPOPULATED: u64 = 1 << 13;
        const WP_ASYNC: u64 = 1 << 15;
        let flags = libc::O_CLOEXEC | libc::O_NONBLOCK | UFFD_USER_MODE_ONLY;
        // SAFETY: it takes a number.
        let fd = system(|| unsafe { libc::syscall(libc::SYS_userfaultfd, flags) as i32 })?;
        // SAFETY: the system has just given it to us.
        let watch = Watch(unsafe { OwnedFd::from_raw_fd(fd) });
        let mut api = Api {
            api: u64::from(UFFD),
            features: WP_UNPOPULATED | WP_ASYNC,
            ioctls: 0,
        };
        let request = libc::_IOWR::<Api>(UFFD, 0x3f);
        // SAFETY: the struct is what this request takes, and the kernel keeps nothing of it.
        system(|| unsafe { libc::ioctl(fd, request, &raw mut api) })?;
        watch.cover(pages)?;
        Ok(watch)
    }

    /// Watches these too, where something else was mapped since.
    pub fn cover(&self, pages: Range<usize>) -> Result<()> {
        const MODE_WP: u64 = 1 << 1;
        let mut register = Register {
            start: pages.start as u64,
            len: pages.len() as u64,
            mode: MODE_WP,
            ioctls: 0,
        };
        let request = libc::_IOWR::<Register>(UFFD, 0);
        // SAFETY: the struct is what this request takes. Contents and protection of the pages stay as the program sees them.
        system(|| unsafe { libc::ioctl(self.0.as_raw_fd(), request, &raw mut register) }).map(drop)
    }

    /// The runs of those pages that are this process's own and were written to since the last call, in order. An error if any
    /// is not watched. What is stored when this has begun is in its result, or in that of the next call.
    ///
    /// After an error some may have been told to nobody, and the watch is of no use any more.
    pub fn written(&self, map: &Pagemap, pages: Range<usize>) -> Result<Vec<Range<usize>>> {
        match pages.is_empty() {
            true => Ok(Vec::new()),
            false => map.scan(pages, Scan::written_to()),
        }
    }
}

impl Scan {
    fn written_to() -> Scan {
        const WP_MATCHING: u64 = 1 << 0;
        const CHECK_WPASYNC: u64 = 1 << 1;
        Scan::private().and_written(WP_MATCHING | CHECK_WPASYNC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::page_size::page_size;

    #[test]
    fn a_page_is_told_once_for_what_was_stored_before_and_again_for_what_is_stored_later() {
        let page = page_size();
        let mut memory = memmap2::MmapOptions::new()
            .len(16 * page)
            .map_anon()
            .expect("there is memory");
        let start = memory.as_ptr() as usize;
        let all = start..start + 16 * page;
        memory[page] = 1;
        let Ok(watch) = Watch::begin(all.clone()) else {
            return; // A kernel before 6.7, or a filter.
        };
        let map = Pagemap::open().expect("there is one");
        let written = || {
            let found = watch.written(&map, all.clone()).expect("all are watched");
            let relative = found.iter().map(|run| {
                let (first, end) = (run.start - start, run.end - start);
                (first / page, end / page)
            });
            relative.collect::<Vec<_>>()
        };
        assert_eq!(written(), vec![(1, 2)]);
        assert_eq!(written(), []);
        memory[page + 1] = 2;
        memory[5 * page] = 1;
        memory[6 * page] = 1;
        assert_eq!(written(), vec![(1, 2), (5, 7)]);
        assert_eq!(written(), []);
        let mut other = memmap2::MmapOptions::new()
            .len(page)
            .map_anon()
            .expect("there is memory");
        other[0] = 1;
        let start = other.as_ptr() as usize;
        assert_eq!(watch.written(&map, start..start + page).ok(), None);
    }
}
