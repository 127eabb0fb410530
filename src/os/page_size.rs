//! The size of the system's pages.

/// The system's page size in bytes, asked once.
pub fn page_size() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    static PAGE_SIZE: AtomicUsize = AtomicUsize::new(0);
    // Relaxed, both: a number, and the same one for every caller.
    match PAGE_SIZE.load(Relaxed) {
        0 => {
            // SAFETY: sysconf takes any name and touches no memory of ours.
            let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
            PAGE_SIZE.store(size, Relaxed);
            size
        }
        size => size,
    }
}

/// The page sizes that Linux can have (arch/arm64/Kconfig, choice "Page size"), and that of a huge page.
#[cfg(test)]
pub const PAGE_SIZES: [usize; 4] = [4 << 10, 16 << 10, 64 << 10, 2 << 20];
