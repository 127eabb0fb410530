//! Turns: one thread at a time changes a mapping's length, pages or protection.
//!
//! A turn is of one handle, so that who waits for the end of an operation, or for a device, keeps nobody waiting
//! who changes another mapping. Nor does a fork wait for it: see [`changes`](crate::threads::fork).

use crate::handles::table::Handle;
use crate::registry::live::{self, Pinned};
use crate::status::Result;
use crate::threads::fork;
use crate::threads::monitor::{Entered, Monitor};
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

/// Handles share these by their number.
const SHARDS: usize = 64;

/// A turn that somebody has.
#[derive(Clone, Copy)]
pub struct Taken {
    /// Of this handle.
    pub handle: Handle,
    /// Whether who has it has pinned the mapping.
    pub pinned: bool,
}

static ALL: [Monitor<Vec<Taken>>; SHARDS] = [const { Monitor::new(Vec::new()) }; SHARDS];

/// A turn, until it is dropped.
#[derive(Debug)]
pub struct Turn(Handle);

/// Waits until no other thread changes the mapping, and keeps it so until the result is dropped.
pub fn turn(handle: Handle) -> Turn {
    let shard = shard_of(handle);
    let mut taken = shard.enter();
    while taken.iter().any(|taken| taken.handle == handle) {
        taken = shard.wait(taken);
    }
    taken.push(Taken {
        handle,
        pinned: false,
    });
    Turn(handle)
}

impl Turn {
    /// Pins the mapping whose turn it is.
    pub fn pin(&self) -> Result<InTurn<'_>> {
        let _change = fork::hold_off(); // A child knows whether there is a pin of a thread that it doesn't have.
        let pinned = live::pin_for_change(self.0)?;
        self.note(true);
        Ok(InTurn {
            pinned: ManuallyDrop::new(pinned),
            turn: self,
        })
    }

    fn note(&self, pinned: bool) {
        let mut all = shard_of(self.0).enter();
        let ours = all.iter_mut().find(|taken| taken.handle == self.0);
        ours.expect("it stays until the turn is over").pinned = pinned;
    }
}

/// A mapping that is pinned by who has its turn; unpinned when dropped.
pub struct InTurn<'t> {
    pinned: ManuallyDrop<Pinned>,
    turn: &'t Turn,
}

impl Deref for InTurn<'_> {
    type Target = Pinned;

    fn deref(&self) -> &Pinned {
        &self.pinned
    }
}

impl DerefMut for InTurn<'_> {
    fn deref_mut(&mut self) -> &mut Pinned {
        &mut self.pinned
    }
}

impl Drop for InTurn<'_> {
    fn drop(&mut self) {
        let _change = fork::hold_off(); // As in `pin`.
        self.turn.note(false);
        // SAFETY: it is dropped here and nowhere else.
        unsafe { ManuallyDrop::drop(&mut self.pinned) };
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let shard = shard_of(self.0);
        let mut taken = shard.enter();
        taken.retain(|taken| taken.handle != self.0);
        shard.tell();
    }
}

fn shard_of(handle: Handle) -> &'static Monitor<Vec<Taken>> {
    &ALL[handle.0 as usize % SHARDS]
}

/// All lists of turns, for a process that forks: whole, and by nobody else's hand.
pub struct Frozen(Vec<Entered<'static, Vec<Taken>>>);

/// Waits until no list is being changed, and keeps it so until the result is dropped.
pub fn freeze() -> Frozen {
    Frozen(ALL.iter().map(Monitor::enter).collect())
}

impl Frozen {
    /// In the child: nobody has a turn, since it has no other thread. The turns that somebody had.
    pub fn in_child(mut self) -> Vec<Taken> {
        ALL.iter().for_each(Monitor::forget_waiters);
        self.0
            .iter_mut()
            .flat_map(|taken| taken.drain(..))
            .collect()
    }
}
