//! The one process that may commit to a file: what it has open, and how far it has come.

use crate::commit::header::Header;
use crate::commit::log::{self, Log, RECORDS};
use crate::commit::record::{BLOCK, Chain, Draft};
use crate::commit::replay::{apply, replay};
use crate::files::blocks::within_file_size_limit;
use crate::files::descriptor::status_of;
use crate::files::file::{File, Kind};
use crate::files::identity::Identity;
use crate::files::place::Place;
use crate::files::writeback;
use crate::os::environment::variable;
use crate::os::page_size::page_size;
use crate::os::pagemap::Way;
use crate::os::watch::Watch;
use crate::status::{Error, Result};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many files were opened so since the process began, so that as long as there are none nobody looks.
static EVER: AtomicUsize = AtomicUsize::new(0);

/// Whether any was.
pub fn any() -> bool {
    EVER.load(Ordering::Relaxed) != 0 // Relaxed: who closes a mapping has seen it opened.
}

/// A file that is open for commits.
#[derive(Debug)]
pub struct Writer {
    /// By a description of its own: what the system reports of its write-back is reported here.
    data: ManuallyDrop<File>,
    state: ManuallyDrop<Mutex<State>>,
    /// The descriptors, which are the parent's in a child of fork, and of what they are.
    descriptors: [(i32, Identity); 2],
    /// Whether this process is a child, which lacks the thread that may be in the middle of a commit.
    left: AtomicBool,
    /// How changed pages are found.
    pub way: Way,
}

/// Whether stores to the memory are watched.
#[derive(Debug)]
pub enum Watched {
    /// Nobody has asked so far.
    NotYet,
    /// The pages that were written to since they were compared last are known.
    By(Watch),
    /// All private pages are compared: the system has no better way, or the memory was moved, which leaves marks of before
    /// on pages.
    Never,
}

/// How far it has come.
#[derive(Debug)]
pub struct State {
    log: Log,
    header: Header,
    chain: Chain,
    /// Where in the log the next record comes.
    end: u64,
    /// What has failed, so that nothing is known of the device before it is repaired.
    failed: Option<Error>,
    /// Bytes of the memory, from its beginning, that are no mapping of the file: those that it has grown by.
    pub apart: Range<usize>,
    /// Whether stores to the memory are watched.
    pub watched: Watched,
    /// Pages that were written to and that no commit has: bytes of the memory, from its beginning.
    pub written: Vec<Range<usize>>,
    /// The least length of the memory since the last commit: what the file has behind it is not the memory's any more.
    pub low: u64,
}

impl Writer {
    /// Opens the file at `place` for commits. What a commit has left in its log is written to the file first.
    pub fn open(place: &Place) -> Result<Writer> {
        Writer::begin(place, prepare)
    }

    /// The same for a file that was made just now: a log that is there is of an earlier one.
    pub fn of_new(place: &Place) -> Result<Writer> {
        Writer::begin(place, |log, data| {
            let before = log.header()?;
            log.begin(before, log::salt()?, log::identity(data)?, data.size()?)
        })
    }

    fn begin(
        place: &Place,
        prepare: impl FnOnce(&mut Log, &File) -> Result<Header>,
    ) -> Result<Writer> {
        let (data, _) = File::of_path(place.open(libc::O_RDWR | libc::O_NOFOLLOW, 0))?;
        refuse_what_has_no_place(&data)?;
        data.claim()?;
        let mut log = Log::open(&place.beside(".commit")?, &data)?;
        let header = prepare(&mut log, &data)?;
        EVER.fetch_add(1, Ordering::Relaxed); // As in `any`.
        Ok(Writer {
            descriptors: [(data.fd(), data.identity), log.descriptor()],
            data: ManuallyDrop::new(data),
            state: ManuallyDrop::new(Mutex::new(State {
                log,
                chain: Chain::begin(header.salt, header.length),
                end: RECORDS,
                failed: None,
                apart: 0..0,
                low: header.length,
                watched: Watched::NotYet,
                written: Vec::new(),
                header,
            })),
            left: AtomicBool::new(false),
            way: way(),
        })
    }

    /// Has the state for itself. [`Error::Unsupported`] in a child of fork, and what has failed until it is repaired.
    pub fn enter(&self) -> Result<Turn<'_>> {
        let turn = self.enter_failed()?;
        match turn.state.failed {
            Some(error) => Err(error),
            None => Ok(turn),
        }
    }

    /// The same also if something has failed.
    pub fn enter_failed(&self) -> Result<Turn<'_>> {
        if self.is_left() {
            return Err(Error::Unsupported);
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Turn {
            writer: self,
            state,
        })
    }

    /// Whether this is a child of fork.
    pub fn is_left(&self) -> bool {
        self.left.load(Ordering::Relaxed) // Relaxed: it is set when there is no other thread.
    }

    /// Whether it commits to that file.
    pub fn is_of(&self, file: &File) -> bool {
        self.data.identity == file.identity
    }

    /// For the only thread of a child of fork: it has nothing to commit to, and keeps nobody from opening the file.
    pub fn leave(&self) {
        if self.left.swap(true, Ordering::Relaxed) {
            return;
        }
        for (fd, identity) in self.descriptors {
            // The parent may have closed it, and have another file under its number.
            if status_of(fd).is_ok_and(|status| Identity::of(&status) == identity) {
                // SAFETY: a child has descriptors of its own, and nothing here uses these any more.
                unsafe { libc::close(fd) };
            }
        }
    }
}

/// The tests have it find pages as kernels before 6.7 do.
fn way() -> Way {
    match variable("MEMMAP_PAGEMAP").as_deref() {
        Some("numbers") => Way::Numbers,
        _ => Way::Best,
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_left() {
            // SAFETY: they are dropped here and nowhere else.
            unsafe {
                ManuallyDrop::drop(&mut self.state);
                self.data.give_up();
                ManuallyDrop::drop(&mut self.data);
            }
        }
    }
}

/// A log is beside a name, and commits are of pages: a plain file with one name, on a file system with the system's pages.
fn refuse_what_has_no_place(file: &File) -> Result<()> {
    if file.kind != Kind::Regular {
        return Err(Error::NotRegular);
    }
    let plain = status_of(file.fd())?.st_nlink == 1 && file.page_size == page_size();
    match plain {
        true => Ok(()),
        false => Err(Error::Unsupported),
    }
}

/// Has the file be what the last commit of the log made of it, durably, and the log begin anew.
fn prepare(log: &mut Log, data: &File) -> Result<Header> {
    let (of, header) = (log::identity(data)?, log.header()?);
    if let Some(header) = header {
        if header.of == of {
            replay(log, &header, u64::MAX, data)?;
        } else if log.records(&header, 1, |_| Ok(()))?.records() > 0 {
            return Err(Error::Corrupt); // It has commits, which are of another file.
        }
    }
    log.begin(header, log::salt()?, of, data.size()?)
}

/// The state, by who has it for itself.
#[derive(Debug)]
pub struct Turn<'w> {
    writer: &'w Writer,
    pub state: MutexGuard<'w, State>,
}

impl Turn<'_> {
    /// The length of the file as it was committed.
    pub fn length(&self) -> u64 {
        self.state.chain.length
    }

    /// Reads from `at` on what was committed, up to the end of the file; how much that is.
    pub fn read(&self, room: &mut [u8], at: u64) -> Result<usize> {
        self.writer.data.read_at(room, at)
    }

    /// [`Error::Fault`] where somebody else has changed the length of the file.
    pub fn refuse_another_length(&self) -> Result<()> {
        match self.writer.data.size()? == self.length() {
            true => Ok(()),
            false => Err(Error::Fault),
        }
    }

    /// Commits a draft, with which the file has `after` bytes.
    ///
    /// A failure changes nothing. Where it was that of a device, nothing more is tried before the repair: whether the
    /// record is on the device is not known.
    pub fn commit(&mut self, draft: Draft, after: u64) -> Result<()> {
        let (writer, state) = (self.writer, &mut *self.state);
        let len = draft.len();
        within_file_size_limit(after.max(state.end + len))?;
        if state.log.is_full(state.end, len) {
            state.checkpoint(&writer.data)?;
        }
        if let Err(error) = state.log.make_room(state.end, len) {
            // What the log has is enough, perhaps, if it begins anew.
            match state.end {
                RECORDS => return Err(error),
                _ => state.checkpoint(&writer.data)?,
            }
            state.log.make_room(state.end, len)?;
        }
        reserve(&writer.data, &draft, state.chain.length, after)?;
        let sealed = draft.seal(&state.chain, after);
        state.log.write(sealed.bytes(), state.end)?;
        let synced = state.log.sync();
        state.remember(synced)?;
        state.chain = sealed.next();
        state.end += len;
        state.low = after;
        // Durable from here on, whatever becomes of the file: it is the log that counts until the file is synced.
        let applied = apply(&sealed.record(), &writer.data);
        let _ = state.remember(applied);
        Ok(())
    }

    /// Makes the file itself durable, and begins the log anew.
    pub fn checkpoint(&mut self) -> Result<()> {
        self.state.checkpoint(&self.writer.data)
    }

    /// After a failure: has the file be what the last acknowledged commit made of it. Pages of it that the kernel could not
    /// write back are gone, so all of them are written again from the log. What was not acknowledged will not come back.
    pub fn repair(&mut self) -> Result<()> {
        let (data, state) = (&self.writer.data, &mut *self.state);
        if state.failed.is_none() {
            return Ok(());
        }
        data.still_ours()?;
        let salt = log::salt()?;
        let acknowledged = state.chain.records();
        if replay(&state.log, &state.header, acknowledged, data)? != acknowledged {
            return Err(Error::Corrupt);
        }
        state.log.forget_growth()?;
        // Also where nothing was acknowledged since the log began: the record that failed may be there.
        let done = state.synced(data, salt);
        state.failed = done.err();
        done
    }
}

impl State {
    fn checkpoint(&mut self, data: &File) -> Result<()> {
        if self.end == RECORDS {
            return Ok(()); // There was no commit since the last one.
        }
        data.still_ours()?;
        let salt = log::salt()?;
        let done = self.synced(data, salt);
        self.remember(done)
    }

    fn synced(&mut self, data: &File, salt: u64) -> Result<()> {
        // Before the log begins anew: until then it has what the file may not have.
        writeback::watched(data.identity, || data.sync_data())?;
        let (of, length) = (self.header.of, self.chain.length);
        self.header = self.log.begin(Some(self.header), salt, of, length)?;
        self.chain = Chain::begin(self.header.salt, length);
        self.end = RECORDS;
        Ok(())
    }

    fn remember(&mut self, result: Result<()>) -> Result<()> {
        self.failed = result.err().or(self.failed);
        result
    }
}

/// Has blocks for what will be written to the file, so that a full disk is known before anything is done.
fn reserve(data: &File, draft: &Draft, before: u64, after: u64) -> Result<()> {
    if after > before {
        data.have_blocks(before, after)?;
    }
    // Holes in what was there before.
    if data.allocated()? < before {
        for (offset, len) in draft.places() {
            let start = offset / BLOCK as u64 * BLOCK as u64;
            let end = (offset + len).next_multiple_of(BLOCK as u64);
            data.have_blocks(start, end.min(before.max(after)))?;
        }
    }
    Ok(())
}
