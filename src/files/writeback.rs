//! Failures: which files could not be written back, and which mappings have not reported it.
//!
//! The kernel tells of an error of write-back once for each open file description (errseq_t, lib/errseq.c), to
//! whichever flush comes first; the pages may be gone by then. Mappings made from one descriptor share its
//! description, and the threads of this process share a mapping. So a failure is kept here for all mappings of
//! that file, by device and inode, each of which has to acknowledge it for itself.
//!
//! Of two flushes of a file at once the kernel may tell the other one what this one has lost. So a flush that
//! succeeded waits for those of the same file that are under way then, and looks again.

use crate::files::identity::Identity;
use crate::status::{Error, Result};
use crate::threads::monitor::{Entered, Monitor};
use std::sync::atomic::{AtomicU32, Ordering};

/// How often a file has failed, and why the last time.
struct Failed {
    file: Identity,
    count: u32,
    errno: i32,
}

/// A flush that has begun and not come back.
struct UnderWay {
    file: Identity,
    ticket: u64,
}

struct Known {
    failed: Vec<Failed>,
    under_way: Vec<UnderWay>,
    tickets: u64,
}

/// Files share these by their inode.
const SHARDS: usize = 16;

static ALL: [Monitor<Known>; SHARDS] = [const {
    Monitor::new(Known {
        failed: Vec::new(),
        under_way: Vec::new(),
        tickets: 0,
    })
}; SHARDS];

/// How many failures there were of any file, so that as long as there are none nobody looks.
static EVER: AtomicU32 = AtomicU32::new(0);

fn shard_of(file: Identity) -> &'static Monitor<Known> {
    &ALL[file.inode as usize % SHARDS]
}

impl Known {
    fn failed(&self, file: Identity) -> Option<&Failed> {
        self.failed.iter().find(|failed| failed.file == file)
    }

    fn note(&mut self, file: Identity, errno: i32) {
        // Relaxed: a number; who was at the lock before is seen by who is at it later.
        EVER.fetch_add(1, Ordering::Relaxed);
        match self.failed.iter_mut().find(|failed| failed.file == file) {
            Some(failed) => {
                failed.count += 1;
                failed.errno = errno;
            }
            None => self.failed.push(Failed {
                file,
                count: 1,
                errno,
            }),
        }
    }
}

/// How often the file has failed.
pub fn count(file: Identity) -> u32 {
    // Relaxed: a failure that was not reported to anyone has not happened yet.
    match EVER.load(Ordering::Relaxed) {
        0 => 0,
        _ => shard_of(file)
            .enter()
            .failed(file)
            .map_or(0, |failed| failed.count),
    }
}

/// The error of the last failure, if there were more than `acknowledged`.
pub fn after(file: Identity, acknowledged: u32) -> Result<()> {
    if EVER.load(Ordering::Relaxed) == 0 {
        return Ok(()); // Relaxed: as above.
    }
    match shard_of(file).enter().failed(file) {
        Some(failed) if failed.count != acknowledged => Err(Error::System(failed.errno)),
        _ => Ok(()),
    }
}

/// Runs `flush` of the file, and notes a failure of the device. When it has succeeded, every flush of the file that
/// was under way at that moment has come back, and has noted its failure too.
pub fn watched(file: Identity, flush: impl FnOnce() -> Result<()>) -> Result<()> {
    let shard = shard_of(file);
    let ticket = {
        let mut known = shard.enter();
        known.tickets += 1;
        let ticket = known.tickets;
        known.under_way.push(UnderWay { file, ticket });
        ticket
    };
    let result = flush();
    let mut known = shard.enter();
    known.under_way.retain(|other| other.ticket != ticket);
    match result {
        Err(Error::System(errno)) if !is_of_the_call(errno) => known.note(file, errno),
        _ => {}
    }
    shard.tell();
    let last = known.tickets;
    let others = |known: &Known| {
        let mut all = known.under_way.iter();
        all.any(|other| other.file == file && other.ticket <= last)
    };
    while result.is_ok() && others(&known) {
        known = shard.wait(known);
    }
    result
}

/// Whether the error speaks of the call, and not of the device (msync(2), fsync(2)).
fn is_of_the_call(errno: i32) -> bool {
    [libc::EBADF, libc::EBUSY, libc::EINVAL, libc::ENOMEM].contains(&errno)
}

/// All that is known, for a process that forks: whole, and by nobody else's hand.
pub struct Frozen(Vec<Entered<'static, Known>>);

/// Waits until nothing of it is being changed, and keeps it so until the result is dropped.
pub fn freeze() -> Frozen {
    Frozen(ALL.iter().map(Monitor::enter).collect())
}

impl Frozen {
    /// In the child: no flush is under way.
    pub fn in_child(mut self) {
        ALL.iter().for_each(Monitor::forget_waiters);
        for known in &mut self.0 {
            known.under_way.clear();
        }
    }
}
