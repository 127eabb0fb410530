//! The documents, and the blocks of code in them.

use crate::common::root;
use std::fs;
use std::path::{Path, PathBuf};

/// A piece of code in a document.
pub struct Block {
    pub language: String,
    pub code: String,
    /// For a person: the document and its line.
    pub place: String,
}

impl Block {
    /// The words that the program quotes, under each of which it may be built: what it opens must not be itself.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let quoted = self.code.split('"').skip(1).step_by(2);
        quoted.filter(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()))
    }
}

/// Every page of the repository, in order.
pub fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it is there") {
            let path = entry.expect("it can be listed").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

pub fn blocks() -> Vec<Block> {
    documents()
        .iter()
        .flat_map(|page| blocks_of(page))
        .collect()
}

pub fn blocks_of(document: &Path) -> Vec<Block> {
    let text = fs::read_to_string(document).expect("it is text");
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (i, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block {
                    language: language.to_owned(),
                    code: String::new(),
                    place: format!("{}:{}", document.display(), i + 1),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.code += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{} ends inside a block", document.display());
    blocks
}

pub fn of<'a>(blocks: &'a [Block], language: &'static str) -> impl Iterator<Item = &'a Block> {
    blocks
        .iter()
        .filter(move |block| block.language == language)
}
