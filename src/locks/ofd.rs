//! The system's locks of byte ranges, which belong to an open file description (fcntl(2), Open file
//! description locks) and not, as POSIX has it, to the process, which would lose them all at the first
//! close of any descriptor of the file.

use crate::files::file::File;
use crate::os::errno::system;
use crate::status::{Error, Result};
use std::mem::ManuallyDrop;
use std::ops::Range;

/// The end of a range that reaches to the end of the file, however far that moves.
pub const FOR_EVER: u64 = i64::MAX as u64;

/// Whether [`Map::lock`](crate::Map::lock) admits other holders of the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Other shared locks are admitted: for readers.
    Shared,
    /// No other lock is admitted: for a writer.
    Exclusive,
}

/// A file, open by a description that nobody else has, to lock ranges by.
#[derive(Debug)]
pub struct Locker {
    /// Closed when this is dropped, if it is still ours.
    file: ManuallyDrop<File>,
    /// The description's position, if it could be put there: a place where no other's is.
    mark: Option<i64>,
}

impl Locker {
    /// Takes a file that was opened for this. `number` is one that no other Locker of this process has.
    pub fn new(file: File, number: u64) -> Locker {
        // At 4 TiB and more, where those who read a file by its position don't come in practice.
        let mark = 1 << 42 | (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24) as i64;
        let marked = file.set_position(mark).is_ok() && file.position() == mark;
        Locker {
            file: ManuallyDrop::new(file),
            mark: marked.then_some(mark),
        }
    }

    /// Asking for the position takes half the time of asking for device and inode.
    fn is_marked(&self) -> bool {
        self.mark.is_some_and(|mark| self.file.position() == mark)
    }

    /// EBADF when the descriptor is another file's by now, which must not be locked in place of ours.
    fn still_ours(&self) -> Result<()> {
        match self.is_marked() {
            true => Ok(()),
            false => self.file.still_ours(),
        }
    }

    /// Unlocks everything. What came of it doesn't matter: the descriptor is closed next.
    pub fn release_all(&self) {
        if self.is_marked() || !self.file.is_anothers() {
            // Also what shows that somebody waits.
            let _ = call(self, libc::F_OFD_SETLK, libc::F_UNLCK, &(0..FOR_EVER));
        }
    }

    /// Closes the descriptor also where a thread that this process doesn't have holds the file.
    ///
    /// # Safety
    ///
    /// The Locker is used and dropped no more.
    pub unsafe fn close(&self) {
        if self.is_marked() || !self.file.is_anothers() {
            // SAFETY: the descriptor is ours, and nobody uses it any more.
            unsafe { libc::close(self.file.fd()) };
        }
    }
}

impl Drop for Locker {
    fn drop(&mut self) {
        // SAFETY: nobody can use it any more.
        unsafe { self.close() };
    }
}

/// Locks a range against other open file descriptions; false if one of them has some of it.
///
/// It never waits in the system (F_OFD_SETLKW): from there nobody can be called away whose handle is closed, and
/// what it gives comes at a moment at which another thread may just unlock the same bytes for the same owner.
pub fn lock(file: &Locker, range: &Range<u64>, how: Lock) -> Result<bool> {
    file.still_ours()?;
    let kind = match how {
        Lock::Shared => libc::F_RDLCK,
        Lock::Exclusive => libc::F_WRLCK,
    };
    match set(file, kind, range) {
        Err(Error::System(libc::EAGAIN | libc::EACCES)) => Ok(false),
        result => result.map(|()| true),
    }
}

/// Lets a range go.
pub fn unlock(file: &Locker, range: &Range<u64>) -> Result<()> {
    file.still_ours()?; // Another user of such locks may have the number by now.
    set(file, libc::F_UNLCK, range)
}

/// Who waits for another process shows it by a shared lock of the same range, moved up by so many bytes, where no file
/// reaches: so the others see it, and leave a gap.
const ABOVE: u64 = 1 << 62;

fn place_above(range: &Range<u64>) -> Option<Range<u64>> {
    let end = range.end.min(ABOVE);
    (range.start < end).then(|| range.start + ABOVE..end + ABOVE)
}

/// Shows others that somebody waits for a range. Where that can't be done, nobody leaves a gap.
pub fn announce(file: &Locker, range: &Range<u64>) {
    if let (Some(above), Ok(())) = (place_above(range), file.still_ours()) {
        let _ = call(file, libc::F_OFD_SETLK, libc::F_RDLCK, &above);
    }
}

/// Takes that back.
pub fn take_back(file: &Locker, range: &Range<u64>) {
    if let (Some(above), Ok(())) = (place_above(range), file.still_ours()) {
        let _ = call(file, libc::F_OFD_SETLK, libc::F_UNLCK, &above);
    }
}

/// Whether a thread by another description waits for some of a range.
pub fn is_awaited(file: &Locker, range: &Range<u64>) -> bool {
    let looked =
        place_above(range).map(|above| call(file, libc::F_OFD_GETLK, libc::F_WRLCK, &above));
    matches!(looked, Some(Ok(found)) if found != libc::F_UNLCK)
}

fn set(file: &Locker, kind: i32, range: &Range<u64>) -> Result<()> {
    let end = match range.end {
        FOR_EVER if range.start < ABOVE => ABOVE, // What is above isn't the file's.
        end => end,
    };
    call(file, libc::F_OFD_SETLK, kind, &(range.start..end)).map(drop)
}

/// The kind of lock that the system tells of, or was told.
fn call(file: &Locker, command: i32, kind: i32, range: &Range<u64>) -> Result<i32> {
    let place = |at| i64::try_from(at).map_err(|_| Error::Range);
    let len = match range.end {
        FOR_EVER => 0, // As fcntl says it.
        end => end - range.start,
    };
    let mut lock = libc::flock64 {
        l_type: kind as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: place(range.start)?,
        l_len: place(len)?,
        l_pid: 0,
    };
    // SAFETY: the struct is there for the call.
    system(|| unsafe { fcntl_of_64_bits(file.file.fd(), command, &mut lock) })?;
    Ok(i32::from(lock.l_type))
}

/// # Safety
///
/// The command takes such a struct.
#[cfg(target_pointer_width = "64")]
unsafe fn fcntl_of_64_bits(fd: i32, command: i32, lock: &mut libc::flock64) -> i32 {
    // SAFETY: the command takes such a struct.
    unsafe { libc::fcntl(fd, command, lock) }
}

/// Where offsets of files may have 32 bits, glibc's fcntl takes the struct of those for these commands too, and
/// makes the system's of it. The system itself has but this one.
///
/// # Safety
///
/// As above.
#[cfg(target_pointer_width = "32")]
unsafe fn fcntl_of_64_bits(fd: i32, command: i32, lock: &mut libc::flock64) -> i32 {
    // SAFETY: the command takes such a struct.
    unsafe { libc::syscall(libc::SYS_fcntl64, fd, command, lock) as i32 }
}
