//! The signs and barriers of models: what a thread shows stays in the store buffer of its processor as long as it can.

use loom::sync::Mutex;
use loom::sync::atomic::fence as fence_of_processor;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread::{self, ThreadId};
use std::cell::RefCell;
use std::sync::Arc; // Loom's must be dropped, and readers are never freed.

/// What threads have stored and nobody else sees yet, oldest first: the store buffers of their processors. What
/// is stored stays there as long as it can: until its thread passes a fence or ends, or all pass a barrier.
type Buffers = Arc<Mutex<Vec<(ThreadId, Arc<AtomicU64>, u64)>>>;

std::thread_local! {
    /// Those of the execution that loom is at, which takes place on one thread of the system's; None where a
    /// thread that sets a sign passes a fence each time.
    static BUFFERS: RefCell<Option<Buffers>> = const { RefCell::new(None) };
}

fn buffers() -> Option<Buffers> {
    BUFFERS.with_borrow(Option::clone)
}

/// Has signs stay in buffers from now on, or not.
pub fn use_buffers(used: bool) {
    let buffers = used.then(|| Arc::new(Mutex::new(Vec::new())));
    BUFFERS.set(buffers);
}

/// Who passes a barrier later sees what these threads have stored before, and they see what it did: it is the
/// lock that says so.
fn write_out(whose: impl Fn(ThreadId) -> bool) {
    let Some(buffers) = buffers() else {
        return;
    };
    let mut stored = buffers.lock().unwrap();
    stored.retain(|(thread, place, number)| {
        let out = whose(*thread);
        if out {
            place.store(*number, Ordering::Release);
        }
        !out
    });
}

pub fn write_out_mine() {
    let mine = thread::current().id();
    write_out(|thread| thread == mine);
}

pub fn fence(ordering: Ordering) {
    if ordering == Ordering::SeqCst {
        write_out_mine();
    }
    fence_of_processor(ordering);
}

pub fn barrier() {
    write_out(|_| true);
    fence_of_processor(Ordering::SeqCst);
}

pub struct Sign(Arc<AtomicU64>);

impl Sign {
    pub fn new() -> Sign {
        Sign(Arc::new(AtomicU64::new(0)))
    }

    pub fn fence_if(&self, _: bool) {}

    pub fn mine(&self) -> u64 {
        let buffered = buffers().and_then(|buffers| {
            let stored = buffers.lock().unwrap();
            let mut mine = stored
                .iter()
                .filter(|(_, place, _)| Arc::ptr_eq(place, &self.0));
            mine.next_back().map(|(_, _, number)| *number)
        });
        buffered.unwrap_or_else(|| self.0.load(Ordering::Relaxed))
    }

    pub fn set(&self, number: u64) {
        match buffers() {
            Some(buffers) => {
                let stored = (thread::current().id(), self.0.clone(), number);
                buffers.lock().unwrap().push(stored);
            }
            None => {
                self.0.store(number, Ordering::Release);
                fence_of_processor(Ordering::SeqCst);
            }
        }
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
