//! The rooms of `src/`: no circle among files, no file that uses a room above its own, and no long file.
//!
//! `src/lib.rs` lists the rooms from the ground up: a room is a folder, or a file beside `lib.rs`. What a file uses is
//! read from its paths that begin with `crate::` or `super::`, up to its unit tests. ARCHITECTURE.md has the drawing
//! that this makes; `make drawing` writes it anew.

#[path = "../common/mod.rs"]
mod common;

use common::root;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The files, by the paths of their modules, and the modules that each uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

const BEGIN: &str = "<!-- rooms: make drawing -->\n";
const END: &str = "<!-- rooms end -->\n";
const DRAW: &str = "MEMMAP_DRAW";

/// The files below `folder`, by their modules, without those that only list others.
fn files(folder: &Path, module: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_stem().expect("it has one").to_string_lossy();
        let inner = match module {
            "" => name.to_string(),
            _ => format!("{module}::{name}"),
        };
        if path.is_dir() {
            files(&path, &inner, found);
        } else if !matches!(&*name, "lib" | "mod") {
            let text = fs::read_to_string(&path).expect("it is text");
            found.insert(inner, text);
        }
    }
}

/// The code of a file, without comments and unit tests.
fn code_of(text: &str) -> String {
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
    lines
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The paths that a tree such as `a::{b, c::d}` has, each behind `before`; what is left of the text.
fn paths<'t>(before: &str, tree: &'t str, found: &mut Vec<String>) -> &'t str {
    let mut tree = tree.trim_start();
    if let Some(group) = tree.strip_prefix('{') {
        tree = group;
        loop {
            tree = paths(before, tree, found).trim_start();
            match tree.strip_prefix(',') {
                Some(next) => tree = next.trim_start(),
                None => return tree.strip_prefix('}').unwrap_or(tree),
            }
        }
    }
    let end = tree.find(|letter| !is_of_name(letter));
    let (name, rest) = tree.split_at(end.unwrap_or(tree.len()));
    let path = match before {
        "" => name.to_owned(),
        _ => format!("{before}::{name}"),
    };
    match rest.strip_prefix("::") {
        Some(inner) => paths(&path, inner, found),
        None => {
            found.push(path);
            let renamed = rest.strip_prefix(" as ");
            renamed.map_or(rest, |rest| rest.trim_start_matches(is_of_name))
        }
    }
}

/// The files that `code`, of `module`, names.
fn used(module: &str, code: &str, all: &BTreeMap<String, String>) -> BTreeSet<String> {
    let folder = module.rsplit_once("::").map_or("", |(folder, _)| folder);
    let mut named = Vec::new();
    for (word, before) in [("crate::", ""), ("super::", folder)] {
        for (at, _) in code.match_indices(word) {
            paths(before, &code[at + word.len()..], &mut named);
        }
    }
    let file_of = |mut path: &str| {
        while !all.contains_key(path) {
            path = path.rsplit_once("::")?.0;
        }
        Some(path.to_owned())
    };
    named
        .iter()
        .filter_map(|path| file_of(path))
        .filter(|used| used != module)
        .collect()
}

fn uses() -> Uses {
    let mut all = BTreeMap::new();
    files(&root().join("src"), "", &mut all);
    let uses = all
        .iter()
        .map(|(module, text)| (module.clone(), used(module, &code_of(text), &all)));
    uses.collect()
}

/// The rooms, from the ground up.
fn rooms() -> Vec<String> {
    let contents = fs::read_to_string(root().join("src/lib.rs")).expect("it is text");
    let named = contents
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    named.map(str::to_owned).collect()
}

fn room_of(module: &str) -> &str {
    module.split("::").next().expect("there is a first")
}

/// A circle among what `next` leads to from `module`, if there is one.
fn circle<'u>(
    module: &'u str,
    uses: &'u Uses,
    way: &mut Vec<&'u str>,
    whole: &mut BTreeSet<&'u str>,
) -> Option<Vec<&'u str>> {
    if let Some(begin) = way.iter().position(|other| *other == module) {
        return Some(way[begin..].to_vec());
    }
    if whole.contains(module) {
        return None;
    }
    way.push(module);
    let found = uses[module]
        .iter()
        .find_map(|used| circle(used, uses, way, whole));
    way.pop();
    whole.insert(module);
    found
}

/// The arrows between rooms, without those that others lead around to.
fn arrows(uses: &Uses) -> BTreeSet<(&str, &str)> {
    let all = uses.iter().flat_map(|(user, used)| {
        let arrow = |used| (room_of(user), room_of(used));
        used.iter().map(move |used| arrow(used.as_str()))
    });
    let all: BTreeSet<_> = all.filter(|(user, used)| user != used).collect();
    fn leads<'u>(from: &'u str, to: &str, all: &BTreeSet<(&'u str, &'u str)>) -> bool {
        from == to
            || all
                .iter()
                .any(|(user, used)| *user == from && leads(used, to, all))
    }
    let direct = all.iter().filter(|(user, used)| {
        let mut others = all.iter().filter(|(from, to)| from == user && to != used);
        !others.any(|(_, between)| leads(between, used, &all))
    });
    direct.copied().collect()
}

/// The rooms and their arrows, as Mermaid has it.
fn drawing(uses: &Uses) -> String {
    let mut text = String::from("```mermaid\nflowchart TD\n");
    for room in rooms().iter().rev() {
        let inside = uses
            .keys()
            .filter_map(|file| file.strip_prefix(room)?.strip_prefix("::"));
        let inside: Vec<_> = inside.collect();
        let label = match inside.is_empty() {
            true => format!("{room}.rs"),
            false => format!("<b>{room}/</b><br/>{}", inside.join(" ")),
        };
        text += &format!("  {room}[\"{label}\"]\n");
    }
    let mut of: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (user, used) in arrows(uses) {
        of.entry(user).or_default().push(used);
    }
    for (user, used) in of {
        text += &format!("  {user} --> {}\n", used.join(" & "));
    }
    text + "```\n"
}

#[test]
fn the_page_is_short_enough_to_be_read() {
    let lines = fs::read_to_string(root().join("ARCHITECTURE.md"))
        .expect("it is in the source tree")
        .lines()
        .count();
    assert!(lines <= 300, "ARCHITECTURE.md has {lines} lines");
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let uses = uses();
    let mut whole = BTreeSet::new();
    let circles = uses
        .keys()
        .filter_map(|module| circle(module, &uses, &mut Vec::new(), &mut whole));
    assert_eq!(circles.collect::<Vec<_>>(), Vec::<Vec<&str>>::new());
}

#[test]
fn every_arrow_between_rooms_points_down() {
    let rooms = rooms();
    let height = |module: &str| {
        let room = room_of(module);
        let height = rooms.iter().position(|other| other == room);
        height.unwrap_or_else(|| panic!("src/lib.rs does not list {room}"))
    };
    let uses = uses();
    let all = uses
        .iter()
        .flat_map(|(user, used)| used.iter().map(move |used| (user, used)));
    let up: Vec<_> = all
        .filter(|(user, used)| height(user) < height(used))
        .map(|(user, used)| format!("{user} uses {used}"))
        .collect();
    assert!(up.is_empty(), "{}", up.join("\n"));
}

#[test]
fn no_file_has_more_than_four_hundred_lines_of_code() {
    let mut all = BTreeMap::new();
    files(&root().join("src"), "", &mut all);
    for (module, text) in all {
        let code = code_of(&text);
        let lines = code.lines().filter(|line| !line.trim().is_empty());
        let count = lines.count();
        assert!(count <= 400, "{module} has {count}");
    }
}

#[test]
fn the_drawing_is_of_the_rooms_as_they_are() {
    let path = root().join("ARCHITECTURE.md");
    let text = fs::read_to_string(&path).expect("it is text");
    let (before, rest) = text.split_once(BEGIN).expect("it has a drawing");
    let (drawn, after) = rest.split_once(END).expect("the drawing ends");
    let drawing = drawing(&uses());
    if std::env::var_os(DRAW).is_some() {
        let text = [before, BEGIN, &drawing, END, after].concat();
        return fs::write(path, text).expect("it can be written");
    }
    assert!(drawn == drawing, "it is stale: make drawing");
}

#[test]
fn the_code_map_names_every_file() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is text");
    let (map, _) = text.split_once(BEGIN).expect("it has a drawing");
    let named =
        |name: &str| map.contains(&format!("`{name}`")) || map.contains(&format!("`{name}.rs`"));
    for module in uses().keys().filter(|module| room_of(module) != "capi") {
        let name = module.rsplit("::").next().expect("there is a last");
        assert!(named(name), "the code map lacks {module}");
    }
}

#[test]
fn what_a_file_uses_is_found_however_it_is_written() {
    let files = ["a", "b::c", "b::d", "e::f"];
    let all = files.map(|name| (name.to_owned(), String::new())).into();
    let found = |code: &str| {
        used("b::d", &code_of(code), &all)
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found("use crate::{a::{self, X}, b::{c::{Y, Z as W}, d}};"),
        ["a", "b::c"]
    );
    assert_eq!(
        found("use super::c;\nlet x = crate::e::f::g();"),
        ["b::c", "e::f"]
    );
    assert_eq!(found("// crate::a\n#[cfg(test)]\nuse crate::a;"), [""; 0]);
}
