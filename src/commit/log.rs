//! The log: a file beside the one whose commits it keeps.
//!
//! It begins with two copies of its [header](crate::commit::header), each in a block of its own, and has
//! [records](crate::commit::record) from [`RECORDS`] on. All of it was written once, so that writing a record over what was
//! there changes nothing that the file system would have to write beside it.

use crate::commit::header::{self, Header, OfFile};
use crate::commit::record::{self, BLOCK, Chain, HEAD, Record};
use crate::files::descriptor::status_of;
use crate::files::file::{File, Kind};
use crate::files::identity::Identity;
use crate::files::place::{Place, Sure};
use crate::os::errno::system;
use crate::status::{Error, Result};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

/// Where the records begin.
pub const RECORDS: u64 = 4 * BLOCK as u64;

/// How long a new log is.
const FIRST_LENGTH: u64 = 1 << 20;

/// How long a log becomes before the file is synced and the log begins anew. It is longer only while one record takes
/// more.
pub const LONGEST: u64 = 64 << 20;

/// Where the copies of the header are.
const COPIES: [u64; 2] = [0, BLOCK as u64];

/// An open log.
#[derive(Debug)]
pub struct Log {
    file: File,
    length: u64,
    /// Up to where all of it was durable once.
    durable: u64,
}

/// What a file is known by.
pub fn identity(file: &File) -> Result<OfFile> {
    let mut answer = MaybeUninit::<libc::statx>::zeroed();
    let (fd, flags, wanted) = (file.fd(), libc::AT_EMPTY_PATH, libc::STATX_BTIME);
    // SAFETY: the path is terminated, and statx fills the struct when it returns 0.
    let asked =
        system(|| unsafe { libc::statx(fd, c"".as_ptr(), flags, wanted, answer.as_mut_ptr()) });
    // SAFETY: zero is valid for it, and so is what statx has filled in.
    let answer = unsafe { answer.assume_init() };
    let told = asked.is_ok() && answer.stx_mask & libc::STATX_BTIME != 0;
    let born = match told {
        true => (answer.stx_btime.tv_sec as u64)
            .wrapping_mul(1_000_000_000)
            .wrapping_add(u64::from(answer.stx_btime.tv_nsec)),
        false => 0,
    };
    Ok(OfFile {
        inode: file.identity.inode,
        born,
    })
}

/// A number that nobody can guess.
pub fn salt() -> Result<u64> {
    let mut salt = [0; 8];
    // SAFETY: the kernel fills the eight bytes.
    let filled = system(|| unsafe { libc::getrandom(salt.as_mut_ptr().cast(), 8, 0) })?;
    match filled {
        8 => Ok(u64::from_ne_bytes(salt)),
        _ => Err(Error::System(libc::EIO)),
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.file.give_up();
    }
}

impl Log {
    /// Opens the log of `of` that is at `place`, or makes one. It is claimed, so that nobody else writes to it.
    ///
    /// [`Error::Busy`] where another process has it, [`Error::Corrupt`] where something else is there.
    pub fn open(place: &Place, of: &File) -> Result<Log> {
        loop {
            let file = match place.open(libc::O_RDWR | libc::O_NOFOLLOW, 0) {
                Ok(fd) => refuse_what_is_anothers(fd, of)?,
                Err(Error::System(libc::ENOENT)) => match create(place, of) {
                    Err(Error::System(libc::EEXIST)) => continue, // Somebody else has made one meanwhile.
                    result => result?,
                },
                Err(error) => return Err(error),
            };
            file.claim()?;
            // Who had it before may have given the name to another file.
            let there = place.status(libc::AT_SYMLINK_NOFOLLOW)?;
            if there.is_some_and(|there| Identity::of(&there) == file.identity) {
                place.sync()?; // Also for one that was made by who died before that.
                let length = file.size()?;
                return Ok(Log {
                    file,
                    length,
                    durable: length,
                });
            }
        }
    }

    /// Its descriptor, and of what that is.
    pub fn descriptor(&self) -> (i32, Identity) {
        (self.file.fd(), self.file.identity)
    }

    /// The header in force; None of a log that is all zeros where one should be. [`Error::Corrupt`] for what is no log.
    pub fn header(&self) -> Result<Option<Header>> {
        let (mut found, mut blank) = (None::<Header>, true);
        for copy in COPIES {
            let mut bytes = [0; header::LEN];
            self.file.read_at(&mut bytes, copy)?;
            blank &= bytes.iter().all(|byte| *byte == 0);
            let newer = |new: &Header| found.is_none_or(|old| new.generation > old.generation);
            found = Header::of_bytes(&bytes).filter(newer).or(found);
        }
        match (found, blank) {
            (None, false) => Err(Error::Corrupt),
            (found, _) => Ok(found),
        }
    }

    /// Begins anew, of a file that is durable as it is, with `length` bytes. No record that is there counts any more when
    /// this returns, nor does one come back.
    ///
    /// `salt` is a new one: what may fail without a word of the device comes first.
    pub fn begin(
        &mut self,
        before: Option<Header>,
        salt: u64,
        of: OfFile,
        length: u64,
    ) -> Result<Header> {
        let header = Header {
            generation: before.map_or(0, |header| header.generation).wrapping_add(1),
            salt,
            of,
            length,
        };
        let first = (header.generation % 2) as usize;
        self.file.write_at(&header.to_bytes(), COPIES[first])?;
        // Before a record is written, and before the other copy is: one of them is whole at any moment.
        self.file.sync_data()?;
        self.file.write_at(&header.to_bytes(), COPIES[1 - first])?;
        if self.length > LONGEST {
            // Not before: a part of the records that were in force would be written to the file that has them all.
            self.file.truncate(LONGEST)?;
            (self.length, self.durable) = (LONGEST, self.durable.min(LONGEST));
        }
        Ok(header)
    }

    /// Has room for `len` bytes from `at` on. A failure changes nothing.
    pub fn make_room(&mut self, at: u64, len: u64) -> Result<()> {
        let end = at.checked_add(len).ok_or(Error::Limit)?;
        if end <= self.length {
            return Ok(());
        }
        let longer = end.max((self.length * 2).min(LONGEST));
        let grown = written_once(&self.file, self.length, longer);
        grown.inspect_err(|_| {
            let _ = self.file.truncate(self.length);
        })?;
        self.length = longer;
        Ok(())
    }

    /// How many bytes it may have before it is to begin anew.
    pub fn is_full(&self, at: u64, len: u64) -> bool {
        at > RECORDS && at.saturating_add(len) > LONGEST
    }

    /// Writes a record at `at`, for which there is room. It is not durable before [`Log::sync`].
    pub fn write(&self, record: &[u8], at: u64) -> Result<()> {
        self.file.still_ours()?;
        self.file.write_at(record, at)
    }

    /// Makes what was written durable.
    pub fn sync(&mut self) -> Result<()> {
        self.file.sync_data()?;
        self.durable = self.length;
        Ok(())
    }

    /// Gives back what it has grown by since it was durable, after a failure: the kernel may take blocks for written
    /// there that are not ([`device`](crate::commit::device)).
    pub fn forget_growth(&mut self) -> Result<()> {
        if self.durable < self.length {
            self.file.still_ours()?;
            self.file.truncate(self.durable)?;
            self.length = self.durable;
        }
        Ok(())
    }

    /// Calls `each` with the records of a generation, in order, up to the first that is not whole, or `most` of them; what
    /// would come behind.
    pub fn records(
        &self,
        header: &Header,
        most: u64,
        mut each: impl FnMut(&Record) -> Result<()>,
    ) -> Result<Chain> {
        let mut chain = Chain::begin(header.salt, header.length);
        let (mut at, mut bytes) = (RECORDS, Vec::new());
        while chain.records() < most {
            bytes.clear();
            bytes.resize(HEAD, 0);
            self.file.read_at(&mut bytes, at)?;
            let Some(len) = record::length(&bytes, &chain) else {
                break;
            };
            // What a record claims is no more than the log has.
            if at.checked_add(len).is_none_or(|end| end > self.length) {
                break;
            }
            let len = usize::try_from(len).map_err(|_| Error::Limit)?;
            bytes.try_reserve(len - HEAD).map_err(|_| Error::Limit)?;
            bytes.resize(len, 0);
            self.file.read_at(&mut bytes, at)?;
            let Some((record, next)) = Record::of_bytes(&bytes, &chain) else {
                break;
            };
            each(&record)?;
            at += len.next_multiple_of(BLOCK) as u64;
            chain = next;
        }
        Ok(chain)
    }
}

/// A log is applied to its file by who opens that: it must be a plain file, with one name, of the file's owner or of this
/// process's user.
fn refuse_what_is_anothers(fd: OwnedFd, of: &File) -> Result<File> {
    let (file, _) = File::validated(fd)?;
    let (log, file_status) = (status_of(file.fd())?, status_of(of.fd())?);
    // SAFETY: it takes nothing and always succeeds.
    let own = [file_status.st_uid, unsafe { libc::geteuid() }];
    if file.kind != Kind::Regular || log.st_nlink != 1 {
        return Err(Error::Corrupt);
    }
    match own.contains(&log.st_uid) {
        true => Ok(file),
        false => Err(Error::System(libc::EPERM)),
    }
}

/// Makes a log that has its name when it is whole, where the file system has files without a name.
fn create(place: &Place, of: &File) -> Result<File> {
    let status = status_of(of.fd())?;
    if let Ok(file) = place.unnamed(0o600) {
        prepare(&file, &status)?;
        match place.give(file.fd()) {
            Ok(()) => return Ok(file),
            Err(Error::System(libc::EEXIST)) => return Err(Error::System(libc::EEXIST)),
            Err(_) => {} // It can't be had so.
        }
    }
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
    let (file, _) = File::validated(place.open(flags, 0o600)?)?;
    prepare(&file, &status).inspect_err(|_| place.remove(file.identity, Sure::Entirely))?;
    Ok(file)
}

/// Gives a new log its length and the permissions of its file.
fn prepare(file: &File, of: &libc::stat64) -> Result<()> {
    written_once(file, 0, FIRST_LENGTH)?;
    let mode = of.st_mode & 0o666;
    // SAFETY: it takes nothing and always succeeds.
    if unsafe { libc::geteuid() } == 0 {
        // SAFETY: no memory is handed over.
        system(|| unsafe { libc::fchown(file.fd(), of.st_uid, of.st_gid) })?;
    }
    // SAFETY: no memory is handed over.
    system(|| unsafe { libc::fchmod(file.fd(), mode) })?;
    file.sync()
}

/// Gives the file blocks for `from .. to`, and writes zeros to them: blocks that were never written to cost the first
/// record there a commit of the file system's own.
fn written_once(file: &File, from: u64, to: u64) -> Result<()> {
    file.have_blocks(from, to)?;
    let zeros = vec![0; 256 << 10];
    let mut at = from;
    while at < to {
        let len = (to - at).min(zeros.len() as u64);
        file.write_at(&zeros[..len as usize], at)?;
        at += len;
    }
    Ok(())
}
