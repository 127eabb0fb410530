//! All that a call might change: descriptors, mappings and their contents, files, and locks on them.

use super::areas::{self, Areas};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The state at one moment.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    /// The descriptors and their files.
    pub descriptors: BTreeMap<String, String>,
    /// The lines of /proc/self/maps except that of the heap.
    pub mappings: Vec<String>,
    /// What the library reports about the mapping and about all mappings.
    pub told: String,
    /// The areas of the memory of the case.
    pub areas: Areas,
    /// The total of locked memory in /proc/self/status.
    pub locked: String,
    /// The files in the folders.
    pub files: BTreeMap<String, File>,
    /// The locks on these files, as every process sees them.
    pub locks: Vec<String>,
}

/// The parts of the state that a failed call may have changed.
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
    /// In units of 512 bytes. ext4 keeps a block of its own for a file that once had many extents.
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
    /// Returns the current state of these folders and this memory. Of a folder that other processes use too, only names
    /// with the prefix count.
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

    /// Returns the differences to an earlier state.
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

    /// Returns what was added, and what was removed.
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

    /// Returns the state without what may differ between two calls that did the same: addresses and blocks.
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

    /// Returns how many bytes of each file are mapped in which way. Adjacent areas may be one area or two.
    fn bytes_mapped(&self) -> BTreeMap<(String, String), u64> {
        let mut bytes = BTreeMap::new();
        for line in &self.mappings {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let (start, end) = words[0].split_once('-').expect("two addresses");
            let address = |text| u64::from_str_radix(text, 16).expect("an address");
            let name = words.get(5).copied().unwrap_or_default();
            // A file without a name is shown with its inode number, which differs from file to file.
            let name = name.split_once('#').map_or(name, |(folder, _)| folder);
            let kind = (words[1].to_owned(), name.to_owned());
            *bytes.entry(kind).or_default() += address(end) - address(start);
        }
        bytes
    }
}

/// The state without addresses: numbers and sums, which are the same after two calls that did the same.
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
    /// Returns what differs in `now`.
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

    /// Returns the differences as text.
    pub fn difference(&self, now: &Outline) -> String {
        let lines = |outline: &Outline| -> Vec<String> {
            let text = format!("{outline:#?}");
            text.lines().map(|line| line.trim().to_owned()).collect()
        };
        difference(&lines(self), &lines(now))
    }
}

/// Returns the parts that are not the same.
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
            // The descriptor of the listing itself is left out.
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
            bytes: match path.extension() {
                // A log has random numbers, and behind the records that count anything.
                Some(log) if log == "commit" => Vec::new(),
                _ => fs::read(&path).expect("it can be read"),
            },
        };
        (path.display().to_string(), file)
    });
    described.collect()
}

/// Returns the lines of /proc/locks about these files, without the number at the beginning.
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
    lines.dedup(); // The system may list one twice, where others lock and unlock meanwhile.
    lines.into_iter().map(|words| words.join(" ")).collect()
}

impl File {
    /// Returns device and inode number as they are written in /proc/locks.
    fn place(&self) -> String {
        let (major, minor) = (libc::major(self.device), libc::minor(self.device));
        format!("{major:02x}:{minor:02x}:{}", self.inode)
    }
}
