//! Queues of those who lock ranges by one handle. They stand beside the handle table and not in it: the
//! fault handler may drop a mapping, and must not meet a lock there.

use crate::handles::table::Handle;
use crate::locks::claims::Claims;
use crate::locks::ofd::{self, Lock, Locker};
use crate::locks::pace::{Deadline, Pace, left, still_looking};
use crate::status::{Error, Result};
use crate::threads::fork;
use crate::threads::monitor::{Entered, Monitor};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Handles share these by their number.
const SHARDS: usize = 64;

/// Some of the queues.
pub struct Shard(Mutex<Vec<Arc<Queue>>>);

static ALL: [Shard; SHARDS] = [const { Shard(Mutex::new(Vec::new())) }; SHARDS];

/// How many queues there are, so that closing a handle costs nothing as long as nobody locks.
static QUEUES: AtomicUsize = AtomicUsize::new(0);

/// What one handle locks by, and who wants or has what.
pub struct Queue {
    handle: Handle,
    file: Locker,
    /// What the file was opened for: O_RDONLY or O_RDWR.
    pub access: i32,
    /// It changes for those who wait when somebody leaves whom they wait for, and when the handle is closed.
    line: Monitor<Line>,
}

/// Who stands in a queue. The system is asked while nobody else can look at it: so what it has locked is what
/// the claims that are held cover, and no more, whenever somebody looks.
struct Line {
    claims: Claims,
    /// Until the handle is closed.
    open: bool,
    run: Run,
}

/// Ranges that a handle has had at once, one after the other. When that has been going on for a while, it leaves a
/// gap for those who wait in other processes, if there are any: who lets go and comes again in a microsecond would
/// be there first each time.
#[derive(Default)]
struct Run {
    count: u32,
    since: Option<Instant>,
}

impl Run {
    /// The clock is looked at for one of so many.
    const EACH: u32 = 16;
    const LONGEST: Duration = Duration::from_millis(10);

    fn goes_on(&mut self) {
        self.count += 1;
        if self.count == 1 {
            self.since = Some(Instant::now());
        }
    }

    fn is_long(&mut self) -> bool {
        if self.count < Run::EACH {
            return false;
        }
        self.count = 1;
        self.since
            .is_some_and(|since| since.elapsed() >= Run::LONGEST)
    }
}

/// How long it waits for them to come, and how often it looks.
const GAP: Duration = Duration::from_millis(6);
const LOOK: Duration = Duration::from_micros(100);

impl Queue {
    /// Of nobody so far.
    pub fn new(handle: Handle, file: Locker, access: i32) -> Queue {
        let claims = Claims::default();
        Queue {
            handle,
            file,
            access,
            line: Monitor::new(Line {
                claims,
                open: true,
                run: Run::default(),
            }),
        }
    }

    /// Locks a range as soon as nobody is in the way who came before, and the system gives it.
    pub fn lock(&self, range: &Range<u64>, how: Lock, deadline: Deadline) -> Result<()> {
        let mut line = self.line.enter();
        let ticket = line.claims.join(range.clone(), how);
        let (mut line, result) = self.wait(line, ticket, deadline);
        let shown = line.claims.take_back(ticket);
        shown
            .iter()
            .for_each(|part| ofd::take_back(&self.file, part));
        match result {
            Ok(()) => line.claims.hold(ticket),
            Err(_) => self.withdraw(&mut line, ticket),
        }
        result
    }

    /// Waits until the system has locked what is claimed.
    fn wait<'l>(
        &'l self,
        mut line: Entered<'l, Line>,
        ticket: u64,
        deadline: Deadline,
    ) -> (Entered<'l, Line>, Result<()>) {
        let mut pace: Option<Pace> = None;
        let mut gap = end_of_gap(&mut line, deadline);
        loop {
            let pause = match self.ask(&line, ticket, &mut gap) {
                Ok(Asked::Locked) => {
                    line.run.goes_on();
                    return (line, Ok(()));
                }
                Ok(Asked::Refused) => {
                    line.run = Run::default();
                    let pace = pace.get_or_insert_with(Pace::begin);
                    self.announce(&mut line, ticket, pace);
                    Some(pace.pause())
                }
                Ok(Asked::LeftGap) => {
                    line.run = Run::default();
                    Some(LOOK)
                }
                Ok(Asked::NotYet) => None,
                Err(error) => return (line, Err(error)),
            };
            line = match deadline.map(left).transpose() {
                Ok(left) => match pause.into_iter().chain(left).min() {
                    None => self.line.wait(line),
                    Some(most) => self.line.wait_up_to(line, most),
                },
                Err(error) => return (line, Err(error)),
            };
        }
    }

    /// Asks the system for what is claimed, if its turn has come.
    fn ask(&self, line: &Line, ticket: u64, gap: &mut Deadline) -> Result<Asked> {
        if !line.open {
            return Err(Error::Handle); // And its locks went with it.
        }
        let Some((range, how)) = line.claims.next(ticket) else {
            return Ok(Asked::NotYet);
        };
        if gap.is_some_and(|end| left(end).is_ok() && ofd::is_awaited(&self.file, range)) {
            return Ok(Asked::LeftGap);
        }
        *gap = None; // One is enough.
        match ofd::lock(&self.file, range, how) {
            Ok(true) => Ok(Asked::Locked),
            Ok(false) => Ok(Asked::Refused),
            Err(error) => {
                // It failed half way, as far as anybody knows. The failure is the one to tell.
                let _ = self.release(line.claims.parts_of_its_own(ticket));
                Err(error)
            }
        }
    }

    /// Shows others that somebody waits, once that is long.
    fn announce(&self, line: &mut Line, ticket: u64, pace: &Pace) {
        let claims = pace.is_long().then_some(&mut line.claims);
        if let Some(range) = claims.and_then(|claims| claims.announce(ticket)) {
            ofd::announce(&self.file, &range);
        }
    }

    /// Takes a claim back, and tells those who have waited for that.
    fn withdraw(&self, line: &mut Line, ticket: u64) {
        if line.claims.withdraw(ticket) {
            self.line.tell();
        }
    }

    /// Lets a range go that is held.
    pub fn unlock(&self, range: &Range<u64>) -> Result<()> {
        let mut line = self.line.enter();
        let ticket = line.claims.held(range).ok_or(Error::Invalid)?;
        self.release(line.claims.parts_of_its_own(ticket))?;
        self.withdraw(&mut line, ticket);
        Ok(())
    }

    /// Has the system unlock these.
    fn release(&self, parts: Vec<Range<u64>>) -> Result<()> {
        parts
            .iter()
            .try_for_each(|part| ofd::unlock(&self.file, part))
    }

    /// Lets everything go, and sends away who waits.
    fn close(&self) {
        let mut line = self.line.enter();
        line.open = false;
        // Who waits keeps the description open until it is awake; what was locked goes now.
        self.file.release_all();
        self.line.tell();
    }
}

/// Until when to leave a gap for others, if one is due. Who tries, or has little time, leaves none: it would be
/// refused what is free.
fn end_of_gap(line: &mut Line, deadline: Deadline) -> Deadline {
    if !line.run.is_long() {
        return None;
    }
    let end = Instant::now().checked_add(GAP)?;
    match deadline {
        Some(deadline) if deadline < end => None,
        _ => Some(end),
    }
}

/// What came of asking.
enum Asked {
    /// It is locked.
    Locked,
    /// Another open file description has some of it.
    Refused,
    /// It was not asked, so that others may come first.
    LeftGap,
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
        // respond keeps the caller waiting that asks it, and so the one that closes, and no others.
        queue.close();
        shard.remove(handle);
    }
}

/// All queues, for a process that forks: whole, and by nobody else's hand.
pub struct Frozen(Vec<MutexGuard<'static, Vec<Arc<Queue>>>>);

/// Waits until no queue comes or goes, and keeps it so until the result is dropped. Who stands in one goes on, also
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
    use crate::locks::lock;
    use crate::locks::ofd::FOR_EVER;
    use crate::map::Map;
    use crate::operations::close::close;
    use crate::options::{Access, Options};
    use crate::registry::live;
    use std::sync::mpsc;
    use std::thread;

    /// A file of 100 bytes, mapped so often, and the queue of each mapping.
    fn queues<const N: usize>() -> [(Map, Arc<Queue>); N] {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.as_file().set_len(100).expect("it is ours");
        let options = Options {
            access: Access::ReadWrite,
            ..Options::default()
        };
        std::array::from_fn(|_| {
            let map = Map::open(file.path(), &options).expect("it is there");
            let handle = map.handle();
            assert_eq!(lock::lock(handle, 99, 1, Lock::Shared, None), Ok(()));
            assert_eq!(lock::unlock(handle, 99, 1), Ok(()));
            let queue = shard_of(handle).queue_of(handle);
            (map, queue.expect("it has locked"))
        })
    }

    #[test]
    fn others_see_who_waits_as_long_as_that_is_and_are_not_hindered_elsewhere() {
        let [(_a, first), (_b, second), (_c, third)] = queues();
        assert_eq!(first.lock(&(0..10), Lock::Exclusive, None), Ok(()));
        let until = Instant::now() + Duration::from_secs(5);
        thread::scope(|scope| {
            let waits = scope.spawn(|| second.lock(&(5..15), Lock::Exclusive, Some(until)));
            while !ofd::is_awaited(&first.file, &(9..10)) {
                assert!(Instant::now() < until, "it isn't shown");
                thread::yield_now();
            }
            assert!(ofd::is_awaited(&third.file, &(0..FOR_EVER)));
            assert!(!ofd::is_awaited(&third.file, &(15..FOR_EVER)));
            assert!(!ofd::is_awaited(&second.file, &(0..FOR_EVER)));
            let now = Some(Instant::now());
            assert_eq!(third.lock(&(20..FOR_EVER), Lock::Exclusive, now), Ok(()));
            assert_eq!(first.unlock(&(0..10)), Ok(()));
            assert_eq!(waits.join().expect("it ends"), Ok(()));
        });
        assert!(!ofd::is_awaited(&first.file, &(0..FOR_EVER)));
        let later = Some(Instant::now() + Duration::from_millis(20));
        assert_eq!(
            first.lock(&(5..6), Lock::Shared, later),
            Err(Error::Timeout)
        );
        assert!(!ofd::is_awaited(&second.file, &(0..FOR_EVER)));
    }

    #[test]
    fn who_comes_again_and_again_leaves_a_gap_for_those_who_wait() {
        let [(_a, first), (_b, second)] = queues();
        ofd::announce(&first.file, &(0..10));
        let long = || Run {
            count: Run::EACH,
            since: Instant::now().checked_sub(Run::LONGEST),
        };
        let takes = |deadline| {
            second.line.enter().run = long();
            let before = Instant::now();
            assert_eq!(second.lock(&(5..6), Lock::Exclusive, deadline), Ok(()));
            assert_eq!(second.unlock(&(5..6)), Ok(()));
            before.elapsed()
        };
        assert!(takes(None) >= GAP, "nobody came, so it is all of it");
        assert_eq!(second.line.enter().run.count, 1);
        // Who tries is not refused what is free.
        takes(Some(Instant::now()));
        takes(Some(Instant::now() + GAP / 2));
    }

    #[test]
    fn a_fork_and_other_handles_wait_for_nobody_whom_the_system_does_not_answer() {
        let [(map, queue)] = queues();
        let handle = map.handle();
        let asks = queue.line.enter();
        let closer = thread::spawn(move || close(handle));
        let (told, tells) = mpsc::channel();
        thread::spawn(move || {
            while live::pin(handle).is_ok() {
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
        let result = tells.recv_timeout(Duration::from_secs(10));
        drop(asks);
        assert_eq!(closer.join().expect("it ends"), Ok(()));
        assert_eq!(result, Ok(()), "they waited for who asks");
        assert_eq!(queue.lock(&(5..6), Lock::Shared, None), Err(Error::Handle));
        assert!(shard_of(handle).queue_of(handle).is_none());
    }
}
