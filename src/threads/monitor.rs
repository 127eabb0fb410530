//! A monitor: a value behind a lock, and threads that wait for it to change (Hoare 1974).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A value that one thread at a time looks at or changes, never for long.
pub struct Monitor<T> {
    value: Mutex<T>,
    changed: Condvar,
    /// How many threads wait, written while the value is locked: telling them is a system call also where there
    /// are none.
    waiting: AtomicUsize,
}

/// The value, for one thread.
pub type Entered<'m, T> = MutexGuard<'m, T>;

impl<T> Monitor<T> {
    pub const fn new(value: T) -> Monitor<T> {
        Monitor {
            value: Mutex::new(value),
            changed: Condvar::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Waits until no other thread is at the value.
    pub fn enter(&self) -> Entered<'_, T> {
        // Nothing panics between two changes that belong together.
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, for who is at the value, until another one has told that it has changed; now and then for nothing.
    pub fn wait<'m>(&'m self, value: Entered<'m, T>) -> Entered<'m, T> {
        self.waiting(value, |value| {
            let told = self.changed.wait(value);
            told.unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// The same, so long at the most.
    pub fn wait_up_to<'m>(&'m self, value: Entered<'m, T>, most: Duration) -> Entered<'m, T> {
        self.waiting(value, |value| {
            let told = self.changed.wait_timeout(value, most);
            told.unwrap_or_else(PoisonError::into_inner).0
        })
    }

    fn waiting<'m>(
        &self,
        value: Entered<'m, T>,
        wait: impl FnOnce(Entered<'m, T>) -> Entered<'m, T>,
    ) -> Entered<'m, T> {
        // Relaxed, all: it is changed by who is at the value.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let value = wait(value);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        value
    }

    /// Tells those who wait that the value has changed, for who is at it.
    pub fn tell(&self) {
        if self.waiting.load(Ordering::Relaxed) != 0 {
            self.changed.notify_all();
        }
    }

    /// In a child of fork, for who is at the value: nobody waits.
    pub fn forget_waiters(&self) {
        self.waiting.store(0, Ordering::Relaxed);
    }
}
