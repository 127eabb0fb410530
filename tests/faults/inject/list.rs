//! Makes each call fail, and lists the results.

use super::calls;
use super::filter::{Failure, observe, unmap_what_is_left};
use super::names;
use super::rules::Failed;
use super::stage::{Case, Stage};
use super::state::Outline;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// A system call of a function: its name and its index among those of that name, from 1 on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Made {
    call: &'static str,
    number: usize,
}

fn made(calls: &[i32]) -> Vec<Made> {
    let mut all: Vec<Made> = Vec::new();
    for call in calls.iter().map(|number| names::call(*number)) {
        let number = 1 + all.iter().filter(|other| other.call == call).count();
        all.push(Made { call, number });
    }
    all
}

/// The text for a case without system calls.
pub const NO_CALL: &str = "    no system call\n";

/// Returns the results of all cases, as text.
pub fn of_all(folder: &Path) -> String {
    let mut text = String::new();
    for case in calls::all() {
        writeln!(text, "{}", case.name).expect("it is text");
        if ONCE.contains(&case.name) {
            list_first(case, folder, &mut text);
        }
        Player::new(case, folder).list(&mut text);
    }
    text
}

/// The cases that make system calls only the first time.
const ONCE: [&str; 2] = ["memmap_guard_install", "memmap_poison_closed"];

/// Makes each call fail that the first run makes, one after the other, until the case succeeds.
fn list_first(case: &Case, folder: &Path, text: &mut String) {
    let fail = |place, errno| {
        let stage = &mut Stage::new(folder);
        let before = stage.state();
        let (answer, calls) = observe(&[Failure { place, errno }], || (case.act)(stage));
        assert!(
            calls.len() <= place || answer == errno,
            "{}: {answer}",
            case.name
        );
        assert!(
            calls.len() <= place || before == stage.state(),
            "{}",
            case.name
        );
        made(&calls)
    };
    for place in 0.. {
        let calls = fail(place, libc::EINVAL);
        let Some(Made { call, .. }) = calls.get(place) else {
            return; // No call was left to fail.
        };
        let errnos = names::errnos_of(call);
        errnos
            .iter()
            .for_each(|(_, errno)| drop(fail(place, *errno)));
        let errnos: Vec<_> = errnos.into_iter().map(|(name, _)| name).collect();
        let (errnos, answer) = (errnos.join(" "), names::THAT_ERRNO);
        writeln!(text, "    the first time, {call}: {answer}: {errnos}").expect("text");
    }
}

/// A call that is made only after a failure: that failure, the name of the failed call, and index and name of this one.
type Instead = (Failure, &'static str, usize, Made);

struct Player<'c> {
    case: &'c Case,
    folder: &'c Path,
    /// The calls of a run without failures, and the state after it.
    calls: Vec<Made>,
    outline: Outline,
    rows: Vec<Row>,
}

/// A system call and the results of its failures. How often it is made is not part of it, since that depends on the
/// machine, for example on the length of files of procfs.
struct Row {
    call: String,
    answers: BTreeMap<String, Vec<&'static str>>,
}

impl<'c> Player<'c> {
    fn new(case: &'c Case, folder: &'c Path) -> Player<'c> {
        let play = || {
            let mut stage = Stage::new(folder);
            (case.prepare)(&mut stage);
            let (answer, calls) = observe(&[], || (case.act)(&mut stage));
            assert_eq!(answer, case.answer, "{}", case.name);
            let outline = stage.state_now().outline();
            stage.clear();
            (made(&calls), outline)
        };
        // The first run allocates what a process allocates once, such as the table of handles.
        let _ = play();
        let (calls, outline) = play();
        Player {
            case,
            folder,
            calls,
            outline,
            rows: Vec::new(),
        }
    }

    fn list(&mut self, text: &mut String) {
        if self.calls.is_empty() && !ONCE.contains(&self.case.name) {
            text.push_str(NO_CALL);
        }
        for (place, made) in self.calls.clone().into_iter().enumerate() {
            self.fail_by_each(&[], "", place, made);
        }
        for Row { call, answers } in &self.rows {
            for (answer, errnos) in answers {
                writeln!(text, "    {call}: {answer}: {}", errnos.join(" ")).expect("text");
            }
        }
    }

    fn note(&mut self, call: String, answer: String, errno: &'static str) {
        let known = self.rows.iter().position(|row| row.call == call);
        let place = known.unwrap_or_else(|| {
            let answers = BTreeMap::new();
            self.rows.push(Row { call, answers });
            self.rows.len() - 1
        });
        let errnos = self.rows[place].answers.entry(answer).or_default();
        if !errnos.contains(&errno) {
            errnos.push(errno);
        }
    }

    /// Makes one call fail with each of its errnos, after another failure, and then the calls that are made only
    /// because it failed.
    fn fail_by_each(&mut self, before: &[Failure], after: &str, place: usize, made: Made) {
        let mut instead = Vec::new();
        for (name, errno) in names::errnos_of(made.call) {
            let failure = Failure { place, errno };
            let (answer, calls) = self.fail(&[before, &[failure]].concat(), made, name);
            if before.is_empty() && answer == self.case.answer {
                let other = self.calls_instead(failure, name, &calls);
                // One errno that leads to this call is enough.
                let new = |(.., made): &Instead| {
                    instead.iter().all(|(.., known): &Instead| known != made)
                };
                instead.extend(other.into_iter().filter(new).collect::<Vec<_>>());
            }
            let answer = self.named(answer, errno);
            self.note(format!("{after}{}", made.call), answer, name);
        }
        for (failure, name, place, other) in instead {
            let after = format!("after {} {name}, ", made.call);
            self.fail_by_each(&[failure], &after, place, other);
        }
    }

    /// Returns the calls that are made only after a failure.
    fn calls_instead(&self, failure: Failure, name: &'static str, calls: &[Made]) -> Vec<Instead> {
        let places = calls.iter().enumerate().skip(failure.place);
        let new = places.filter(|(_, made)| self.calls.iter().all(|known| known.call != made.call));
        new.map(|(place, made)| (failure, name, place, *made))
            .collect()
    }

    fn named(&self, answer: i32, errno: i32) -> String {
        match answer {
            _ if answer == self.case.answer => names::AS_EVER.to_owned(),
            _ if answer == errno => names::THAT_ERRNO.to_owned(),
            other => names::status(other),
        }
    }

    /// Runs the case with failures, the last of which is that of `call`. Returns the result and the calls.
    fn fail(&self, failures: &[Failure], call: Made, errno: &str) -> (i32, Vec<Made>) {
        let case = self.case;
        let failed = Failed {
            case: case.name,
            call: call.call,
            errno,
        };
        let mut stage = Stage::new(self.folder);
        (case.prepare)(&mut stage);
        stage.look_at_memory();
        let before = stage.state();
        let (answer, calls) = observe(failures, || (case.act)(&mut stage));
        unmap_what_is_left();
        let name = self.named(answer, failures[failures.len() - 1].errno);
        let what = format!(
            "{}, {} {} {errno}: {name}",
            case.name, call.call, call.number
        );
        assert!(failed.may_answer(&name), "{what}");
        if answer == case.answer {
            let done = stage.state_now().outline();
            let differs = self.outline.changed(&done);
            let same = differs.iter().all(|part| failed.may_differ(*part));
            let difference = || self.outline.difference(&done);
            assert!(same, "{what}, but {differs:?}: {}", difference());
        } else {
            assert!(!stage.has_outputs(), "an output was written: {what}");
            let after = stage.state();
            let changed = before.changed(&after);
            let unchanged = changed.iter().all(|part| failed.may_change(*part))
                || failed.may_move() && before.outline() == stage.state_now().outline();
            let difference = || before.difference(&after);
            assert!(unchanged, "{what}: {changed:?}: {}", difference());
            let again = (case.act)(&mut stage);
            let usable = again == case.answer || failed.is_remembered();
            assert!(usable, "{what}; afterwards {again}");
        }
        stage.clear();
        (answer, made(&calls))
    }
}
