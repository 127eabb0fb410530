//! All that a call might change: descriptors, mappings and what they hold, files, and locks on them.

use super::areas::{self, Areas};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What there is at a moment.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    /// Descriptors, and what they are of.
    pub descriptors: BTreeMap<String, String>,
    /// Lines of /proc/self/maps, the heap's aside.
    pub mappings: Vec<String>,
    /// What the library itself tells of the mapping, and of all.
    pub told: String,
    /// The areas of the case's own memory.
    pub areas: Areas,
    /// How much memory is locked in all, as /proc/self/status has it.
    pub locked: String,
    /// The files of the folders.
    pub files: BTreeMap<String, File>,
    /// Who has locked which bytes of them, as every process sees it.
    pub locks: Vec<String>,
}

/// What a call that failed may have changed, where it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Descriptors,
    Mappings,
    Told,
    Memory,
    Files,
    Locks,
}

/// A file.
#[derive(Debug, Eq)]
pub struct File {
    device: u64,
    inode: u64,
    size: u64,
    blocks: u64,
    mode: u32,
    bytes: Vec<u8>,
}

impl File {
    /// In units of 512 bytes: ext4 keeps a block of its own for a file whose extents have been many, whatever becomes
    /// of them.
    const BLOCK: u64 = 8;
}

impl PartialEq for File {
    fn eq(&self, other: &File) -> bool {
        let all = |file: &File| (file.device, file.inode, file.size, file.mode);
        all(self) == all(other)
            && self.bytes == other.bytes
            && self.blocks.abs_diff(other.blocks) <= File::BLOCK
    }
}

impl State {
    /// Now, in these folders, and of this memory. Of a folder that others use too, only what has the prefix
    /// in its name.
    pub fn now(folders: &[(&Path, &str)], memory: &[Range<usize>], told: String) -> State {
        let files: BTreeMap<_, _> = folders.iter().flat_map(files).collect();
        State {
            descriptors: descriptors(),
            mappings: mappings(),
            told,
            areas: areas::of(memory),
            locked: areas::locked(),
            locks: locks(&files),
            files,
        }
    }

    /// What is other now than it was.
    pub fn changed(&self, now: &State) -> Vec<Part> {
        let memory = self.areas == now.areas && self.locked == now.locked;
        changed([
            (Part::Descriptors, self.descriptors == now.descriptors),
            (Part::Mappings, self.mappings == now.mappings),
            (Part::Told, self.told == now.told),
            (Part::Memory, memory),
            (Part::Files, self.files == now.files),
            (Part::Locks, self.locks == now.locks),
        ])
    }

    /// What there is now and wasn't before, and the other way round.
    pub fn difference(&self, now: &State) -> String {
        let lines = |state: &State| -> Vec<String> {
            let descriptors = state
                .descriptors
                .iter()
                .map(|(fd, of)| format!("{fd} {of}"));
            let files = state.files.iter().map(|(name, file)| {
                let (size, blocks, mode) = (file.size, file.blocks, file.mode);
                let sum = areas::sum(&file.bytes);
                format!("{name}: {size} bytes, {blocks} blocks, {mode:o}, sum {sum:x}")
            });
            let all = descriptors.chain(state.mappings.iter().cloned());
            let all = all.chain(files).chain(state.areas.lines());
            let all = all.chain(state.locks.iter().cloned());
            let all = all.chain([state.locked.clone(), state.told.clone()]);
            all.collect()
        };
        difference(&lines(self), &lines(now))
    }

    /// The same but for what may differ between two calls that did the same: addresses, and blocks.
    pub fn outline(&self) -> Outline {
        let files = self.files.iter();
        let files = files.map(|(name, file)| {
            let sum = areas::sum(&file.bytes);
            (name.clone(), file.size, file.mode, sum)
        });
        Outline {
            descriptors: self.descriptors.len(),
            mappings: self.bytes_mapped(),
            told: self.told.clone(),
            memory: self.areas.bytes_flagged(),
            locked: self.locked.clone(),
            files: files.collect(),
            locks: self.locks.len(),
        }
    }

    /// How many bytes of what are mapped in which way. Neighbours may be one mapping or two.
    fn bytes_mapped(&self) -> BTreeMap<(String, String), u64> {
        let mut bytes = BTreeMap::new();
        for line in &self.mappings {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let (start, end) = words[0].split_once('-').expect("two addresses");
            let address = |text| u64::from_str_radix(text, 16).expect("an address");
            let name = words.get(5).copied().unwrap_or_default();
            // A file without a name is called by its number, of which each has another.
            let name = name.split_once('#').map_or(name, |(folder, _)| folder);
            let kind = (words[1].to_owned(), name.to_owned());
            *bytes.entry(kind).or_default() += address(end) - address(start);
        }
        bytes
    }
}

/// How many there are of each.
#[derive(Debug, PartialEq, Eq)]
pub struct Outline {
    descriptors: usize,
    mappings: BTreeMap<(String, String), u64>,
    told: String,
    memory: BTreeMap<String, u64>,
    locked: String,
    files: Vec<(String, u64, u32, u64)>,
    locks: usize,
}

impl Outline {
    /// What is other in `now`.
    pub fn changed(&self, now: &Outline) -> Vec<Part> {
        let memory = self.memory == now.memory && self.locked == now.locked;
        changed([
            (Part::Descriptors, self.descriptors == now.descriptors),
            (Part::Mappings, self.mappings == now.mappings),
            (Part::Told, self.told == now.told),
            (Part::Memory, memory),
            (Part::Files, self.files == now.files),
            (Part::Locks, self.locks == now.locks),
        ])
    }

    /// The same as text.
    pub fn difference(&self, now: &Outline) -> String {
        let lines = |outline: &Outline| -> Vec<String> {
            let text = format!("{outline:#?}");
            text.lines().map(|line| line.trim().to_owned()).collect()
        };
        difference(&lines(self), &lines(now))
    }
}

/// Those of which it doesn't hold that they are the same.
fn changed(parts: [(Part, bool); 6]) -> Vec<Part> {
    let changed = parts.into_iter().filter(|(_, same)| !same);
    changed.map(|(part, _)| part).collect()
}

fn difference(old: &[String], new: &[String]) -> String {
    let gone: Vec<_> = old.iter().filter(|line| !new.contains(line)).collect();
    let come: Vec<_> = new.iter().filter(|line| !old.contains(line)).collect();
    format!("gone {gone:#?}, come {come:#?}")
}

fn descriptors() -> BTreeMap<String, String> {
    let all = fs::read_dir("/proc/self/fd").expect("procfs is there");
    let mut found = BTreeMap::new();
    for entry in all {
        let entry = entry.expect("it can be listed");
        let name = entry.file_name().into_string().expect("a number");
        match fs::read_link(entry.path()) {
            // That of the listing itself.
            Ok(target) if target.starts_with("/proc") => {}
            Ok(target) => drop(found.insert(name, target.display().to_string())),
            Err(_) => {}
        }
    }
    found
}

fn mappings() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/maps").expect("procfs is there");
    let ours = text.lines().filter(|line| !line.ends_with("[heap]"));
    ours.map(str::to_owned).collect()
}

fn files((folder, prefix): &(&Path, &str)) -> Vec<(String, File)> {
    let all = fs::read_dir(folder).expect("the folder is ours");
    let paths = all.map(|entry| entry.expect("it can be listed").path());
    let ours = paths.filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        path.is_file() && name.is_some_and(|name| name.starts_with(prefix))
    });
    let described = ours.map(|path| {
        let status = fs::symlink_metadata(&path).expect("it is there");
        let file = File {
            device: status.dev(),
            inode: status.ino(),
            size: status.len(),
            blocks: status.blocks(),
            mode: status.mode(),
            bytes: fs::read(&path).expect("it can be read"),
        };
        (path.display().to_string(), file)
    });
    described.collect()
}

/// The lines of /proc/locks that are of these files, but for the number with which each begins.
fn locks(files: &BTreeMap<String, File>) -> Vec<String> {
    let text = fs::read_to_string("/proc/locks").expect("procfs is there");
    let words = |line: &str| -> Vec<String> {
        let words = line.split_ascii_whitespace().skip(1);
        words.map(str::to_owned).collect()
    };
    let ours = |words: &Vec<String>| {
        let place = words.iter().find(|word| word.matches(':').count() == 2);
        files
            .values()
            .any(|file| place.is_some_and(|place| *place == file.place()))
    };
    let mut lines: Vec<_> = text.lines().map(words).filter(ours).collect();
    lines.sort();
    lines.into_iter().map(|words| words.join(" ")).collect()
}

impl File {
    /// Device and number, as /proc/locks has them.
    fn place(&self) -> String {
        let (major, minor) = (libc::major(self.device), libc::minor(self.device));
        format!("{major:02x}:{minor:02x}:{}", self.inode)
    }
}
