//! The system's locks of byte ranges, which belong to an open file description (fcntl(2), Open file
//! description locks) and not, as POSIX has it, to the process, which would lose them all at the first
//! close of any descriptor of the file.

use crate::file::File;
use crate::status::{Error, Result, system};
use std::ops::Range;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The end of a range that reaches to the end of the file, however far that moves.
pub const FOR_EVER: u64 = i64::MAX as u64;

/// Who else may have a range that is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Those who lock it so too.
    Shared,
    /// Nobody.
    Exclusive,
}

/// Until when to wait; None is for ever.
pub type Deadline = Option<Instant>;

/// The deadline that is `timeout` away; one that no clock will ever show is none.
pub fn after(timeout: Option<Duration>) -> Deadline {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

/// How long is left, or [`Error::Timeout`].
pub fn left(deadline: Instant) -> Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(Error::Timeout),
        left => Ok(left),
    }
}

/// A file, open by a description that nobody else has, to lock ranges by.
#[derive(Debug)]
pub struct Locker {
    file: File,
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
            file,
            mark: marked.then_some(mark),
        }
    }

    /// EBADF when the descriptor is another file's by now, which must not be locked in place of ours. Asking
    /// for the position takes half the time of asking for device and inode.
    fn still_ours(&self) -> Result<()> {
        match self.mark {
            Some(mark) if self.file.position() == mark => Ok(()),
            _ => self.file.still_ours(),
        }
    }

    /// Closes the descriptor also where a thread that this process doesn't have holds the file.
    ///
    /// # Safety
    ///
    /// The Locker is used and dropped no more.
    pub unsafe fn close(&self) {
        if self.still_ours().is_ok() {
            // SAFETY: the descriptor is ours, and nobody uses it any more.
            unsafe { libc::close(self.file.fd()) };
        }
    }
}

/// Locks a range against other open file descriptions, as soon as it is free.
pub fn lock(file: &Locker, range: &Range<u64>, how: Lock, deadline: Deadline) -> Result<()> {
    // Unlocking needs no such care: it does nothing to a file of which nothing is locked by that
    // description.
    file.still_ours()?;
    let kind = match how {
        Lock::Shared => libc::F_RDLCK,
        Lock::Exclusive => libc::F_WRLCK,
    };
    let mut pause = Duration::from_micros(50);
    loop {
        match set(file, libc::F_OFD_SETLK, kind, range) {
            Err(Error::System(libc::EAGAIN | libc::EACCES)) => {}
            answer => return answer,
        }
        let Some(deadline) = deadline else {
            return set(file, libc::F_OFD_SETLKW, kind, range);
        };
        // The system waits for a lock, or doesn't; so who waits for a time looks again and again.
        sleep(pause.min(left(deadline)?));
        pause = (pause * 2).min(Duration::from_millis(2));
    }
}

/// Lets a range go.
pub fn unlock(file: &Locker, range: &Range<u64>) -> Result<()> {
    set(file, libc::F_OFD_SETLK, libc::F_UNLCK, range)
}

fn set(file: &Locker, command: i32, kind: i32, range: &Range<u64>) -> Result<()> {
    let place = |at| i64::try_from(at).map_err(|_| Error::Range);
    let len = match range.end {
        FOR_EVER => 0, // As fcntl says it.
        end => end - range.start,
    };
    let lock = libc::flock64 {
        l_type: kind as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: place(range.start)?,
        l_len: place(len)?,
        l_pid: 0,
    };
    // SAFETY: the struct is there for the call.
    system(|| unsafe { fcntl_of_64_bits(file.file.fd(), command, &lock) }).map(drop)
}

/// # Safety
///
/// The command takes such a struct.
#[cfg(target_pointer_width = "64")]
unsafe fn fcntl_of_64_bits(fd: i32, command: i32, lock: &libc::flock64) -> i32 {
    // SAFETY: the caller's.
    unsafe { libc::fcntl(fd, command, lock) }
}

/// Where offsets of files may have 32 bits, glibc's fcntl takes the struct of those for these commands too, and
/// makes the system's of it. The system itself has but this one.
///
/// # Safety
///
/// As above.
#[cfg(target_pointer_width = "32")]
unsafe fn fcntl_of_64_bits(fd: i32, command: i32, lock: &libc::flock64) -> i32 {
    // SAFETY: the caller's.
    unsafe { libc::syscall(libc::SYS_fcntl64, fd, command, lock) as i32 }
}
