//! Claims to byte ranges: who among the threads of this process comes before whom.
//!
//! First come, first served: a claim waits for every earlier one that it can't be had together with,
//! also for those that are waiting themselves. So nobody waits for good because others keep coming.

use crate::locks::ofd::Lock;
use std::ops::Range;

/// Claims in the order in which they came.
#[derive(Default)]
pub struct Claims {
    all: Vec<Claim>,
    tickets: u64,
}

struct Claim {
    ticket: u64,
    range: Range<u64>,
    how: Lock,
    /// Whether it has its range; else it waits.
    held: bool,
    /// Whether others were shown that it waits.
    announced: bool,
}

impl Claim {
    fn overlaps(&self, other: &Claim) -> bool {
        self.range.start < other.range.end && other.range.start < self.range.end
    }

    fn conflicts(&self, other: &Claim) -> bool {
        self.overlaps(other) && (self.how == Lock::Exclusive || other.how == Lock::Exclusive)
    }
}

impl Claims {
    /// Joins the queue; the result names the claim.
    pub fn join(&mut self, range: Range<u64>, how: Lock) -> u64 {
        self.tickets += 1;
        self.all.push(Claim {
            ticket: self.tickets,
            range,
            how,
            held: false,
            announced: false,
        });
        self.tickets
    }

    /// What the system is to be asked for, if nobody who came before is in the way any more.
    pub fn next(&self, ticket: u64) -> Option<(&Range<u64>, Lock)> {
        let place = self.place_of(ticket);
        let claim = &self.all[place];
        let free = !self.all[..place].iter().any(|other| claim.conflicts(other));
        free.then_some((&claim.range, claim.how))
    }

    /// The system has locked it.
    pub fn hold(&mut self, ticket: u64) {
        let place = self.place_of(ticket);
        self.all[place].held = true;
    }

    /// Takes a claim back; whether anybody has waited for that.
    pub fn withdraw(&mut self, ticket: u64) -> bool {
        let place = self.place_of(ticket);
        let claim = self.all.remove(place);
        self.all[place..].iter().any(|other| claim.conflicts(other))
    }

    /// A claim that holds exactly `range`.
    pub fn held(&self, range: &Range<u64>) -> Option<u64> {
        let held = |claim: &&Claim| claim.held && claim.range == *range;
        self.all.iter().find(held).map(|claim| claim.ticket)
    }

    /// What the system is to unlock when a claim goes: for it all claims are one owner's, who would lose what
    /// others hold of the same bytes. Who waits has none of them yet, and keeps none locked.
    pub fn parts_of_its_own(&self, ticket: u64) -> Vec<Range<u64>> {
        self.parts(ticket, |other| other.held)
    }

    /// What others are to be shown that it waits for; None if they were.
    pub fn announce(&mut self, ticket: u64) -> Option<Range<u64>> {
        let place = self.place_of(ticket);
        let claim = &mut self.all[place];
        let before = std::mem::replace(&mut claim.announced, true);
        (!before).then(|| claim.range.clone())
    }

    /// Of what others were shown, what nobody waits for but it, which does so no more.
    pub fn take_back(&mut self, ticket: u64) -> Vec<Range<u64>> {
        let place = self.place_of(ticket);
        match std::mem::replace(&mut self.all[place].announced, false) {
            true => self.parts(ticket, |other| other.announced),
            false => Vec::new(),
        }
    }

    /// The parts of a claim's range that none of the others has, as far as they count.
    fn parts(&self, ticket: u64, counts: impl Fn(&Claim) -> bool) -> Vec<Range<u64>> {
        let claim = &self.all[self.place_of(ticket)];
        let others = self
            .all
            .iter()
            .filter(|other| other.ticket != ticket && counts(other) && other.overlaps(claim));
        without(
            claim.range.clone(),
            others.map(|other| other.range.clone()).collect(),
        )
    }

    fn place_of(&self, ticket: u64) -> usize {
        let place = self.all.iter().position(|claim| claim.ticket == ticket);
        place.expect("only who has joined has a ticket")
    }
}

/// The parts of `range` that none of `others` has.
fn without(range: Range<u64>, mut others: Vec<Range<u64>>) -> Vec<Range<u64>> {
    others.sort_by_key(|other| other.start);
    let mut parts = Vec::new();
    let mut from = range.start;
    for other in others {
        let until = other.start.min(range.end);
        if from < until {
            parts.push(from..until);
        }
        from = from.max(other.end);
    }
    if from < range.end {
        parts.push(from..range.end);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locks::ofd::FOR_EVER;

    fn ranges(pairs: &[(u64, u64)]) -> Vec<Range<u64>> {
        pairs.iter().map(|(start, end)| *start..*end).collect()
    }

    #[test]
    fn what_others_share_of_a_range_stays_locked() {
        type Pairs = &'static [(u64, u64)];
        let cases: [(Pairs, Pairs); 7] = [
            (&[], &[(10, 20)]),
            (&[(0, 10), (20, 30)], &[(10, 20)]),
            (&[(0, 12)], &[(12, 20)]),
            (&[(18, FOR_EVER)], &[(10, 18)]),
            (&[(14, 16), (11, 12)], &[(10, 11), (12, 14), (16, 20)]),
            (&[(12, 18), (13, 14)], &[(10, 12), (18, 20)]),
            (&[(0, 15), (15, 20)], &[]),
        ];
        for (others, left) in cases {
            assert_eq!(without(10..20, ranges(others)), ranges(left), "{others:?}");
        }
        assert_eq!(
            without(10..FOR_EVER, ranges(&[(5, 15)])),
            ranges(&[(15, FOR_EVER)])
        );
    }

    #[test]
    fn who_comes_later_waits_also_for_those_who_wait() {
        let mut claims = Claims::default();
        let reader = claims.join(0..10, Lock::Shared);
        let writer = claims.join(0..10, Lock::Exclusive);
        let late = claims.join(5..15, Lock::Shared);
        let elsewhere = claims.join(20..30, Lock::Exclusive);
        assert_eq!(claims.next(reader), Some((&(0..10), Lock::Shared)));
        assert_eq!(claims.next(elsewhere), Some((&(20..30), Lock::Exclusive)));
        claims.hold(reader);
        assert_eq!((claims.next(writer), claims.next(late)), (None, None));
        assert!(claims.withdraw(writer), "the late one waited for it");
        assert_eq!(claims.next(late), Some((&(5..15), Lock::Shared)));
        assert!(!claims.withdraw(elsewhere), "nobody waited for it");
        assert_eq!(claims.held(&(0..10)), Some(reader));
        assert_eq!(claims.held(&(5..15)), None, "it was not given it so far");
    }

    #[test]
    fn what_is_unlocked_is_what_nobody_else_holds() {
        let mut claims = Claims::default();
        let reader = claims.join(0..10, Lock::Shared);
        let waiting = claims.join(5..15, Lock::Shared);
        claims.hold(reader);
        assert_eq!(claims.parts_of_its_own(reader), ranges(&[(0, 10)]));
        claims.hold(waiting);
        assert_eq!(claims.parts_of_its_own(reader), ranges(&[(0, 5)]));
        assert!(!claims.withdraw(reader), "nobody waited for it");
        assert_eq!(claims.held(&(0..10)), None);
        assert_eq!(claims.parts_of_its_own(waiting), ranges(&[(5, 15)]));
    }
}
