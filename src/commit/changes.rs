//! Which bytes of a piece differ from what was committed.

use std::ops::Range;

/// Two changes with fewer bytes than this between them are one: naming a place of its own takes 12.
const NEAR: usize = 16;

/// Calls `tell` for each run of bytes of `now` that differs from `before`, which is as long, in order.
pub fn each(before: &[u8], now: &[u8], mut tell: impl FnMut(Range<usize>)) {
    let mut at = 0;
    while let Some(start) = first(before, now, at) {
        let mut end = start + 1;
        at = end;
        while at < now.len() && at < end + NEAR {
            if before[at] != now[at] {
                end = at + 1;
            }
            at += 1;
        }
        tell(start..end);
    }
}

/// The first byte from `from` on that differs.
fn first(before: &[u8], now: &[u8], from: usize) -> Option<usize> {
    const STEP: usize = 64;
    let mut at = from;
    // Bytes one by one up to a step, whole steps, and the bytes of the step in which something differs.
    while at < now.len() {
        if at % STEP == 0 {
            let same = before[at..]
                .chunks_exact(STEP)
                .zip(now[at..].chunks_exact(STEP));
            at += STEP * same.take_while(|(before, now)| before == now).count();
        }
        let end = (at + 1).next_multiple_of(STEP).min(now.len());
        let found = (at..end).find(|at| before[*at] != now[*at]);
        if found.is_some() {
            return found;
        }
        at = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_runs_have_every_change_begin_and_end_with_one_and_are_not_near(
            before in prop::collection::vec(any::<u8>(), 0..400),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        ) {
            let mut now = before.clone();
            for (at, byte) in changes {
                if !now.is_empty() {
                    let at = at.index(now.len());
                    now[at] = byte;
                }
            }
            let mut runs = Vec::new();
            each(&before, &now, |run| runs.push(run));
            let mut copy = before.clone();
            for run in &runs {
                prop_assert!(!run.is_empty());
                prop_assert_ne!(before[run.start], now[run.start]);
                prop_assert_ne!(before[run.end - 1], now[run.end - 1]);
                copy[run.clone()].copy_from_slice(&now[run.clone()]);
            }
            prop_assert_eq!(copy, now);
            prop_assert!(runs.windows(2).all(|two| two[1].start >= two[0].end + NEAR));
        }
    }
}
