//! Claims to byte ranges: who among the threads of this process comes before whom.
//!
//! First come, first served: a claim waits for every earlier one that it can't be had together with,
//! also for those that are waiting themselves. So nobody waits for ever because others keep coming.

use crate::record::Lock;
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
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Somebody before it is in the way.
    Waiting,
    /// The system is being asked, and may have locked it.
    Asking,
    /// It has its range.
    Held,
}

impl Claim {
    fn conflicts(&self, other: &Claim) -> bool {
        let overlap = self.range.start < other.range.end && other.range.start < self.range.end;
        overlap && (self.how == Lock::Exclusive || other.how == Lock::Exclusive)
    }
}

impl Claims {
    /// Joins the queue; the answer names the claim.
    pub fn join(&mut self, range: Range<u64>, how: Lock) -> u64 {
        self.tickets += 1;
        self.all.push(Claim {
            ticket: self.tickets,
            range,
            how,
            state: State::Waiting,
        });
        self.tickets
    }

    /// Whether nobody who came before is in the way any more, so that the system may be asked.
    pub fn may_ask(&mut self, ticket: u64) -> bool {
        let place = self.place_of(ticket);
        let (before, rest) = self.all.split_at_mut(place);
        let claim = &mut rest[0];
        let next = !before.iter().any(|other| claim.conflicts(other));
        if next {
            claim.state = State::Asking;
        }
        next
    }

    /// The system has locked it.
    pub fn hold(&mut self, ticket: u64) {
        let place = self.place_of(ticket);
        self.all[place].state = State::Held;
    }

    /// Takes a claim back; what the system is to unlock for it.
    pub fn withdraw(&mut self, ticket: u64) -> Vec<Range<u64>> {
        let place = self.place_of(ticket);
        let parts = self.parts_of_its_own(place);
        self.all.remove(place);
        parts
    }

    /// A claim that holds exactly `range`, and what the system is to unlock for it before it is withdrawn.
    pub fn held(&self, range: &Range<u64>) -> Option<(u64, Vec<Range<u64>>)> {
        let held = |claim: &Claim| claim.state == State::Held && claim.range == *range;
        let place = self.all.iter().position(held)?;
        Some((self.all[place].ticket, self.parts_of_its_own(place)))
    }

    fn place_of(&self, ticket: u64) -> usize {
        let place = self.all.iter().position(|claim| claim.ticket == ticket);
        place.expect("only who has joined has a ticket")
    }

    /// For the system all claims are one owner's, who would lose what they share with this one.
    fn parts_of_its_own(&self, place: usize) -> Vec<Range<u64>> {
        let claim = &self.all[place];
        if claim.state == State::Waiting {
            return Vec::new();
        }
        let others = self
            .all
            .iter()
            .filter(|other| other.ticket != claim.ticket && other.state != State::Waiting);
        without(
            claim.range.clone(),
            others.map(|other| other.range.clone()).collect(),
        )
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
    use crate::record::FOR_EVER;

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
        assert!(claims.may_ask(reader) && claims.may_ask(elsewhere));
        claims.hold(reader);
        assert!(!claims.may_ask(writer) && !claims.may_ask(late));
        assert_eq!(claims.withdraw(writer), [], "it never asked the system");
        assert!(claims.may_ask(late));
        claims.hold(late);
        let (ticket, parts) = claims.held(&(0..10)).expect("the reader's");
        assert_eq!((ticket, parts), (reader, ranges(&[(0, 5)])));
        assert!(claims.held(&(0..10)).is_some(), "nobody has withdrawn it");
        assert_eq!(claims.withdraw(ticket), ranges(&[(0, 5)]));
        assert_eq!(claims.held(&(0..10)), None);
    }
}
