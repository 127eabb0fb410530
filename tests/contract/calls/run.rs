//! Runs a script with the library and with the model, and compares each result.

use crate::abi::*;
use crate::model::{COPY_ON_WRITE, File, Mapping, READ_ONLY, READ_WRITE, Shared};
use crate::script::{Call, FILES, How, Number, PAGE, SLOTS, Script, THREADS};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::rc::Rc;
use std::sync::Mutex;

/// Runs the calls of each thread concurrently. A thread has its own files and mappings, so that every result can be
/// predicted.
pub fn run(script: &Script) {
    // SAFETY: it has no arguments.
    assert_eq!(unsafe { memmap_guard_install() }, 0);
    let trace = std::env::var_os("MEMMAP_TRACE").is_some();
    let handles = Mutex::new(Vec::new());
    let calls_of = |thread| {
        let calls = script.0.iter().filter(move |(by, _)| *by == thread);
        calls.map(|(_, call)| call)
    };
    let alone = (1..THREADS).all(|thread| calls_of(thread).next().is_none());
    let work = |thread| {
        let folders = Folders::new();
        let mut state = State::new(&folders, alone, &handles);
        for call in calls_of(thread) {
            if trace {
                println!("{thread}: {call:?}");
            }
            state.step(call);
            state.look();
        }
        state.finish();
    };
    if alone {
        return work(0);
    }
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || work(thread));
        }
    });
}

/// The folders of the files: one on the file system of temporary files, and one on tmpfs if there is a tmpfs.
struct Folders([tempfile::TempDir; 2]);

impl Folders {
    fn new() -> Folders {
        let folder = || tempfile::tempdir().expect("a temporary folder");
        let memory = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| folder());
        Folders([folder(), memory])
    }

    /// The path of a named file.
    fn of(&self, file: usize) -> PathBuf {
        self.0[file % 2].path().join(file.to_string())
    }
}

/// A lock that is held: the handle, the file and the bytes.
struct Held {
    handle: u64,
    file: Shared,
    bytes: (u64, u64),
    exclusive: bool,
}

/// The state of one thread.
pub struct State<'s> {
    pub slots: Vec<Option<Mapping>>,
    stale: Vec<u64>,
    files: Vec<Option<Shared>>,
    folders: &'s Folders,
    steps: u64,
    held: Vec<Held>,
    /// No other thread uses its mappings, not even to read them.
    alone: bool,
    all: &'s Mutex<Vec<u64>>,
}

/// The errors of a call that the model expects: the call must return one of these statuses, or 0 if there is none.
#[derive(Default)]
struct Wrong(BTreeSet<i32>);

impl Wrong {
    fn when(mut self, condition: bool, status: i32) -> Wrong {
        if condition {
            self.0.insert(status);
        }
        self
    }

    /// Returns whether the call had to succeed. Asserts that it did, or failed with one of the statuses.
    #[track_caller]
    fn met(&self, status: i32) -> bool {
        match self.0.is_empty() {
            true => assert_eq!(status, 0, "nothing was wrong"),
            false => assert!(self.0.contains(&status), "{status}, not of {:?}", self.0),
        }
        status == 0
    }
}

fn path_of(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("there is no NUL in it")
}

/// Returns the bytes of a range, None if it is outside.
fn inside(mapping: &Mapping, offset: u64, len: u64) -> Option<std::ops::Range<u64>> {
    let len = match len {
        TO_END => mapping.len.checked_sub(offset)?,
        len => len,
    };
    let end = offset.checked_add(len)?;
    (end <= mapping.len).then_some(offset..end)
}

impl<'s> State<'s> {
    fn new(folders: &'s Folders, alone: bool, all: &'s Mutex<Vec<u64>>) -> State<'s> {
        State {
            slots: (0..SLOTS).map(|_| None).collect(),
            stale: vec![0; SLOTS.into()],
            files: vec![None; FILES.into()],
            folders,
            steps: 0,
            held: Vec::new(),
            alone,
            all,
        }
    }

    /// Returns the handle of a slot, or a stale one if the slot is empty.
    fn handle(&self, slot: u8) -> u64 {
        let slot = usize::from(slot % SLOTS);
        self.slots[slot]
            .as_ref()
            .map_or(self.stale[slot], |mapping| mapping.handle)
    }

    fn mapping(&mut self, slot: u8) -> Option<&mut Mapping> {
        let mapping = self.slots[usize::from(slot % SLOTS)].as_mut();
        mapping.filter(|mapping| mapping.open)
    }

    fn step(&mut self, call: &Call) {
        match call {
            Call::Create(slot, file, size, how) => self.create(*slot, *file, *size, how),
            Call::Open(slot, file, how) => self.open(*slot, *file, how),
            Call::FromFd(slot, of, how) => self.by_descriptor(*slot, *of, how),
            Call::Anonymous(slot, size, how) => self.anonymous(*slot, *size, how),
            Call::Memfd(slot, size, how) => self.memfd(*slot, *size, how),
            Call::Close(slot) => self.close(*slot),
            Call::Pin(slot) => self.pin(*slot),
            Call::Unpin(slot) => self.unpin(*slot),
            Call::Cut(..) | Call::Append(..) | Call::Overwrite(..) | Call::Punch(..) => {
                self.by_somebody_else(call)
            }
            Call::Lock(slot, range, mode) => {
                self.lock(*slot, range.0.value(), range.1.value(), *mode)
            }
            Call::Unlock(slot, range) => self.unlock(*slot, range.0.value(), range.1.value()),
            Call::Stray(which, what) => self.stray(*which, *what),
            Call::Invented(slot) => self.invented(*slot),
            _ => self.use_one(call),
        }
    }

    /// Returns a slot for a new mapping, after closing the mapping in it.
    fn free(&mut self, slot: u8) -> usize {
        let slot = usize::from(slot % SLOTS);
        while let Some(mapping) = &self.slots[slot] {
            match mapping.open {
                true => self.close(slot as u8),
                false => self.unpin(slot as u8),
            }
        }
        slot
    }

    fn put(&mut self, slot: usize, mapping: Mapping) {
        assert_ne!(mapping.handle, self.stale[slot], "a handle came twice");
        self.all
            .lock()
            .expect("nobody panics with it")
            .push(mapping.handle);
        let mut info = Info {
            size: size_of::<Info>() as u32,
            ..Info::default()
        };
        // SAFETY: the member size is the size of the struct.
        assert_eq!(unsafe { memmap_get_info(mapping.handle, &mut info) }, 0);
        assert_eq!((info.offset, info.length), (mapping.offset, mapping.len));
        assert_eq!((info.access, info.pins), (mapping.opened, 0));
        self.slots[slot] = Some(mapping);
    }

    fn create(&mut self, slot: u8, file: u8, size: Number, how: &How) {
        let slot = self.free(slot);
        let file = usize::from(file % FILES);
        let path = self.folders.of(file);
        let (options, size) = (options(how, READ_WRITE), size.value());
        let known = self.files[file].is_some();
        let huge = size > 6 * PAGE;
        let wrong = wrong_options(&options, how, EXCLUSIVE)
            .when(options.flags & EXCLUSIVE != 0 && known, libc::EEXIST)
            .when(huge, LIMIT)
            .when(huge, libc::EFBIG)
            .when(huge, libc::ENOSPC);
        let wrong = wrong_window(wrong, &options, size);
        let mut handle = 0;
        // SAFETY: the path is terminated, and options.size is the size of the options.
        let status =
            unsafe { memmap_create(path_of(&path).as_ptr().cast(), size, &options, &mut handle) };
        if !wrong.met(status) {
            return assert_eq!(path.exists(), known, "a call that fails makes no file");
        }
        let shared = self.files[file].get_or_insert_with(|| named(&path)).clone();
        shared.borrow_mut().renew(0);
        self.was_cut(&shared);
        shared.borrow_mut().renew(size);
        let mut mapping = Mapping::new(handle, shared, &options, true);
        if options.flags & PREFAULT != 0 && options.access == COPY_ON_WRITE {
            mapping.copy(&(0..mapping.len));
        }
        self.put(slot, mapping);
    }

    fn open(&mut self, slot: u8, file: u8, how: &How) {
        let slot = self.free(slot);
        let file = usize::from(file % FILES);
        let path = self.folders.of(file);
        let options = options(how, READ_ONLY);
        let shared = self.files[file].clone();
        let size = shared.as_ref().map_or(0, |file| file.borrow().size());
        let wrong = wrong_options(&options, how, 0).when(shared.is_none(), libc::ENOENT);
        let wrong = wrong_window(wrong, &options, size);
        let mut handle = 0;
        // SAFETY: the path is terminated, and options.size is the size of the options.
        let status = unsafe { memmap_open(path_of(&path).as_ptr().cast(), &options, &mut handle) };
        if wrong.met(status) {
            let shared = shared.expect("it was opened");
            let writes = options.access == READ_WRITE;
            self.put(slot, Mapping::new(handle, shared, &options, writes));
        }
    }

    fn by_descriptor(&mut self, slot: u8, of: u8, how: &How) {
        if slot % SLOTS == of % SLOTS {
            return; // Its source would be closed first.
        }
        let slot = self.free(slot);
        let mut fd = -1;
        // SAFETY: the output points to an i32.
        let status = unsafe { memmap_fd(self.handle(of), &mut fd) };
        let Some(source) = self.mapping(of) else {
            return assert_eq!(status, HANDLE);
        };
        if !Wrong::default()
            .when(!source.has_descriptor(), UNSUPPORTED)
            .met(status)
        {
            return;
        }
        let (file, writes) = (source.file.clone(), source.writes);
        let options = options(how, READ_ONLY);
        let wrong = wrong_options(&options, how, 0)
            .when(options.access == READ_WRITE && !writes, libc::EACCES);
        let wrong = wrong_window(wrong, &options, file.borrow().size());
        let mut handle = 0;
        // SAFETY: options.size is the size of the options.
        let status = unsafe { memmap_from_fd(fd, &options, &mut handle) };
        // SAFETY: memmap_fd gave this thread the descriptor, and nothing else uses it.
        unsafe { libc::close(fd) };
        if wrong.met(status) {
            self.put(slot, Mapping::new(handle, file, &options, writes));
        }
    }

    fn anonymous(&mut self, slot: u8, size: Number, how: &How) {
        let slot = self.free(slot);
        let (mut options, size) = (options(how, READ_WRITE), size.value());
        (options.offset, options.length) = (0, 0);
        let wrong = wrong_options(&options, how, 0)
            .when(options.access != READ_WRITE, INVALID)
            .when(options.flags & (SPARSE | NO_DESCRIPTOR) != 0, INVALID);
        self.new_memory(slot, size, options, wrong, true);
    }

    fn memfd(&mut self, slot: u8, size: Number, how: &How) {
        let slot = self.free(slot);
        let (options, size) = (options(how, READ_WRITE), size.value());
        let wrong = wrong_window(wrong_options(&options, how, 0), &options, size);
        self.new_memory(slot, size, options, wrong, false);
    }

    fn new_memory(
        &mut self,
        slot: usize,
        size: u64,
        options: Options,
        wrong: Wrong,
        anonymous: bool,
    ) {
        let huge = size > 6 * PAGE;
        let wrong = wrong.when(huge, LIMIT).when(huge, libc::EFBIG);
        let mut handle = 0;
        // SAFETY: the name is terminated, and options.size is the size of the options.
        let status = unsafe {
            match anonymous {
                true => memmap_anonymous(size, &options, &mut handle),
                false => memmap_memfd(c"calls".as_ptr().cast(), size, &options, &mut handle),
            }
        };
        if wrong.met(status) {
            let mut file = File::new(vec![0; size as usize], plain_of(handle));
            file.anonymous = anonymous;
            let file = Rc::new(RefCell::new(file));
            let mut mapping = Mapping::new(handle, file, &options, true);
            if options.flags & PREFAULT != 0 && options.access == COPY_ON_WRITE {
                mapping.copy(&(0..mapping.len));
            }
            self.put(slot, mapping);
        }
    }

    fn close(&mut self, slot: u8) {
        let handle = self.handle(slot);
        // SAFETY: memmap_close accepts any number.
        let status = unsafe { memmap_close(handle) };
        let Some(mapping) = self.mapping(slot) else {
            return assert_eq!(status, HANDLE);
        };
        assert_eq!(status, 0);
        mapping.open = false;
        let kept = mapping.pins > 0;
        self.held.retain(|held| held.handle != handle);
        let slot = usize::from(slot % SLOTS);
        self.stale[slot] = handle;
        if !kept {
            self.slots[slot] = None;
        }
    }

    fn pin(&mut self, slot: u8) {
        let mut view = View {
            data: ptr::null_mut(),
            len: 0,
        };
        // SAFETY: the output points to a value of its type.
        let status = unsafe { memmap_pin(self.handle(slot), &mut view) };
        let Some(mapping) = self.mapping(slot) else {
            return assert_eq!(status, HANDLE);
        };
        assert_eq!(status, 0);
        assert_eq!(view.len, mapping.len);
        assert!(!view.data.is_null());
        mapping.pins += 1;
    }

    fn unpin(&mut self, slot: u8) {
        // SAFETY: the function accepts any number.
        let status = unsafe { memmap_unpin(self.handle(slot)) };
        let slot = usize::from(slot % SLOTS);
        let Some(mapping) = &mut self.slots[slot] else {
            return assert_eq!(status, HANDLE);
        };
        if mapping.pins == 0 {
            return assert_eq!(status, INVALID);
        }
        Wrong::default().when(mapping.any_lost(), FAULT).met(status);
        mapping.pins -= 1;
        if mapping.pins == 0 && !mapping.open {
            self.slots[slot] = None;
        }
    }

    /// Returns the file that another writer changes: one with a name, or that of a mapping.
    fn written_by_others(&self, which: u8) -> Option<Shared> {
        let which = which % (FILES + SLOTS);
        let file = match which.checked_sub(FILES) {
            None => self.files[usize::from(which)].clone(),
            Some(slot) => self.slots[usize::from(slot)]
                .as_ref()
                .map(|mapping| mapping.file.clone()),
        };
        file.filter(|file| file.borrow().plain.is_some())
    }

    /// Changes a file as a program without mappings does.
    fn by_somebody_else(&mut self, call: &Call) {
        const MOST: u64 = 6 * PAGE;
        let (Call::Cut(which, _)
        | Call::Append(which, ..)
        | Call::Overwrite(which, ..)
        | Call::Punch(which, _)) = call
        else {
            unreachable!("{call:?} is the library's");
        };
        let Some(shared) = self.written_by_others(*which) else {
            return;
        };
        let mut file = shared.borrow_mut();
        let bytes = |seed: u8, len: u64| -> Vec<u8> {
            let bytes = (0..len).map(|at| (at as u8).wrapping_mul(7).wrapping_add(seed | 1));
            bytes.collect()
        };
        match call {
            Call::Cut(_, size) if size.value() <= MOST => file.cut(size.value()),
            Call::Append(_, len, seed) if file.size() + u64::from(*len) <= MOST => {
                file.append(&bytes(*seed, u64::from(*len)));
            }
            Call::Overwrite(_, place, seed) if place.0.value() < MOST => {
                let room = MOST - place.0.value();
                file.overwrite(place.0.value(), &bytes(*seed, place.1.value().min(room)));
            }
            Call::Punch(_, place) if place.0.value() < MOST => {
                let end = place.0.value() + place.1.value().min(MOST);
                file.punch(place.0.value()..end);
            }
            _ => {}
        }
        drop(file);
        self.was_cut(&shared);
    }

    /// Notes in the model of every mapping of a file that the file was cut.
    pub fn was_cut(&mut self, file: &Shared) {
        for mapping in self.slots.iter_mut().flatten() {
            if Rc::ptr_eq(&mapping.file, file) {
                mapping.file_was_cut();
            }
        }
    }

    fn lock(&mut self, slot: u8, offset: u64, len: u64, mode: u8) {
        let handle = self.handle(slot);
        let mode = u32::from(mode % 3);
        // SAFETY: its arguments are numbers.
        let status = unsafe { memmap_lock(handle, offset, len, mode, 0) };
        let Some(mapping) = self.mapping(slot) else {
            return assert!(status == HANDLE || mode == 2 && status == INVALID);
        };
        let within = inside(mapping, offset, if len == TO_END { 0 } else { len }).is_some();
        let bytes = in_file(mapping, offset, len);
        let (file, exclusive) = (mapping.file.clone(), mode == 1);
        let wrong = Wrong::default()
            .when(mode == 2, INVALID)
            .when(!within, RANGE)
            .when(!mapping.has_descriptor(), UNSUPPORTED)
            .when(exclusive && !mapping.writes && len != 0, ACCESS);
        let taken = wrong.0.is_empty()
            && self.held.iter().any(|held| {
                let shared = Rc::ptr_eq(&held.file, &file) && (held.exclusive || exclusive);
                shared && held.bytes.0 < bytes.1 && bytes.0 < held.bytes.1
            });
        if wrong.when(taken && len != 0, TIMEOUT).met(status) && len != 0 {
            self.held.push(Held {
                handle,
                file,
                bytes,
                exclusive,
            });
        }
    }

    fn unlock(&mut self, slot: u8, offset: u64, len: u64) {
        let handle = self.handle(slot);
        // SAFETY: its arguments are numbers.
        let status = unsafe { memmap_unlock(handle, offset, len) };
        let Some(mapping) = self.mapping(slot) else {
            return assert_eq!(status, HANDLE);
        };
        let end = offset.checked_add(if len == TO_END { 0 } else { len });
        let outside = end
            .and_then(|end| end.checked_add(mapping.offset))
            .is_none();
        let bytes = if outside {
            (0, 0)
        } else {
            in_file(mapping, offset, len)
        };
        let has_descriptor = mapping.has_descriptor();
        let place = self
            .held
            .iter()
            .position(|held| held.handle == handle && held.bytes == bytes);
        let wrong = Wrong::default()
            .when(outside, RANGE)
            .when(!has_descriptor, UNSUPPORTED)
            .when(place.is_none() && len != 0, INVALID);
        if wrong.met(status) && len != 0 {
            self.held.remove(place.expect("nothing was wrong"));
        }
    }

    fn stray(&mut self, which: u8, what: u8) {
        let handle = {
            let all = self.all.lock().expect("nobody panics with it");
            match all.len() {
                0 => return,
                len => all[usize::from(which) % len],
            }
        };
        let mut len = 0;
        let mut info = Info {
            size: size_of::<Info>() as u32,
            ..Info::default()
        };
        let mut fault = Fault {
            size: size_of::<Fault>() as u32,
            ..Fault::default()
        };
        // SAFETY: each output points to a value of its type.
        let status = unsafe {
            match what % 3 {
                0 => memmap_len(handle, &mut len),
                1 => memmap_get_info(handle, &mut info),
                _ => memmap_get_fault(handle, &mut fault),
            }
        };
        assert!(status == 0 || status == HANDLE, "{status}");
    }

    fn invented(&mut self, slot: u8) {
        for handle in [0, u64::MAX, 1 << 63, u64::from(slot) << 40] {
            let mut len = 7;
            // SAFETY: the function accepts any number, and the output points to a u64.
            unsafe {
                assert_eq!(memmap_len(handle, &mut len), HANDLE);
                assert_eq!(memmap_close(handle), HANDLE);
                assert_eq!(memmap_unpin(handle), HANDLE);
            }
            assert_eq!(len, 7, "outputs are written only on success");
        }
    }

    /// Returns whether pins or reading threads may share a mapping with this thread.
    pub fn may_be_busy(&self) -> bool {
        !self.alone
    }

    pub fn at(&mut self, slot: u8) -> (u64, Option<&mut Mapping>) {
        (self.handle(slot), self.mapping(slot))
    }

    /// Asserts that every file has its bytes, and every mapping those of its file.
    fn look(&mut self) {
        let mapped = self.slots.iter().flatten().map(|mapping| &mapping.file);
        let files = self.files.iter().flatten().chain(mapped);
        files.for_each(|file| file.borrow().check());
        self.steps += 1;
        let open = self.slots.iter().flatten().filter(|mapping| mapping.open);
        // Not after every call, since reading a page brings it into memory.
        for mapping in open.filter(|_| self.steps % 4 == 0) {
            crate::uses::shows(mapping, self.steps % 8 == 0);
        }
    }

    fn finish(&mut self) {
        for slot in 0..SLOTS {
            self.free(slot);
        }
        self.look();
        let maps = std::fs::read_to_string("/proc/self/maps").expect("procfs is there");
        for folder in &self.folders.0 {
            let folder = folder.path().to_str().expect("it is text");
            assert!(!maps.contains(folder), "a mapping was left");
        }
    }
}

fn named(path: &Path) -> Shared {
    let plain = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path);
    let file = File::new(Vec::new(), Some(plain.expect("it was made")));
    Rc::new(RefCell::new(file))
}

/// Opens the file of a mapping without a name once more; None if it cannot be opened.
fn plain_of(handle: u64) -> Option<std::fs::File> {
    let mut fd = -1;
    // SAFETY: the output points to an i32.
    if unsafe { memmap_fd(handle, &mut fd) } != 0 {
        return None;
    }
    let link = format!("/proc/self/fd/{fd}");
    let plain = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(link);
    // SAFETY: nothing else uses the descriptor.
    unsafe { libc::close(fd) };
    Some(plain.expect("it is there"))
}

fn in_file(mapping: &Mapping, offset: u64, len: u64) -> (u64, u64) {
    let start = mapping.offset.wrapping_add(offset);
    match len {
        TO_END => (start, u64::MAX >> 1),
        len => (start, start.wrapping_add(len)),
    }
}

/// Returns options in which the default access of the call is set explicitly, which must make no difference.
fn options(how: &How, default: u32) -> Options {
    let access = u32::from(how.access % 8);
    let flags = [SPARSE, NO_DESCRIPTOR, PREFAULT, EXCLUSIVE];
    let bits = flags
        .iter()
        .enumerate()
        .filter(|(bit, _)| how.flags & (0x11 << bit) == 0x11 << bit);
    Options {
        size: size_of::<Options>() as u32,
        access: if access == 4 || access == 0 {
            default
        } else {
            access
        },
        flags: bits.fold(0, |all, (_, flag)| all | flag),
        offset: if how.window { how.offset.value() } else { 0 },
        length: if how.window { how.length.value() } else { 0 },
        capacity: if how.room { how.capacity.value() } else { 0 },
        ..Options::default()
    }
}

fn wrong_options(options: &Options, how: &How, allowed: u32) -> Wrong {
    let flags = SPARSE | NO_DESCRIPTOR | PREFAULT | allowed;
    let huge = how.room && options.capacity > 7 * PAGE;
    Wrong::default()
        .when(options.access > COPY_ON_WRITE, INVALID)
        .when(options.flags & !flags != 0, INVALID)
        .when(huge, LIMIT)
        .when(huge, RANGE)
}

fn wrong_window(wrong: Wrong, options: &Options, size: u64) -> Wrong {
    let end = options.offset.checked_add(options.length);
    wrong.when(end.is_none_or(|end| end > size), RANGE)
}

impl State<'_> {
    /// Makes a call on one mapping.
    fn use_one(&mut self, call: &Call) {
        let busy = self.may_be_busy();
        let (slot, cuts) = crate::uses::slot_of(call);
        let (handle, mapping) = self.at(slot);
        let file = mapping.as_ref().map(|mapping| mapping.file.clone());
        crate::uses::make(call, handle, mapping, busy);
        if let (true, Some(file)) = (cuts, file) {
            self.was_cut(&file);
        }
    }
}
