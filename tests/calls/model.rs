//! Mappings and files in plain memory: what the library has to answer.

use crate::abi::*;
use crate::script::PAGE;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;

pub const READ_ONLY: u32 = 1;
pub const READ_WRITE: u32 = 2;
pub const COPY_ON_WRITE: u32 = 3;

/// What a file holds, None where nobody can say; anonymous memory is one that nobody else has.
pub struct File {
    pub bytes: Vec<Option<u8>>,
    /// None for what has no name.
    pub path: Option<PathBuf>,
    pub anonymous: bool,
}

impl File {
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Behind its last page: from there on its pages can't be had.
    pub fn pages_end(&self) -> u64 {
        self.size().next_multiple_of(PAGE)
    }
}

pub type Shared = Rc<RefCell<File>>;

pub struct Mapping {
    pub handle: u64,
    pub file: Shared,
    pub offset: u64,
    pub len: u64,
    pub opened: u32,
    pub access: u32,
    pub flags: u32,
    /// Whether its descriptor allows writing.
    pub writes: bool,
    pub pins: u32,
    pub open: bool,
    /// Pages of the file that a copy-on-write mapping has of its own.
    own: BTreeMap<u64, Vec<Option<u8>>>,
    /// What it reads isn't known any more.
    pub vague: bool,
    /// Where what was lost to a truncation begins, from the beginning of the mapping on.
    tail: Option<u64>,
    /// Pages of the file that were lost one by one: without a descriptor nobody knows of the truncation.
    pages: BTreeSet<u64>,
}

impl Mapping {
    pub fn new(handle: u64, file: Shared, options: &Options, writes: bool) -> Mapping {
        let len = match options.length {
            0 => file.borrow().size() - options.offset,
            length => length,
        };
        Mapping {
            handle,
            file,
            offset: options.offset,
            len,
            opened: options.access,
            access: options.access,
            flags: options.flags,
            writes,
            pins: 0,
            open: true,
            own: BTreeMap::new(),
            vague: false,
            tail: None,
            pages: BTreeSet::new(),
        }
    }

    pub fn has_descriptor(&self) -> bool {
        !self.file.borrow().anonymous && self.flags & NO_DESCRIPTOR == 0
    }

    pub fn any_lost(&self) -> bool {
        self.tail.is_some() || !self.pages.is_empty()
    }

    /// Whether a byte of the range counts as lost.
    pub fn lost(&self, range: &Range<u64>) -> bool {
        let tail = self.tail.is_some_and(|tail| tail < range.end);
        !range.is_empty() && (tail || self.pages_of(range).any(|page| self.pages.contains(&page)))
    }

    /// Where what was lost begins, as memmap_get_fault has it.
    pub fn first_lost(&self) -> u64 {
        let page = self
            .pages
            .first()
            .map(|page| (page * PAGE).saturating_sub(self.offset));
        let first = self.tail.into_iter().chain(page).min();
        first.unwrap_or(0).min(self.len)
    }

    /// The pages of the file that hold a range.
    pub fn pages_of(&self, range: &Range<u64>) -> impl Iterator<Item = u64> + use<> {
        let (start, end) = (range.start + self.offset, range.end + self.offset);
        start / PAGE..if range.is_empty() {
            start / PAGE
        } else {
            end.div_ceil(PAGE)
        }
    }

    /// Whether touching a range meets a page that the file doesn't have and nothing stands in for.
    pub fn misses(&self, range: &Range<u64>) -> bool {
        let end = self.file.borrow().pages_end() / PAGE;
        let skipped = self.offset % PAGE;
        let replaced = self.tail.map(|tail| {
            let first = (self.offset - skipped) / PAGE;
            first + (tail + skipped).div_ceil(PAGE)
        });
        self.pages_of(range).any(|page| {
            page >= end && replaced.is_none_or(|from| page < from) && !self.pages.contains(&page)
        })
    }

    /// A range is touched: what the file doesn't have of it is lost from now on. Whether it was.
    pub fn touch(&mut self, range: &Range<u64>) -> bool {
        if !self.misses(range) {
            return false;
        }
        let (size, end) = (self.file.borrow().size(), self.file.borrow().pages_end());
        match self.has_descriptor() {
            true => {
                let there = size.saturating_sub(self.offset);
                self.tail = Some(self.tail.map_or(there, |tail| tail.min(there)));
            }
            false => self
                .pages
                .extend(self.pages_of(range).filter(|page| *page >= end / PAGE)),
        }
        true
    }

    pub fn recover(&mut self) {
        self.tail = None;
        self.pages.clear();
    }

    /// The byte at a place, None where nobody can say: behind the end of the file, in its last page.
    pub fn byte(&self, at: u64) -> Option<u8> {
        let place = self.offset + at;
        if self.vague {
            return None;
        }
        if let Some(page) = self.own.get(&(place / PAGE)) {
            return page[(place % PAGE) as usize];
        }
        self.file
            .borrow()
            .bytes
            .get(place as usize)
            .copied()
            .flatten()
    }

    pub fn bytes(&self, range: &Range<u64>) -> Vec<Option<u8>> {
        range.clone().map(|at| self.byte(at)).collect()
    }

    /// Writes bytes, None for those that nobody can say.
    pub fn write(&mut self, at: u64, bytes: &[Option<u8>]) {
        let range = at..at + bytes.len() as u64;
        if self.opened == COPY_ON_WRITE {
            self.copy(&range);
        }
        for (place, byte) in (at + self.offset..).zip(bytes) {
            if self.opened == COPY_ON_WRITE {
                let page = self.own.get_mut(&(place / PAGE)).expect("it was copied");
                page[(place % PAGE) as usize] = *byte;
            } else if let Some(there) = self.file.borrow_mut().bytes.get_mut(place as usize) {
                *there = *byte;
            }
        }
    }

    /// The pages that hold a range become this mapping's own.
    pub fn copy(&mut self, range: &Range<u64>) {
        let pages: Vec<u64> = self.pages_of(range).collect();
        for page in pages {
            let file = self.file.borrow();
            let bytes = file.bytes.iter().skip((page * PAGE) as usize);
            let mut copy: Vec<_> = bytes.take(PAGE as usize).copied().collect();
            copy.resize(PAGE as usize, None);
            self.own.entry(page).or_insert(copy);
        }
    }

    /// The file has got another size: a truncation takes the copies away with their pages (mm/truncate.c,
    /// truncate_pagecache).
    pub fn file_was_cut(&mut self) {
        let end = self.file.borrow().pages_end() / PAGE;
        self.own.retain(|page, _| *page < end);
    }

    /// Its length is another. Whether copies behind it are kept depends on the capacity.
    pub fn set_len(&mut self, len: u64) {
        if len < self.len && !self.own.is_empty() {
            self.vague = true;
        }
        self.len = len;
    }
}
