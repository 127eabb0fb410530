//! The mappings and files of the header, modelled in plain memory. The contents of a file are what pread(2) returns.
//! They must be what all its writers wrote.

use crate::abi::*;
use crate::script::PAGE;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

pub const READ_ONLY: u32 = 1;
pub const READ_WRITE: u32 = 2;
pub const COPY_ON_WRITE: u32 = 3;

/// A file. Anonymous memory is modelled as a file without other users.
pub struct File {
    /// The bytes that it must have.
    pub bytes: Vec<u8>,
    /// The file, by a descriptor that the library does not have; None for anonymous memory.
    pub plain: Option<std::fs::File>,
    pub anonymous: bool,
    /// The places behind its end, in its last page, that mappings wrote to. On tmpfs they reappear when it grows.
    strays: BTreeSet<u64>,
}

impl File {
    pub fn new(bytes: Vec<u8>, plain: Option<std::fs::File>) -> File {
        File {
            bytes,
            plain,
            anonymous: false,
            strays: BTreeSet::new(),
        }
    }

    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The end of its last page. A mapping has no pages of it from there on.
    pub fn pages_end(&self) -> u64 {
        self.size().next_multiple_of(PAGE)
    }

    /// Returns what pread(2) reads.
    fn look(plain: &std::fs::File) -> Vec<u8> {
        let size = plain.metadata().expect("it is open").len();
        let mut bytes = vec![0; size as usize];
        plain.read_exact_at(&mut bytes, 0).expect("nobody cuts it");
        bytes
    }

    /// Asserts that the file has the bytes that it must have.
    pub fn check(&self) {
        let Some(plain) = &self.plain else { return };
        let there = File::look(plain);
        assert_eq!(there.len(), self.bytes.len(), "the size of the file");
        if there != self.bytes {
            let differs = there.iter().zip(&self.bytes).position(|(a, b)| a != b);
            let at = differs.expect("they are of one length");
            let (is, must) = (there[at], self.bytes[at]);
            panic!("byte {at} of the file is {is}, and must be {must}");
        }
    }

    /// Takes bytes that cannot be predicted from the file.
    fn learn(&mut self, places: impl Iterator<Item = u64>) {
        let places: Vec<u64> = places.filter(|place| *place < self.size()).collect();
        let Some(plain) = self.plain.as_ref().filter(|_| !places.is_empty()) else {
            return;
        };
        let there = File::look(plain);
        for place in places {
            if let Some(byte) = there.get(place as usize) {
                self.bytes[place as usize] = *byte;
            }
        }
    }

    /// Sets the size. New bytes are zero, except those that a mapping wrote there before.
    pub fn set_size(&mut self, size: u64) {
        let before = self.size();
        self.bytes.resize(size as usize, 0);
        if size < before {
            self.strays.clear(); // The kernel zeroes the rest of the last page.
        }
        let shown: Vec<u64> = self.strays.iter().copied().collect();
        self.strays.retain(|place| *place >= size);
        if self.keeps_strays() {
            self.learn(shown.into_iter());
        }
    }

    /// Returns whether it is on tmpfs, as memfds are.
    fn keeps_strays(&self) -> bool {
        const TMPFS: i64 = 0x0102_1994;
        self.plain.as_ref().is_some_and(|plain| {
            // SAFETY: a zeroed statfs is valid.
            let mut told: libc::statfs = unsafe { std::mem::zeroed() };
            // SAFETY: the output points to a statfs.
            let status = unsafe { libc::fstatfs(plain.as_raw_fd(), &mut told) };
            status == 0 && told.f_type as i64 == TMPFS
        })
    }

    /// Empties it and fills it with zeros.
    pub fn renew(&mut self, size: u64) {
        self.bytes = vec![0; size as usize];
        self.strays.clear();
    }

    /// Notes that a mapping has written at a place; None are bytes that cannot be predicted.
    fn written(&mut self, place: u64, byte: Option<u8>) {
        match (self.bytes.get_mut(place as usize), byte) {
            (Some(there), Some(byte)) => *there = byte,
            (Some(_), None) => self.learn(std::iter::once(place)),
            (None, _) => drop(self.strays.insert(place)),
        }
    }

    /// Appends as another writer does.
    pub fn append(&mut self, bytes: &[u8]) {
        let plain = self.plain.as_ref().expect("it can be opened");
        let link = format!("/proc/self/fd/{}", plain.as_raw_fd());
        let opened = OpenOptions::new().append(true).open(link);
        let mut opened = opened.expect("it is there");
        opened.write_all(bytes).expect("there is room");
        self.set_size(self.size() + bytes.len() as u64);
        let start = self.bytes.len() - bytes.len();
        self.bytes[start..].copy_from_slice(bytes);
    }

    /// Writes as another writer does, at a place that may be behind the end.
    pub fn overwrite(&mut self, at: u64, bytes: &[u8]) {
        let plain = self.plain.as_ref().expect("it can be opened");
        plain.write_all_at(bytes, at).expect("there is room");
        if bytes.is_empty() {
            return;
        }
        let end = at + bytes.len() as u64;
        if end > self.size() {
            self.set_size(end);
        }
        self.bytes[at as usize..end as usize].copy_from_slice(bytes);
    }

    /// Punches a hole as another writer does, if the file system has holes.
    pub fn punch(&mut self, range: Range<u64>) {
        let plain = self.plain.as_ref().expect("it can be opened");
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        let (start, len) = (range.start as i64, (range.end - range.start) as i64);
        // SAFETY: its arguments are numbers.
        if len == 0 || unsafe { libc::fallocate(plain.as_raw_fd(), mode, start, len) } != 0 {
            return;
        }
        let inside = range.start.min(self.size())..range.end.min(self.size());
        self.bytes[inside.start as usize..inside.end as usize].fill(0);
        self.strays.retain(|place| !range.contains(place));
    }

    /// Sets its size as another writer does.
    pub fn cut(&mut self, size: u64) {
        let plain = self.plain.as_ref().expect("it can be opened");
        plain.set_len(size).expect("it can be sized");
        self.set_size(size);
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
    /// Whether its descriptor can be written to.
    pub writes: bool,
    pub pins: u32,
    pub open: bool,
    /// The private pages of a copy-on-write mapping; None are bytes that cannot be predicted.
    own: BTreeMap<u64, Vec<Option<u8>>>,
    /// The bytes that it reads can no longer be predicted.
    pub vague: bool,
    /// The lost bytes, from the beginning of the mapping, as the library reports them.
    pub lost: Vec<Range<u64>>,
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
            lost: Vec::new(),
        }
    }

    pub fn has_descriptor(&self) -> bool {
        !self.file.borrow().anonymous && self.flags & NO_DESCRIPTOR == 0
    }

    pub fn any_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    /// Returns whether a byte of the range is reported as lost.
    pub fn lost(&self, range: &Range<u64>) -> bool {
        let overlap = |lost: &Range<u64>| lost.start < range.end && range.start < lost.end;
        !range.is_empty() && self.lost.iter().any(overlap)
    }

    /// Returns the pages of the file that contain a range.
    pub fn pages_of(&self, range: &Range<u64>) -> impl Iterator<Item = u64> + use<> {
        let (start, end) = (range.start + self.offset, range.end + self.offset);
        start / PAGE..if range.is_empty() {
            start / PAGE
        } else {
            end.div_ceil(PAGE)
        }
    }

    /// Returns the bytes of a page of the file that the mapping contains.
    pub fn part_of(&self, page: u64) -> Range<u64> {
        let start = (page * PAGE).saturating_sub(self.offset);
        start
            ..((page + 1) * PAGE)
                .saturating_sub(self.offset)
                .min(self.len)
    }

    /// Returns the pages of a range that the file does not have and that are not reported as lost yet.
    pub fn missing(&self, range: &Range<u64>) -> Vec<u64> {
        let end = self.file.borrow().pages_end() / PAGE;
        let whole = |page: u64| {
            let part = self.part_of(page);
            let within = |lost: &Range<u64>| lost.start <= part.start && part.end <= lost.end;
            self.lost.iter().any(within)
        };
        let pages = self.pages_of(range);
        pages.filter(|page| *page >= end && !whole(*page)).collect()
    }

    /// Returns the bytes of the mapping that the file has.
    pub fn there(&self) -> Range<u64> {
        let size = self.file.borrow().size();
        0..size.saturating_sub(self.offset).min(self.len)
    }

    /// Returns the byte at a place, None if it cannot be predicted: behind the end of the file, in its last page.
    pub fn byte(&self, at: u64) -> Option<u8> {
        let place = self.offset + at;
        if self.vague {
            return None;
        }
        if let Some(page) = self.own.get(&(place / PAGE)) {
            return page[(place % PAGE) as usize];
        }
        self.file.borrow().bytes.get(place as usize).copied()
    }

    pub fn bytes(&self, range: &Range<u64>) -> Vec<Option<u8>> {
        range.clone().map(|at| self.byte(at)).collect()
    }

    /// Writes bytes; None are those that cannot be predicted.
    pub fn write(&mut self, at: u64, bytes: &[Option<u8>]) {
        let range = at..at + bytes.len() as u64;
        if self.opened == COPY_ON_WRITE {
            self.copy(&range);
        }
        for (place, byte) in (at + self.offset..).zip(bytes) {
            if self.opened == COPY_ON_WRITE {
                let page = self.own.get_mut(&(place / PAGE)).expect("it was copied");
                page[(place % PAGE) as usize] = *byte;
            } else {
                self.file.borrow_mut().written(place, *byte);
            }
        }
    }

    /// Makes the pages that contain a range private to this mapping.
    pub fn copy(&mut self, range: &Range<u64>) {
        let pages: Vec<u64> = self.pages_of(range).collect();
        for page in pages {
            let file = self.file.borrow();
            let bytes = file.bytes.iter().skip((page * PAGE) as usize);
            let mut copy: Vec<_> = bytes.take(PAGE as usize).copied().map(Some).collect();
            copy.resize(PAGE as usize, None);
            self.own.entry(page).or_insert(copy);
        }
    }

    /// Notes another size of the file. A truncation drops private copies with their pages (truncate_pagecache in
    /// mm/truncate.c).
    pub fn file_was_cut(&mut self) {
        let end = self.file.borrow().pages_end() / PAGE;
        self.own.retain(|page, _| *page < end);
    }

    /// Sets its length. Whether private copies behind it remain depends on the capacity.
    pub fn set_len(&mut self, len: u64) {
        if len < self.len && !self.own.is_empty() {
            self.vague = true;
        }
        self.len = len;
    }
}
