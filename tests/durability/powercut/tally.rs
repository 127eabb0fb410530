//! What came of many cuts.

use super::promises::Loss;
use std::collections::BTreeMap;
use std::fmt;

/// How many there were, and what was lost in how many of them.
#[derive(Default)]
pub struct Tally {
    pub cuts: u64,
    pub losses: BTreeMap<Loss, u64>,
    pub half_made: u64,
    /// Disks that had to be repaired before they could be mounted.
    pub repaired: u64,
    pub first: Option<String>,
}

impl Tally {
    /// All of both.
    pub fn add(mut self, other: Tally) -> Tally {
        self.cuts += other.cuts;
        self.half_made += other.half_made;
        self.repaired += other.repaired;
        for (loss, count) in other.losses {
            *self.losses.entry(loss).or_default() += count;
        }
        self.first = self.first.or(other.first);
        self
    }

    pub fn count(&mut self, at: usize, losses: Vec<(Loss, String)>) {
        self.cuts += 1;
        let mut kinds: Vec<Loss> = losses.iter().map(|(loss, _)| *loss).collect();
        kinds.dedup();
        for kind in kinds {
            *self.losses.entry(kind).or_default() += 1;
        }
        if let Some((loss, what)) = losses.into_iter().next() {
            self.first
                .get_or_insert(format!("cut at {at}: {loss:?}: {what}"));
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cuts, ", self.cuts)?;
        match self.losses.is_empty() {
            true => write!(f, "nothing lost")?,
            false => write!(f, "lost in so many: {:?}", self.losses)?,
        }
        let also = [
            ("half-made files", self.half_made),
            ("disks repaired", self.repaired),
        ];
        let also = also.iter().filter(|(_, count)| *count != 0);
        also.clone()
            .try_for_each(|(what, count)| write!(f, "; {what}: {count}"))
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Tally>>(tallies: I) -> Tally {
        tallies.fold(Tally::default(), Tally::add)
    }
}
