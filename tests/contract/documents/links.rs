//! Links within the repository lead somewhere: to a file that is there, and to a heading of it.

use crate::common::root;
use crate::reading::documents;
use std::fs;
use std::path::Path;

/// The page without its blocks and pieces of code.
fn prose(text: &str) -> String {
    let blocks = text.split("\n```").step_by(2);
    let lines = blocks.flat_map(|part| part.lines()).map(|line| {
        let parts: Vec<_> = line.split('`').step_by(2).collect();
        parts.concat() + "\n"
    });
    lines.collect()
}

/// What the links and pictures of a page lead to.
fn targets(text: &str) -> Vec<String> {
    let text = prose(text);
    let links = text.split("](").skip(1);
    links
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target.to_owned()))
        .collect()
}

/// What a heading is reached by: as GitHub makes it, and mdBook.
fn anchors(text: &str) -> Vec<String> {
    let headings = text
        .split("\n```")
        .step_by(2)
        .flat_map(|part| part.lines())
        .filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// Why a link of a page leads nowhere, if it does.
fn dead(page: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() {
        page.to_owned()
    } else {
        page.parent()?.join(path)
    };
    let Ok(file) = file.canonicalize() else {
        return Some(format!("{}: {target} is not there", page.display()));
    };
    if file.is_dir() {
        return Some(format!(
            "{}: {target} is a folder, and a site has no page for it",
            page.display()
        ));
    }
    if !file.starts_with(root().canonicalize().ok()?) {
        return Some(format!(
            "{}: {target} is outside of the repository",
            page.display()
        ));
    }
    let text = || fs::read_to_string(&file).unwrap_or_default();
    let found = anchor.is_empty() || anchors(&text()).iter().any(|heading| heading == anchor);
    (!found).then(|| format!("{}: {target}: there is no such heading", page.display()))
}

#[test]
fn no_link_is_dead() {
    let mut count = 0;
    let mut found = Vec::new();
    for page in documents() {
        let text = fs::read_to_string(&page).expect("it is text");
        for target in targets(&text) {
            count += 1;
            found.extend(dead(&page, &target));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(count > 60, "{count} links: they were not understood");
}

/// Each page of docs is in the index, by which the site finds it.
#[test]
fn every_page_is_in_the_index() {
    let folder = root().join("docs");
    let index = fs::read_to_string(folder.join("README.md")).expect("it is there");
    let summary = fs::read_to_string(folder.join("SUMMARY.md")).expect("it is there");
    let mut chapters = targets(&summary);
    chapters.sort();
    let count = chapters.len();
    chapters.dedup();
    assert_eq!(
        chapters.len(),
        count,
        "mdBook takes no page twice: {summary}"
    );
    for entry in fs::read_dir(&folder).expect("it is there") {
        let name = entry
            .expect("it can be listed")
            .file_name()
            .into_string()
            .expect("it is text");
        if name.ends_with(".md") && name != "README.md" && name != "SUMMARY.md" {
            let link = format!("]({name}");
            assert!(index.contains(&link) && summary.contains(&link), "{name}");
        }
    }
}

/// The page of the examples leads to each of them.
#[test]
fn every_example_is_in_the_index_of_examples() {
    let folder = root().join("examples");
    let index = fs::read_to_string(folder.join("README.md")).expect("it is there");
    for entry in fs::read_dir(folder.join("ffi")).expect("it is there") {
        let name = entry.expect("it can be listed").file_name();
        let link = format!("](ffi/{})", name.to_string_lossy());
        assert!(index.contains(&link), "{link}");
    }
}

#[test]
fn a_dead_link_is_found() {
    let page = root().join("README.md");
    assert_eq!(
        targets("a [b](c.md) `[x](y)` ![d](e.svg)\n```sh\n[f](g)\n```\n[h](i#j)"),
        ["c.md", "e.svg", "i#j"]
    );
    assert_eq!(
        anchors("# A `b`, c\n\n```sh\n# no\n```\n## D-e"),
        ["a-b-c", "d-e"]
    );
    for dead_one in [
        "docs/missing.md",
        "docs/faults.md#nothing",
        "#nothing",
        "docs",
        "../elsewhere",
    ] {
        assert!(dead(&page, dead_one).is_some(), "{dead_one}");
    }
    for good in [
        "docs/faults.md",
        "docs/faults.md#getting-the-file-back",
        "https://rustup.rs",
    ] {
        assert_eq!(dead(&page, good), None);
    }
}
