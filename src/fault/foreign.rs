//! Memory that others have mapped, taken under guard.

use crate::files::file::File;
use crate::handles::slot::Span;
use crate::handles::table::Handle;
use crate::memory::mapping::Mapping;
use crate::memory::mmap::{Backing, Pages};
use crate::memory::poison;
use crate::memory::proc_maps::{Region, page_size_of};
use crate::options::Flags;
use crate::os::page_size::page_size;
use crate::range::addressable;
use crate::registry::live;
use crate::status::{Error, Result};
use crate::threads::fork;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::{Mutex, PoisonError};

/// Held by the thread that takes memory of others under guard, so that of two at the same page one is refused. It is so
/// within a [change](fork::hold_off), so that no fork finds it held.
static GUARDING: Mutex<()> = Mutex::new(());

/// Takes `len` bytes from `data` on, which somebody else has mapped and will unmap, under guard. `fd`
/// names the file that is mapped there, or is None.
pub fn guard_region(data: *mut u8, len: u64, fd: Option<RawFd>) -> Result<Handle> {
    let len = addressable(len)?;
    let start = data as usize;
    let end = start
        .checked_add(len)
        .and_then(|end| end.checked_next_multiple_of(page_size()))
        .ok_or(Error::Range)?;
    if data.is_null() || len == 0 {
        return Err(Error::Invalid);
    }
    let page = page_size();
    let span = Span {
        start: start / page * page,
        end,
    };
    let region = Region::around(span)?;
    if region.pages.protection & libc::PROT_READ == 0 {
        return Err(Error::Access);
    }
    refuse_what_is_guarded(span)?;
    let backing = match fd {
        None if region.inode == 0 => Backing::Anonymous,
        None => Backing::FileWithoutDescriptor,
        Some(fd) => {
            let (file, _) = File::from_fd(fd)?;
            refuse_another_file(&file, &region)?;
            Backing::File(file)
        }
    };
    let mut pages = region.pages;
    pages.size = match &backing {
        Backing::File(file) => file.page_size,
        _ => page_size_at(data)?,
    };
    let offset = region.offset + (start - span.start) as u64;
    let mapping = Mapping::lent(data, len, backing, pages, offset, Flags::default());
    // Else the first mapping of a process does it below, and a handler is installed in a change of its own.
    poison::heed_environment();
    let _change = fork::hold_off();
    let _one_at_a_time = GUARDING.lock().unwrap_or_else(PoisonError::into_inner);
    refuse_what_is_guarded(span)?; // By another thread, since it was asked above.
    live::insert(mapping)
}

fn refuse_what_is_guarded(span: Span) -> Result<()> {
    match live::any_in(span) {
        true => Err(Error::Busy),
        false => Ok(()),
    }
}

/// How somebody else says to have mapped memory: what mmap(2) was given.
#[derive(Clone, Copy, Debug)]
pub struct Mapped {
    /// PROT_READ and others.
    pub protection: i32,
    /// MAP_SHARED and others.
    pub flags: i32,
    /// The file, if its descriptor is to be had.
    pub fd: Option<RawFd>,
    /// Where in the file it begins.
    pub offset: u64,
}

/// The same for who has just mapped all of it, and says how. Nothing is asked of the kernel, so it costs
/// what a mapping of our own costs; who says something wrong has handed over a wrong pointer.
pub fn adopt(data: *mut u8, len: u64, how: Mapped) -> Result<Handle> {
    let len = addressable(len)?;
    let page = page_size();
    let aligned = data as usize % page == 0 && how.offset % page as u64 == 0;
    if data.is_null() || len == 0 || !aligned {
        return Err(Error::Invalid);
    }
    // Room for the last page and for the end behind it.
    (data as usize)
        .checked_add(len)
        .and_then(|end| end.checked_next_multiple_of(page))
        .ok_or(Error::Range)?;
    if how.protection & libc::PROT_READ == 0 {
        return Err(Error::Access);
    }
    let anonymous = how.flags & libc::MAP_ANONYMOUS != 0;
    let sharing = sharing_of(how.flags).ok_or(Error::Invalid)?;
    let backing = match how.fd {
        None if anonymous => Backing::Anonymous,
        None => Backing::FileWithoutDescriptor,
        Some(_) if anonymous => return Err(Error::Invalid),
        Some(fd) => Backing::File(File::from_fd(fd)?.0),
    };
    let pages = Pages {
        protection: how.protection,
        sharing,
        size: match &backing {
            Backing::File(file) => file.page_size,
            // That is what MAP_HUGETLB is for; a file on hugetlbfs is mapped without it.
            Backing::Anonymous if how.flags & libc::MAP_HUGETLB == 0 => page,
            _ => page_size_at(data)?,
        },
    };
    if how.offset % pages.size as u64 != (data as usize % pages.size) as u64 && !anonymous {
        return Err(Error::Invalid);
    }
    let flags = match how.flags & libc::MAP_LOCKED {
        0 => Flags::default(),
        _ => Flags::LOCKED,
    };
    live::insert(Mapping::lent(data, len, backing, pages, how.offset, flags))
}

/// Who sees what is written there, as [`Pages::sharing`] has it. The types of mmap(2) are numbers and no bits:
/// MAP_SHARED_VALIDATE is both of those.
fn sharing_of(flags: i32) -> Option<i32> {
    const MAP_DROPPABLE: i32 = 8; // Of Linux 6.11, and for anonymous memory.
    const MAP_SYNC: i32 = 0x8_0000;
    let anonymous = flags & libc::MAP_ANONYMOUS != 0;
    match flags & libc::MAP_TYPE {
        // Pages that are mapped back without it would not be as durable.
        libc::MAP_SHARED_VALIDATE if flags & MAP_SYNC != 0 => {
            Some(libc::MAP_SHARED_VALIDATE | MAP_SYNC)
        }
        libc::MAP_SHARED | libc::MAP_SHARED_VALIDATE => Some(libc::MAP_SHARED),
        libc::MAP_PRIVATE => Some(libc::MAP_PRIVATE),
        MAP_DROPPABLE if anonymous => Some(libc::MAP_PRIVATE),
        _ => None,
    }
}

/// The size of the pages that memory at `data` is mapped in, which nobody has a descriptor of. It takes a look at
/// the kernel's list only where they are huge.
fn page_size_at(data: *mut u8) -> Result<usize> {
    let page = page_size();
    // Of two pages beside each other the second is the beginning of no larger one, whatever their size.
    let inside = ((data as usize / page * page) | page) as *mut libc::c_void;
    // SAFETY: what keeps its size stays what it is, and of a huge page the kernel takes no part (mremap(2), EINVAL).
    let same = unsafe { libc::mremap(inside, page, page, 0) };
    match same == libc::MAP_FAILED && Error::last() == Error::System(libc::EINVAL) {
        true => page_size_of(data as usize),
        false => Ok(page),
    }
}

/// Refuses a descriptor that can't be mapped as the region is, or is of another file. Both are mapped and
/// compared as the kernel lists them: on some file systems fstat(2) tells another device.
fn refuse_another_file(file: &File, region: &Region) -> Result<()> {
    let probe = Probe::of(file, region.pages)?;
    match Region::around(probe.0)?.is_of_the_file_of(region) {
        true => Ok(()),
        false => Err(Error::Invalid),
    }
}

/// A page mapped for a look at it, unmapped when dropped.
struct Probe(Span);

impl Probe {
    fn of(file: &File, pages: Pages) -> Result<Probe> {
        let len = file.page_size; // A part of a huge page can't be unmapped.
        // SAFETY: new memory, at no address in particular; nobody touches it.
        let page = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                pages.protection,
                pages.sharing,
                file.fd(),
                0,
            )
        };
        match page {
            libc::MAP_FAILED => Err(Error::of_mapping(std::io::Error::last_os_error())),
            page => Ok(Probe(Span {
                start: page as usize,
                end: page as usize + len,
            })),
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let Span { start, end } = self.0;
        // SAFETY: it was mapped by `of`, and nobody else knows of it.
        unsafe { libc::munmap(start as *mut libc::c_void, end - start) };
    }
}
