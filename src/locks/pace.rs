//! The pace of waiting: deadlines, and how often a thread polls for a range that another process has locked.

use crate::status::{Error, Result};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Until when to wait; None waits without limit.
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

/// How many threads look again and again whether the system gives them a range.
static LOOKING: AtomicUsize = AtomicUsize::new(0);

/// So many are left of them, in a child of fork.
pub fn still_looking(threads: usize) {
    LOOKING.store(threads, Ordering::Relaxed); // A number, here and below.
}

/// How often a thread looks whether another process has let go.
///
/// It comes a sixteenth of the time too late that it has waited. There is a longest pause, so that also who has
/// waited for hours gets the range in a few milliseconds; with many who wait it grows, so that all of a process look
/// ten thousand times a second at the most: that takes a twentieth of a processor.
pub struct Pace {
    since: Instant,
}

impl Pace {
    const SHORTEST: Duration = Duration::from_micros(50);
    const EACH: Duration = Duration::from_micros(100);
    const SOON: Duration = Duration::from_millis(2);
    const LATER: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_millis(100);

    /// From now on.
    pub fn begin() -> Pace {
        LOOKING.fetch_add(1, Ordering::Relaxed);
        Pace {
            since: Instant::now(),
        }
    }

    /// Whether the wait is long enough that others should know of it.
    pub fn is_long(&self) -> bool {
        self.since.elapsed() >= Pace::SHORTEST * 10
    }

    /// Until the next look.
    pub fn pause(&self) -> Duration {
        let all = u32::try_from(LOOKING.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        let waited = self.since.elapsed();
        let least = match waited < Duration::from_secs(1) {
            true => Pace::SOON,
            false => Pace::LATER,
        };
        let longest = Pace::EACH.saturating_mul(all).clamp(least, Pace::LONGEST);
        (waited / 16).clamp(Pace::SHORTEST, longest)
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        LOOKING.fetch_sub(1, Ordering::Relaxed);
    }
}
