//! Advice: what the program will do with pages, or wants done with them.

/// What the program will do with pages, or wants done with them (madvise(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Advice {
    /// Nothing in particular.
    #[default]
    Normal,
    /// They are read in order: the kernel reads far ahead.
    Sequential,
    /// They are read in no order: the kernel reads nothing ahead.
    Random,
    /// They are needed soon: the kernel begins to read them.
    WillNeed,
    /// They are not needed soon: this mapping lets go of them.
    DontNeed,
    /// Huge pages are worth having.
    HugePage,
    /// They are not.
    NoHugePage,
    /// They are the first to go when memory is short.
    Cold,
    /// They go now, out of the page cache too.
    PageOut,
    /// A child of fork doesn't have them.
    DontFork,
    /// A child of fork finds zeros.
    WipeOnFork,
    /// A core dump doesn't have them.
    DontDump,
}

impl Advice {
    /// Whether it is kept with the pages and heeded later, instead of being done at once.
    pub fn lasts(self) -> bool {
        use Advice::*;
        match self {
            Sequential | Random | HugePage | NoHugePage | DontFork | WipeOnFork | DontDump => true,
            Normal | WillNeed | DontNeed | Cold | PageOut => false,
        }
    }

    /// As madvise(2) has it.
    pub fn number(self) -> i32 {
        match self {
            Advice::Normal => libc::MADV_NORMAL,
            Advice::Sequential => libc::MADV_SEQUENTIAL,
            Advice::Random => libc::MADV_RANDOM,
            Advice::WillNeed => libc::MADV_WILLNEED,
            Advice::DontNeed => libc::MADV_DONTNEED,
            Advice::HugePage => libc::MADV_HUGEPAGE,
            Advice::NoHugePage => libc::MADV_NOHUGEPAGE,
            Advice::Cold => libc::MADV_COLD,
            Advice::PageOut => libc::MADV_PAGEOUT,
            Advice::DontFork => libc::MADV_DONTFORK,
            Advice::WipeOnFork => libc::MADV_WIPEONFORK,
            Advice::DontDump => libc::MADV_DONTDUMP,
        }
    }
}
