//! What is locked, and what may be, against the advisories that were known when advisories.txt was made. There is no
//! network here; `tools/advisories` reads clones of the databases.

#[path = "../common/mod.rs"]
mod common;

use common::root;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fs;

fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect("it is there")
}

/// The least good version of each package, by ecosystem and name; "-" where any is good.
fn least_good() -> HashMap<(String, String), String> {
    text("tests/packaging/advisories.txt")
        .lines()
        .filter(|line| !line.starts_with(['#', 'a']))
        .map(|line| {
            let mut words = line.split(' ').map(str::to_owned);
            let mut word = || words.next().expect("it has three words");
            ((word(), word()), word())
        })
        .collect()
}

/// (ecosystem, name, version) of all that the library, its tests and its tools are made of.
fn locked() -> Vec<(&'static str, String, String)> {
    let (lock, sums) = (text("Cargo.lock"), text("bench/go.sum"));
    let distributions = text("python/requirements.lock");
    let crates = lock.split("[[package]]").skip(1).filter_map(|package| {
        let value = |key| {
            let (_, rest) = package.split_once(&format!("\n{key} = \""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        value("source").and(Some(("rust", value("name")?, value("version")?)))
    });
    let modules = sums.lines().filter_map(|line| {
        let (name, rest) = line.split_once(' ')?;
        let (version, _) = rest.split_once(' ')?;
        let code = !version.ends_with("/go.mod");
        code.then(|| ("go", name.to_owned(), version.to_owned()))
    });
    let distributions = distributions
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (name, rest) = line.split_once("==")?;
            let version = rest.split([';', ' ']).next()?;
            Some(("python", name.to_owned(), version.to_owned()))
        });
    let all: Vec<_> = crates.chain(modules).chain(distributions).collect();
    for ecosystem in ["rust", "go", "python"] {
        assert!(all.iter().any(|(of, ..)| *of == ecosystem), "{ecosystem}");
    }
    all
}

/// Numbers first; of two with the same ones a version that is released is the later, and times decide.
fn compare(one: &str, other: &str) -> Ordering {
    let parts = |version: &str| {
        let version = version.trim_start_matches('v').split('+').next();
        let version = version.expect("there is a first part").to_owned();
        let (numbers, rest) = match version.split_once('-') {
            Some((numbers, rest)) => (numbers.to_owned(), rest.to_owned()),
            None => (version, String::new()),
        };
        let mut numbers: Vec<u64> = numbers
            .split('.')
            .map(|number| number.parse().expect("a version is of numbers"))
            .collect();
        numbers.resize(4, 0);
        (numbers, rest.is_empty(), rest)
    };
    parts(one).cmp(&parts(other))
}

#[test]
fn versions_are_compared_by_their_numbers() {
    for (less, more) in [
        ("0.9.9", "0.9.10"),
        ("v0.0.0-20220101000000-a", "v0.0.0-20230101000000-b"),
        ("1.0.0-rc.1", "1.0"),
        ("0.39.0", "v0.40.0"),
    ] {
        assert_eq!(compare(less, more), Ordering::Less, "{less} {more}");
    }
    assert_eq!(compare("1.2.0+more", "1.2"), Ordering::Equal);
}

#[test]
fn nothing_that_is_locked_has_an_advisory_and_everything_was_looked_up() {
    let good = least_good();
    for (ecosystem, name, version) in locked() {
        let least = good.get(&(ecosystem.to_owned(), name.clone()));
        let least = least.unwrap_or_else(|| {
            panic!("{ecosystem} {name} was looked up by nobody: see tools/advisories")
        });
        assert!(
            least == "-" || compare(&version, least).is_ge(),
            "{ecosystem} {name} {version} has an advisory, {least} has none"
        );
    }
}

/// A program that depends on the crate need not have our lock file.
#[test]
fn what_the_manifest_permits_has_no_advisory_either() {
    let (good, manifest) = (least_good(), text("Cargo.toml"));
    let dependencies = manifest
        .split("\n[")
        .filter(|section| {
            section
                .lines()
                .next()
                .is_some_and(|line| line.ends_with("dependencies]"))
        })
        .flat_map(|section| section.lines().skip(1));
    let mut seen = 0;
    for (name, what) in dependencies.filter_map(|line| line.split_once(" = ")) {
        let version = match what.split_once("version = \"") {
            Some((_, rest)) => rest,
            None => what.trim_start_matches('"'),
        };
        let (version, _) = version.split_once('"').expect("it has a version");
        assert_eq!(
            version.split('.').count(),
            3,
            "{name}: the least version that is good is said in full"
        );
        let least = &good[&("rust".to_owned(), name.to_owned())];
        assert!(
            least == "-" || compare(version, least).is_ge(),
            "Cargo.toml permits {name} {version}; {least} is the least without an advisory"
        );
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

/// The benchmark alone may; the Go package and the Python package depend on nothing.
#[test]
fn what_is_accepted_in_spite_of_an_advisory_is_not_shipped() {
    let list = text("tests/packaging/advisories.txt");
    let accepted: HashSet<_> = list
        .lines()
        .filter_map(|line| line.strip_prefix("accepted "))
        .map(|line| line.split_once(' ').expect("it names an ecosystem").0)
        .collect();
    assert!(accepted.iter().all(|ecosystem| *ecosystem == "go"));
    assert!(!text("go/go.mod").contains("require"));
    assert!(!text("python/pyproject.toml").contains("\ndependencies"));
}
