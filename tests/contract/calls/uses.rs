//! The calls that use one mapping, and what the model expects of each.

use crate::abi::*;
use crate::model::{COPY_ON_WRITE, Mapping, READ_ONLY, READ_WRITE};
use crate::script::{Call, PAGE, Range as Place};
use std::collections::BTreeSet;
use std::ops::Range;

/// The mapping of a call, and whether the call may shorten the file.
pub fn slot_of(call: &Call) -> (u8, bool) {
    match call {
        Call::Resize(slot, _) => (*slot, true),
        Call::Read(slot, _)
        | Call::Write(slot, ..)
        | Call::Fill(slot, ..)
        | Call::Move(slot, ..)
        | Call::Find(slot, ..)
        | Call::Flush(slot, ..)
        | Call::Refresh(slot)
        | Call::Check(slot, _)
        | Call::Recover(slot)
        | Call::Fault(slot)
        | Call::Protect(slot, _)
        | Call::Advise(slot, ..)
        | Call::Prefault(slot, ..)
        | Call::Residency(slot, _)
        | Call::Add(slot, ..) => (*slot, false),
        _ => unreachable!("{call:?} is on more than one mapping"),
    }
}

/// Makes the call with `handle`, which is that of `mapping`, or of none.
pub fn make(call: &Call, handle: u64, mapping: Option<&mut Mapping>, busy: bool) {
    let mut nobody = BTreeSet::from([HANDLE]);
    if let Call::Flush(_, _, 2..) | Call::Prefault(_, _, 2..) | Call::Protect(_, 2..) = call {
        nobody.insert(INVALID); // Arguments may be checked first.
    }
    if let Call::Advise(..) = call {
        nobody.insert(INVALID);
    }
    let Some(mapping) = mapping else {
        let status = match call {
            Call::Read(_, place) => read(handle, place).0,
            Call::Write(_, place, seed) => write(handle, place, *seed).0,
            _ => bare(call, handle),
        };
        return assert!(
            nobody.contains(&status),
            "{call:?} answers {status} of nobody's handle"
        );
    };
    let used = Used {
        handle,
        mapping,
        busy,
        touched: Vec::new(),
        looked: Vec::new(),
    };
    used.call(call);
}

/// Asserts that a mapping has the bytes of its file, and that the lost pages are those reported.
pub fn shows(mapping: &Mapping, by_pointer: bool) {
    assert_eq!(told(mapping), mapping.lost);
    let there = mapping.there();
    if mapping.opened == COPY_ON_WRITE || mapping.lost(&there) || there.is_empty() {
        return;
    }
    let mut shown = vec![0; there.end as usize];
    let (mut data, mut len) = (std::ptr::null_mut(), 0);
    // SAFETY: the buffer has that length, and no other thread shortens the file or closes the mapping.
    unsafe {
        assert_eq!(memmap_data(mapping.handle, &mut data, &mut len), 0);
        assert_eq!(len, mapping.len);
        match by_pointer {
            true => std::ptr::copy_nonoverlapping(data, shown.as_mut_ptr(), shown.len()),
            false => {
                let read = memmap_read(mapping.handle, 0, shown.as_mut_ptr(), there.end);
                assert_eq!(read, 0);
            }
        }
    }
    let file = mapping.file.borrow();
    let start = mapping.offset as usize;
    assert!(
        shown == file.bytes[start..start + shown.len()],
        "a mapping shows something else than its file"
    );
}

fn fault_of(handle: u64) -> Fault {
    let mut fault = Fault {
        size: size_of::<Fault>() as u32,
        ..Fault::default()
    };
    // SAFETY: the member size is the size of the struct.
    assert_eq!(unsafe { memmap_get_fault(handle, &mut fault) }, 0);
    fault
}

/// Returns the lost pages that memmap_get_fault and memmap_check report.
fn told(mapping: &Mapping) -> Vec<Range<u64>> {
    let fault = fault_of(mapping.handle);
    if fault.count == 0 {
        assert_eq!((fault.offset, fault.length), (0, 0));
        return Vec::new();
    }
    let all = fault.offset..fault.offset + fault.length;
    assert!(all.end <= mapping.len);
    let mut lost: Vec<Range<u64>> = Vec::new();
    for page in mapping.pages_of(&all) {
        let part = mapping.part_of(page);
        let part = part.start.max(all.start)..part.end.min(all.end);
        // SAFETY: its arguments are numbers.
        let status = unsafe { memmap_check(mapping.handle, part.start, part.end - part.start) };
        match (status, lost.last_mut()) {
            (0, _) => {}
            (FAULT, Some(last)) if last.end == part.start => last.end = part.end,
            (FAULT, _) => lost.push(part),
            (other, _) => panic!("memmap_check answers {other}"),
        }
    }
    if !all.is_empty() {
        let ends = (lost.first(), lost.last());
        let (Some(first), Some(last)) = ends else {
            panic!("nothing is lost of what is told to be");
        };
        assert_eq!(first.start..last.end, all);
    }
    lost
}

struct Used<'m> {
    handle: u64,
    mapping: &'m mut Mapping,
    busy: bool,
    /// The pages that the call must touch, and those that it may.
    touched: Vec<Range<u64>>,
    looked: Vec<Range<u64>>,
}

/// The length of a buffer for every valid range: more than any mapping has.
const ROOM: usize = 8 * PAGE as usize;

fn room(len: u64) -> u64 {
    len.min(ROOM as u64)
}

fn read(handle: u64, place: &Place) -> (i32, Vec<u8>) {
    let mut to = vec![0xA5; ROOM];
    let (offset, len) = (place.0.value(), room(place.1.value()));
    // SAFETY: the buffer has that length.
    let status = unsafe { memmap_read(handle, offset, to.as_mut_ptr(), len) };
    (status, to)
}

fn written(seed: u8, len: u64) -> Vec<u8> {
    (0..len)
        .map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed))
        .collect()
}

fn write(handle: u64, place: &Place, seed: u8) -> (i32, Vec<u8>) {
    let bytes = written(seed, room(place.1.value()));
    // SAFETY: the bytes have that length.
    let status =
        unsafe { memmap_write(handle, place.0.value(), bytes.as_ptr(), bytes.len() as u64) };
    (status, bytes)
}

/// The calls that return a status and have no output.
fn bare(call: &Call, handle: u64) -> i32 {
    let mut out = (0u64, 0u32);
    let mut fault = Fault {
        size: size_of::<Fault>() as u32,
        ..Fault::default()
    };
    let span = |place: &Place| (place.0.value(), place.1.value());
    // SAFETY: their arguments are numbers, and pointers to values of the right type.
    unsafe {
        match call {
            Call::Fill(_, place, byte) => memmap_fill(handle, span(place).0, span(place).1, *byte),
            Call::Move(_, to, place) => {
                memmap_move(handle, to.value(), span(place).0, span(place).1)
            }
            Call::Find(_, place, needle, len, last) => {
                let (from, to) = span(place);
                let (needle, len) = (needle.as_ptr(), u64::from(len % 3));
                match last {
                    true => memmap_rfind(handle, from, to, needle, len, &mut out.0),
                    false => memmap_find(handle, from, to, needle, len, &mut out.0),
                }
            }
            Call::Flush(_, place, mode) => {
                memmap_flush(handle, span(place).0, span(place).1, u32::from(mode % 4))
            }
            Call::Resize(_, len) => memmap_resize(handle, len.value()),
            Call::Refresh(_) => memmap_refresh(handle, &mut out.0),
            Call::Check(_, place) => memmap_check(handle, span(place).0, span(place).1),
            Call::Recover(_) => memmap_recover(handle),
            Call::Fault(_) => memmap_get_fault(handle, &mut fault),
            Call::Protect(_, access) => memmap_protect(handle, u32::from(access % 5)),
            Call::Advise(_, place, advice) => memmap_advise(
                handle,
                span(place).0,
                span(place).1,
                u32::from(*advice % 14),
            ),
            Call::Prefault(_, place, mode) => {
                memmap_prefault(handle, span(place).0, span(place).1, u32::from(mode % 3))
            }
            Call::Residency(_, place) => memmap_residency(
                handle,
                span(place).0,
                span(place).1,
                std::ptr::null_mut(),
                0,
                &mut out.0,
            ),
            Call::Add(_, at, value, true) => {
                memmap_atomic_add64(handle, at.value(), *value, &mut out.0)
            }
            Call::Add(_, at, value, false) => {
                memmap_atomic_add32(handle, at.value(), *value as u32, &mut out.1)
            }
            _ => unreachable!("{call:?} is made elsewhere"),
        }
    }
}

/// The bytes of a range in the model, and the statuses that the call may return instead of 0.
type Answers = Vec<i32>;

impl Used<'_> {
    fn range(&self, place: &Place, to_end: bool) -> Option<Range<u64>> {
        let (offset, len) = (place.0.value(), place.1.value());
        let len = match len {
            TO_END if to_end => self.mapping.len.checked_sub(offset)?,
            len => len,
        };
        let end = offset.checked_add(len)?;
        (end <= self.mapping.len).then_some(offset..end)
    }

    #[track_caller]
    fn check(&self, call: &Call, status: i32, wrong: &Answers) -> bool {
        match wrong.is_empty() {
            true => assert_eq!(status, 0, "{call:?}: nothing was wrong"),
            false => assert!(
                wrong.contains(&status),
                "{call:?}: {status}, not of {wrong:?}"
            ),
        }
        status == 0
    }

    fn call(mut self, call: &Call) {
        let size = self.mapping.file.borrow().size();
        self.make(call);
        self.settle(size);
    }

    /// Compares the reported loss. Lost pages stay lost until they are recovered. Other pages are lost only if they
    /// were touched and are behind the size that the file had.
    fn settle(&mut self, size: u64) {
        let mapping = &*self.mapping;
        let (old, new) = (&mapping.lost, told(mapping));
        let within = |range: &Range<u64>, all: &[Range<u64>]| {
            all.iter()
                .any(|lost| lost.start <= range.start && range.end <= lost.end)
        };
        assert!(
            old.iter().all(|range| within(range, &new)),
            "{old:?}, {new:?}"
        );
        let missing = |ranges: &[Range<u64>]| -> Vec<u64> {
            ranges
                .iter()
                .flat_map(|range| mapping.missing(range))
                .collect()
        };
        let (must, may) = (missing(&self.touched), missing(&self.looked));
        let is_lost = |page: &u64| within(&mapping.part_of(*page), &new);
        assert!(
            must.is_empty() || must.iter().any(is_lost),
            "{must:?} of {new:?}"
        );
        if must.is_empty() && may.is_empty() {
            assert_eq!(*old, new, "nothing was touched that the file doesn't have");
        }
        for range in &new {
            let before = old
                .iter()
                .find(|old| old.start < range.end && range.start < old.end);
            let first = before.is_none_or(|before| range.start < before.start);
            assert!(
                !first || mapping.offset + range.start >= size,
                "{new:?}: the file has it"
            );
        }
        self.mapping.lost = new;
    }

    fn make(&mut self, call: &Call) {
        match call {
            Call::Read(_, place) => self.read(call, place),
            Call::Write(_, place, seed) => self.write(call, place, *seed),
            Call::Fill(_, place, byte) => self.fill(call, place, *byte),
            Call::Move(_, to, place) => self.move_within(call, to.value(), place),
            Call::Find(_, place, needle, len, last) => {
                self.find(place, &needle[..usize::from(len % 3)], *last)
            }
            Call::Flush(_, place, mode) => self.flush(call, place, mode % 4),
            Call::Resize(_, len) => self.resize(call, len.value()),
            Call::Refresh(_) => self.refresh(call),
            Call::Check(_, place) => {
                let range = self.range(place, true);
                let mut wrong = outside(&range);
                wrong.extend(
                    range
                        .filter(|range| self.mapping.lost(range))
                        .map(|_| FAULT),
                );
                self.check(call, bare(call, self.handle), &wrong);
            }
            Call::Recover(_) => self.recover(call),
            Call::Fault(_) => drop(fault_of(self.handle)), // The result is compared after each call.
            Call::Protect(_, access) => self.protect(call, u32::from(access % 5)),
            Call::Advise(_, place, advice) => self.advise(place, u32::from(*advice % 14)),
            Call::Prefault(_, place, mode) => self.prefault(call, place, mode % 3),
            Call::Residency(_, place) => {
                let wrong = outside(&self.range(place, true));
                self.check(call, bare(call, self.handle), &wrong);
            }
            Call::Add(_, at, value, wide) => self.add(call, at.value(), *value, *wide),
            _ => unreachable!("{call:?} is made elsewhere"),
        }
    }

    /// Notes that a copy touches ranges. Returns whether some of them are lost.
    fn touch(&mut self, ranges: &[Range<u64>]) -> Touched {
        if ranges.iter().any(|range| self.mapping.lost(range)) {
            return Touched::Refused;
        }
        self.touched = ranges.to_vec();
        match ranges
            .iter()
            .all(|range| self.mapping.missing(range).is_empty())
        {
            true => Touched::Whole,
            // The tail may begin behind the requested range, in the last page.
            false => Touched::Missed,
        }
    }

    fn read(&mut self, call: &Call, place: &Place) {
        let range = self.range(&Place(place.0, place.1), false);
        let (status, to) = read(self.handle, place);
        let Some(range) = range.filter(|_| place.1.value() <= ROOM as u64) else {
            self.check(call, status, &vec![RANGE]);
            return assert!(to.iter().all(|byte| *byte == 0xA5), "none was copied");
        };
        let wrong = fault_if(self.touch(std::slice::from_ref(&range)) != Touched::Whole);
        if self.check(call, status, &wrong) {
            for (at, (known, read)) in self.mapping.bytes(&range).iter().zip(&to).enumerate() {
                let same = known.is_none_or(|known| known == *read);
                assert!(same, "{call:?}: byte {at} is {read}, not {known:?}");
            }
        }
    }

    fn changed(
        &mut self,
        call: &Call,
        status: i32,
        at: u64,
        bytes: &[Option<u8>],
        touched: Touched,
    ) {
        let wrong = fault_if(touched != Touched::Whole);
        match (self.check(call, status, &wrong), touched) {
            (true, _) => self.mapping.write(at, bytes),
            // Which part was copied cannot be predicted.
            (false, Touched::Missed) => {
                self.mapping.write(at, &vec![None; bytes.len()]);
                self.mapping.vague |= self.mapping.opened == COPY_ON_WRITE;
            }
            (false, _) => {}
        }
    }

    fn not_writable(&self) -> bool {
        self.mapping.access == READ_ONLY
    }

    fn write(&mut self, call: &Call, place: &Place, seed: u8) {
        let range = self
            .range(place, false)
            .filter(|_| place.1.value() <= ROOM as u64);
        let (status, bytes) = write(self.handle, place, seed);
        let wrong = self.refused(&range);
        let Some(range) = range.filter(|_| wrong.is_empty()) else {
            self.check(call, status, &wrong);
            return;
        };
        let touched = self.touch(std::slice::from_ref(&range));
        let bytes: Vec<_> = bytes.into_iter().map(Some).collect();
        self.changed(call, status, range.start, &bytes, touched);
    }

    fn refused(&self, range: &Option<Range<u64>>) -> Answers {
        let mut wrong = outside(range);
        if self.not_writable() {
            wrong.push(ACCESS);
        }
        wrong
    }

    fn fill(&mut self, call: &Call, place: &Place, byte: u8) {
        let range = self.range(place, true);
        let status = bare(call, self.handle);
        let wrong = self.refused(&range);
        let Some(range) = range.filter(|_| wrong.is_empty()) else {
            self.check(call, status, &wrong);
            return;
        };
        let touched = self.touch(std::slice::from_ref(&range));
        let bytes = vec![Some(byte); (range.end - range.start) as usize];
        self.changed(call, status, range.start, &bytes, touched);
    }

    fn move_within(&mut self, call: &Call, to: u64, place: &Place) {
        let from = self.range(place, false);
        let len = place.1.value();
        let to = to
            .checked_add(len)
            .filter(|end| *end <= self.mapping.len)
            .map(|end| end - len..end);
        let status = bare(call, self.handle);
        let mut wrong = self.refused(&from);
        wrong.extend(outside(&to));
        let (Some(from), Some(to)) = (from, to) else {
            self.check(call, status, &wrong);
            return;
        };
        if !wrong.is_empty() {
            self.check(call, status, &wrong);
            return;
        }
        let bytes = self.mapping.bytes(&from);
        let touched = self.touch(&[to.clone(), from]);
        self.changed(call, status, to.start, &bytes, touched);
    }

    fn find(&mut self, place: &Place, needle: &[u8], last: bool) {
        let (from, to) = (place.0.value(), place.1.value());
        let (mut at, n) = (7, needle.len() as u64);
        // SAFETY: the needle has that length.
        let status = unsafe {
            match last {
                true => memmap_rfind(self.handle, from, to, needle.as_ptr(), n, &mut at),
                false => memmap_find(self.handle, from, to, needle.as_ptr(), n, &mut at),
            }
        };
        let to = if to == TO_END { self.mapping.len } else { to };
        if from > self.mapping.len || to > self.mapping.len {
            assert_eq!(status, RANGE);
            return;
        }
        let range = from..to.max(from);
        self.looked = vec![range.clone()];
        if self.mapping.lost(&range) || !self.mapping.missing(&range).is_empty() {
            // How far it searched depends on where the needle was.
            return assert!(status == 0 || status == FAULT, "{status}");
        }
        assert_eq!(status, 0);
        let known: Option<Vec<u8>> = self.mapping.bytes(&range).into_iter().collect();
        if let Some(known) = known {
            assert_eq!(at, expected(&known, from, to, needle, last));
        }
    }

    fn flush(&mut self, call: &Call, place: &Place, mode: u8) {
        let range = self.range(place, true);
        let anonymous = self.mapping.file.borrow().anonymous;
        let mut wrong = outside(&range);
        // "from MEMMAP_FLUSH_SYNC when the file has become shorter than the range (without a descriptor that is not
        // seen)"
        let cut = mode == 0
            && self.mapping.has_descriptor()
            && range.as_ref().is_some_and(|range| {
                let end = self.mapping.offset + range.end;
                !range.is_empty() && self.mapping.file.borrow().size() < end
            });
        for (condition, status) in [
            (mode == 3, INVALID),
            (self.mapping.opened == COPY_ON_WRITE, ACCESS),
            (anonymous, UNSUPPORTED),
            (self.mapping.any_lost(), FAULT),
            (cut, FAULT),
        ] {
            wrong.extend(condition.then_some(status));
        }
        self.check(call, bare(call, self.handle), &wrong);
    }

    fn capacity(&self) -> u64 {
        let mut info = Info {
            size: size_of::<Info>() as u32,
            ..Info::default()
        };
        // SAFETY: the member size is the size of the struct.
        assert_eq!(unsafe { memmap_get_info(self.handle, &mut info) }, 0);
        assert_eq!(
            (info.length, info.pins),
            (self.mapping.len, self.mapping.pins)
        );
        assert_eq!(info.access, self.mapping.access);
        assert!(info.capacity >= info.length);
        info.capacity
    }

    fn moves(&self, new: u64) -> bool {
        new < self.mapping.len || new > self.capacity()
    }

    fn resize(&mut self, call: &Call, new: u64) {
        let (mapping, huge) = (&self.mapping, new > 7 * PAGE);
        let anonymous = mapping.file.borrow().anonymous;
        let size = mapping.file.borrow().size();
        let stays = mapping.offset.saturating_add(mapping.len.min(new));
        let mut wrong = Answers::new();
        for (condition, status) in [
            (mapping.any_lost(), FAULT),
            (size < stays, FAULT), // Another writer has shortened it, and a new length must not hide that.
            (huge, LIMIT),
            (mapping.access != READ_WRITE, ACCESS),
            (!anonymous && !mapping.has_descriptor(), UNSUPPORTED),
            (self.moves(new) && mapping.pins > 0, BUSY),
        ] {
            wrong.extend(condition.then_some(status));
        }
        let status = bare(call, self.handle);
        if self.busy && wrong.is_empty() && status == BUSY {
            return;
        }
        if !self.check(call, status, &wrong) {
            return;
        }
        // If a mapping ends before its file, shrinking changes the mapping only, and growing maps bytes of the file.
        let (old_end, new_end) = (mapping.offset + mapping.len, mapping.offset + new);
        let cuts = new < mapping.len && size <= old_end && new_end < size;
        if cuts || new_end > size {
            mapping.file.borrow_mut().set_size(new_end);
        }
        self.mapping.set_len(new);
    }

    fn refresh(&mut self, call: &Call) {
        let mapping = &self.mapping;
        let new = mapping.file.borrow().size().saturating_sub(mapping.offset);
        let mut wrong = Answers::new();
        for (condition, status) in [
            (!mapping.has_descriptor(), UNSUPPORTED),
            (mapping.any_lost(), FAULT),
            (self.moves(new) && mapping.pins > 0, BUSY),
        ] {
            wrong.extend(condition.then_some(status));
        }
        let mut len = 0;
        // SAFETY: the output points to a value of its type.
        let status = unsafe { memmap_refresh(self.handle, &mut len) };
        if self.busy && wrong.is_empty() && status == BUSY {
            return;
        }
        if self.check(call, status, &wrong) {
            assert_eq!(len, new);
            self.mapping.set_len(new);
        }
    }

    fn recover(&mut self, call: &Call) {
        let mapping = &self.mapping;
        let short = mapping.file.borrow().size() < mapping.offset + mapping.len;
        let lost = mapping.any_lost();
        let mut wrong = fault_if(lost && short);
        wrong.extend((lost && !mapping.has_descriptor()).then_some(UNSUPPORTED));
        let status = bare(call, self.handle);
        if self.busy && status == BUSY {
            return;
        }
        if self.check(call, status, &wrong) {
            self.mapping.lost.clear();
        }
    }

    fn protect(&mut self, call: &Call, access: u32) {
        let mapping = &self.mapping;
        let opened = mapping.opened;
        let mut wrong = Answers::new();
        for (condition, status) in [
            (access > COPY_ON_WRITE, INVALID),
            (
                access != 0 && access != READ_ONLY && access != opened,
                ACCESS,
            ),
            (mapping.pins > 0, BUSY),
        ] {
            wrong.extend(condition.then_some(status));
        }
        let status = bare(call, self.handle);
        if self.busy && wrong.is_empty() && status == BUSY {
            return;
        }
        if self.check(call, status, &wrong) {
            self.mapping.access = if access == 0 { opened } else { access };
        }
    }

    fn advise(&mut self, place: &Place, advice: u32) {
        const KEEPS: [u32; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
        if !KEEPS.contains(&advice) && advice < 12 {
            return; // The effects are on children of a fork and on core dumps.
        }
        let (offset, len) = (place.0.value(), place.1.value());
        let range = self.range(place, true);
        let anonymous = self.mapping.file.borrow().anonymous;
        // SAFETY: its arguments are numbers.
        let status = unsafe { memmap_advise(self.handle, offset, len, advice) };
        let private = anonymous || self.mapping.opened == COPY_ON_WRITE;
        if advice >= 12 {
            assert!(
                status == INVALID || range.is_none() && status == RANGE,
                "{status}"
            );
        } else if range.is_none() {
            assert!(status == RANGE || private && status == ACCESS, "{status}");
        } else if advice == 4 && private {
            assert_eq!(status, ACCESS);
        } else {
            // Only other kinds of memory have huge pages.
            assert!(
                status == 0 || status == UNSUPPORTED && (5..=8).contains(&advice),
                "{status}"
            );
        }
    }

    fn prefault(&mut self, call: &Call, place: &Place, mode: u8) {
        let range = self.range(place, true);
        let mut wrong = outside(&range);
        wrong.extend((mode == 2).then_some(INVALID));
        wrong.extend((mode == 1 && self.not_writable()).then_some(ACCESS));
        let status = bare(call, self.handle);
        let Some(range) = range.filter(|_| wrong.is_empty()) else {
            self.check(call, status, &wrong);
            return;
        };
        let copies = mode == 1 && self.mapping.opened == COPY_ON_WRITE;
        self.looked = vec![range.clone()];
        let lost = self.mapping.lost(&range) || !self.mapping.missing(&range).is_empty();
        if self.check(call, status, &fault_if(lost)) && copies {
            self.mapping.copy(&range);
        }
        self.mapping.vague |= copies && lost;
    }

    fn add(&mut self, call: &Call, at: u64, value: u64, wide: bool) {
        let size = if wide { 8 } else { 4 };
        let (mut before, mut narrow) = (0, 0);
        // SAFETY: each output points to a value of its type.
        let status = unsafe {
            match wide {
                true => memmap_atomic_add64(self.handle, at, value, &mut before),
                false => memmap_atomic_add32(self.handle, at, value as u32, &mut narrow),
            }
        };
        let end = at.checked_add(size).filter(|end| *end <= self.mapping.len);
        let range = end.map(|end| at..end);
        let mut wrong = self.refused(&range);
        let crooked = self.mapping.offset.wrapping_add(at) % size != 0;
        wrong.extend(crooked.then_some(INVALID));
        let Some(range) = range.filter(|_| wrong.is_empty()) else {
            self.check(call, status, &wrong);
            return;
        };
        let known: Option<Vec<u8>> = self.mapping.bytes(&range).into_iter().collect();
        let touched = self.touch(std::slice::from_ref(&range));
        let sum = known.map(|known| {
            let mut word = [0; 8];
            word[..known.len()].copy_from_slice(&known);
            let word = u64::from_le_bytes(word);
            if status == 0 {
                assert_eq!(word, before | u64::from(narrow));
            }
            word.wrapping_add(value)
        });
        let bytes: Vec<_> = (0..size)
            .map(|i| sum.map(|sum| (sum >> (8 * i)) as u8))
            .collect();
        self.changed(call, status, at, &bytes, touched);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Touched {
    /// No page is lost.
    Whole,
    /// A page was lost before, so that nothing is touched.
    Refused,
    /// A page was lost by this call.
    Missed,
}

fn outside(range: &Option<Range<u64>>) -> Answers {
    match range {
        Some(_) => Answers::new(),
        None => vec![RANGE],
    }
}

fn fault_if(lost: bool) -> Answers {
    if lost { vec![FAULT] } else { Answers::new() }
}

/// Searches the needle between two places byte by byte.
fn expected(bytes: &[u8], from: u64, to: u64, needle: &[u8], last: bool) -> u64 {
    if from > to {
        return u64::MAX;
    }
    let fits = (bytes.len() + 1).saturating_sub(needle.len());
    let mut places = (0..fits).filter(|at| bytes[*at..].starts_with(needle));
    let found = if last {
        places.next_back()
    } else {
        places.next()
    };
    found.map_or(u64::MAX, |at| from + at as u64)
}
