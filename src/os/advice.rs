//! Advice: how a program will use pages, or what the kernel should do with them.

/// How a program will use pages, or what the kernel should do with them (madvise(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Advice {
    /// No particular use.
    #[default]
    Normal,
    /// The pages are read in order: the kernel reads far ahead.
    Sequential,
    /// The pages are read in no order: the kernel reads nothing ahead.
    Random,
    /// The pages are needed soon: the kernel begins to read them.
    WillNeed,
    /// The pages are not needed soon: the mapping releases them.
    DontNeed,
    /// Use huge pages for this range.
    HugePage,
    /// Use no huge pages for this range.
    NoHugePage,
    /// The pages are the first to be reclaimed when memory is short.
    Cold,
    /// The pages are reclaimed now, from the page cache too.
    PageOut,
    /// A child of fork does not get the pages.
    DontFork,
    /// A child of fork gets zeros instead.
    WipeOnFork,
    /// A core dump does not contain the pages.
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
