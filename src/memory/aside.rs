//! Pages made aside: where nobody looks they get all that they are to have, and then they take their place in one
//! step. Who reads there meanwhile finds what was there or what is there, and nothing in between.

use crate::handles::slot::Span;
use crate::memory::wishes;
use crate::os::errno::system;
use crate::status::{Error, Result};
use libc::c_void;
use std::mem;
use std::ptr;

/// New pages at no address in particular, unmapped when dropped. For a signal handler too.
pub struct Aside(Span);

impl Aside {
    /// Maps `len` bytes, as mmap(2) takes the rest.
    pub fn map(len: usize, protection: i32, flags: i32, fd: i32, offset: i64) -> Result<Aside> {
        // SAFETY: new memory, at no address in particular.
        let made = unsafe { libc::mmap64(ptr::null_mut(), len, protection, flags, fd, offset) };
        match made {
            libc::MAP_FAILED => Err(Error::last()),
            made => Ok(Aside(Span {
                start: made as usize,
                end: made as usize + len,
            })),
        }
    }

    /// Zero pages that are this process's own. It takes no memory for them, also where mmap(2) brings in what it
    /// maps (mlockall(2), MCL_FUTURE): such pages are locked as they are touched.
    pub fn zeros(len: usize, protection: i32) -> Result<Aside> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // Nothing is brought in that nobody may touch.
        let zeros = Aside::map(len, libc::PROT_NONE, flags, -1, 0)?;
        if zeros.are_locked() {
            wishes::lock_on_fault(zeros.0).or_else(|_| wishes::unlock(zeros.0))?;
        }
        let (start, len) = zeros.memory();
        // SAFETY: nobody knows of them.
        system(|| unsafe { libc::mprotect(start, len, protection) })?;
        Ok(zeros)
    }

    /// Where they are until they are moved.
    pub fn pages(&self) -> Span {
        self.0
    }

    /// Moves the pages over those of `place`, which has their length.
    ///
    /// # Safety
    ///
    /// The place is one that may be mapped anew.
    pub unsafe fn move_to(self, place: Span) -> Result<()> {
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        let (start, len) = self.memory();
        let place = place.start as *mut c_void;
        // SAFETY: the place may be mapped anew, and nobody else knows of the pages.
        match unsafe { libc::mremap(start, len, len, flags, place) } {
            libc::MAP_FAILED => Err(Error::last()),
            _ => {
                mem::forget(self); // They are the place's now.
                Ok(())
            }
        }
    }

    fn memory(&self) -> (*mut c_void, usize) {
        (self.0.start as *mut c_void, self.0.end - self.0.start)
    }

    /// Whether they were locked when they were mapped, which msync(2) tells.
    fn are_locked(&self) -> bool {
        let (start, len) = self.memory();
        // SAFETY: there is nothing to write back.
        unsafe { libc::msync(start, len, libc::MS_INVALIDATE) == -1 }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let (start, len) = self.memory();
        // SAFETY: it was mapped by `map`, and nobody else knows of it.
        unsafe { libc::munmap(start, len) };
    }
}
