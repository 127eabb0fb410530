//! Queues of those who lock ranges by one handle. They stand beside the handle table and not in it: the
//! fault handler may drop a mapping, and must not meet a lock there.

use crate::claims::Claims;
use crate::fork;
use crate::record::{self, Deadline, Lock, Locker, Pace, left, still_looking};
use crate::status::{Error, Result};
use crate::table::Handle;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Handles share these by their number.
const SHARDS: usize = 64;

/// Some of the queues.
pub struct Shard(Mutex<Vec<Arc<Queue>>>);

static ALL: [Shard; SHARDS] = [const { Shard(Mutex::new(Vec::new())) }; SHARDS];

#[used]
static HOOKS: &extern "C" fn() = &fork::AT_LOAD;

/// How many queues there are, so that closing a handle costs nothing as long as nobody locks.
static QUEUES: AtomicUsize = AtomicUsize::new(0);

/// What one handle locks by, and who wants or has what.
pub struct Queue {
    handle: Handle,
    file: Locker,
    /// What the file was opened for: O_RDONLY or O_RDWR.
    pub access: i32,
    line: Mutex<Line>,
    /// Somebody has left whom another one waits for, or the handle is closed.
    moved: Condvar,
}

/// Who stands in a queue. The system is asked while nobody else can look at it: so what it has locked is what
/// the claims that are held cover, and no more, whenever somebody looks.
struct Line {
    claims: Claims,
    /// Until the handle is closed.
    open: bool,
}

impl Queue {
    /// Of nobody so far.
    pub fn new(handle: Handle, file: Locker, access: i32) -> Queue {
        let claims = Claims::default();
        Queue {
            handle,
            file,
            access,
            line: Mutex::new(Line { claims, open: true }),
            moved: Condvar::new(),
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing here panics between two changes that belong together.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks a range as soon as nobody is in the way who came before, and the system gives it.
    pub fn lock(&self, range: &Range<u64>, how: Lock, deadline: Deadline) -> Result<()> {
        let mut line = self.line();
        let ticket = line.claims.join(range.clone(), how);
        let (mut line, answer) = self.wait(line, ticket, deadline);
        match answer {
            Ok(()) => line.claims.hold(ticket),
            Err(_) => self.withdraw(&mut line, ticket),
        }
        answer
    }

    /// Waits until the system has locked what is claimed.
    fn wait<'l>(
        &'l self,
        mut line: MutexGuard<'l, Line>,
        ticket: u64,
        deadline: Deadline,
    ) -> (MutexGuard<'l, Line>, Result<()>) {
        let mut pace = None;
        loop {
            let pause = match self.ask(&line, ticket) {
                Ok(Asked::Locked) => return (line, Ok(())),
                Ok(Asked::Refused) => Some(pace.get_or_insert_with(Pace::begin).pause()),
                Ok(Asked::NotYet) => None,
                Err(error) => return (line, Err(error)),
            };
            line = match deadline.map(left).transpose() {
                Ok(left) => self.wait_for_a_move(line, pause.into_iter().chain(left).min()),
                Err(error) => return (line, Err(error)),
            };
        }
    }

    /// Asks the system for what is claimed, if its turn has come.
    fn ask(&self, line: &Line, ticket: u64) -> Result<Asked> {
        if !line.open {
            return Err(Error::Handle); // And its locks went with it.
        }
        let Some((range, how)) = line.claims.next(ticket) else {
            return Ok(Asked::NotYet);
        };
        match record::lock(&self.file, range, how) {
            Ok(true) => Ok(Asked::Locked),
            Ok(false) => Ok(Asked::Refused),
            Err(error) => {
                // It failed half way, as far as anybody knows. The failure is the one to tell.
                let _ = self.release(line.claims.parts_of_its_own(ticket));
                Err(error)
            }
        }
    }

    /// Waits to be told, so long at the most.
    fn wait_for_a_move<'l>(
        &self,
        line: MutexGuard<'l, Line>,
        most: Option<Duration>,
    ) -> MutexGuard<'l, Line> {
        let told = match most {
            None => self.moved.wait(line),
            Some(most) => match self.moved.wait_timeout(line, most) {
                Ok((line, _)) => Ok(line),
                Err(poisoned) => return poisoned.into_inner().0,
            },
        };
        told.unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a claim back, and tells those who have waited for that.
    fn withdraw(&self, line: &mut Line, ticket: u64) {
        if line.claims.withdraw(ticket) {
            self.moved.notify_all();
        }
    }

    /// Lets a range go that is held.
    pub fn unlock(&self, range: &Range<u64>) -> Result<()> {
        let mut line = self.line();
        let ticket = line.claims.held(range).ok_or(Error::Invalid)?;
        self.release(line.claims.parts_of_its_own(ticket))?;
        self.withdraw(&mut line, ticket);
        Ok(())
    }

    /// Has the system unlock these.
    fn release(&self, parts: Vec<Range<u64>>) -> Result<()> {
        parts
            .iter()
            .try_for_each(|part| record::unlock(&self.file, part))
    }

    /// Lets everything go, and sends away who waits.
    fn close(&self) {
        let mut line = self.line();
        line.open = false;
        // Who waits keeps the description open until it is awake; what was locked goes now.
        self.file.release_all();
        if line.claims.anybody_waits() {
            self.moved.notify_all();
        }
    }
}

/// What came of asking.
enum Asked {
    /// It is locked.
    Locked,
    /// Another open file description has some of it.
    Refused,
    /// Somebody who came before is in the way.
    NotYet,
}

/// Where the queue of a handle is, if it has one.
pub fn shard_of(handle: Handle) -> &'static Shard {
    &ALL[handle.0 as usize % SHARDS]
}

impl Shard {
    fn queues(&self) -> MutexGuard<'_, Vec<Arc<Queue>>> {
        // Nothing here panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue of a handle, if it has one.
    pub fn queue_of(&self, handle: Handle) -> Option<Arc<Queue>> {
        let queues = self.queues();
        place_of(&queues, handle).map(|place| Arc::clone(&queues[place]))
    }

    /// The queue of a handle, made by `make` if need be: by nobody who has the queues locked, since a file may be
    /// long in being opened.
    ///
    /// A child of fork closes what stands in a queue. What was made before a fork and stands in none is not used:
    /// the child has its description, and would keep the locks of this process.
    ///
    /// [`forget`] finds what is made: who closes the handle looks for one afterwards, or `is_open` does not
    /// find it open here.
    pub fn open_queue(
        &self,
        handle: Handle,
        make: impl Fn() -> Result<Queue>,
        is_open: impl FnOnce() -> Result<()>,
    ) -> Result<Arc<Queue>> {
        if let Some(queue) = self.queue_of(handle) {
            return Ok(queue);
        }
        let (mut queues, made) = loop {
            let forks = fork::count();
            let made = make()?;
            let queues = self.queues();
            if forks == fork::count() {
                break (queues, Arc::new(made));
            }
        };
        if let Some(place) = place_of(&queues, handle) {
            return Ok(Arc::clone(&queues[place])); // Another thread was first.
        }
        queues.push(Arc::clone(&made));
        QUEUES.fetch_add(1, Ordering::Relaxed); // The fence orders it.
        // SeqCst: of two that each write one thing and read the other, one sees what the other wrote.
        fence(Ordering::SeqCst);
        if let Err(error) = is_open() {
            queues.pop();
            QUEUES.fetch_sub(1, Ordering::Relaxed);
            return Err(error);
        }
        Ok(made)
    }

    fn remove(&self, handle: Handle) {
        let mut queues = self.queues();
        if let Some(place) = place_of(&queues, handle) {
            queues.swap_remove(place);
            QUEUES.fetch_sub(1, Ordering::Relaxed); // A number.
        }
    }
}

fn place_of(queues: &[Arc<Queue>], handle: Handle) -> Option<usize> {
    queues.iter().position(|queue| queue.handle == handle)
}

/// Lets go of everything that a handle which was closed has locked, and sends away who waits.
pub fn forget(handle: Handle) {
    fence(Ordering::SeqCst); // See `open_queue`.
    // Relaxed: the fence orders it; elsewhere it is a number.
    if QUEUES.load(Ordering::Relaxed) == 0 {
        return;
    }
    let shard = shard_of(handle);
    if let Some(queue) = shard.queue_of(handle) {
        // While it still stands there, for a child to find. Nobody else waits for it: a file system that doesn't
        // answer keeps who asks it, and so who closes, and no others.
        queue.close();
        shard.remove(handle);
    }
}

/// All queues, for a process that forks: whole, and by nobody else's hand.
pub struct Frozen(Vec<MutexGuard<'static, Vec<Arc<Queue>>>>);

/// Waits until no queue comes or goes, and keeps it so until the answer is dropped. Who stands in one goes on, also
/// in the system: of that the child takes nothing over.
pub fn freeze() -> Frozen {
    Frozen(ALL.iter().map(Shard::queues).collect())
}

impl Frozen {
    /// In the child: it has locked nothing, and waits for nothing. The locks are the parent's, and end
    /// with the parent, so the child must not keep their description open.
    pub fn in_child(mut self) {
        for queue in self.0.iter_mut().flat_map(|queues| queues.drain(..)) {
            // SAFETY: it is forgotten here, and by the threads that the child does not have.
            unsafe { queue.file.close() };
            std::mem::forget(queue);
        }
        QUEUES.store(0, Ordering::Relaxed); // Relaxed: the child has one thread.
        still_looking(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handles;
    use crate::locks;
    use crate::map::Map;
    use crate::options::{Access, Options};
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn a_fork_and_other_handles_wait_for_nobody_whom_the_system_does_not_answer() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.as_file().set_len(100).expect("it is ours");
        let options = Options {
            access: Access::ReadWrite,
            ..Options::default()
        };
        let map = Map::open(file.path(), &options).expect("it is there");
        let handle = map.handle();
        let lock = |from| locks::lock(handle, from, 1, Lock::Exclusive, None);
        assert_eq!(lock(0), Ok(()));
        let queue = shard_of(handle).queue_of(handle).expect("it has locked");
        let asks = queue.line();
        let closer = thread::spawn(move || handles::close(handle));
        let (told, tells) = mpsc::channel();
        thread::spawn(move || {
            while handles::pin(handle).is_ok() {
                thread::yield_now();
            }
            // Once in a while, since nobody knows when the other is in the middle of closing it.
            for _ in 0..50 {
                drop(freeze());
                drop(shard_of(handle).queue_of(handle));
                thread::sleep(Duration::from_millis(1));
            }
            told.send(()).expect("somebody hears it");
        });
        let answer = tells.recv_timeout(Duration::from_secs(10));
        drop(asks);
        assert_eq!(closer.join().expect("it ends"), Ok(()));
        assert_eq!(answer, Ok(()), "they waited for who asks");
        assert_eq!(queue.lock(&(5..6), Lock::Shared, None), Err(Error::Handle));
        assert!(shard_of(handle).queue_of(handle).is_none());
    }
}
