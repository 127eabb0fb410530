//! All that a call might change: descriptors, mappings, files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What there is at a moment.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    /// Descriptors, and what they are of.
    pub descriptors: BTreeMap<String, String>,
    /// Lines of /proc/self/maps, the heap's aside.
    pub mappings: Vec<String>,
    /// The files of the folders.
    pub files: BTreeMap<String, File>,
}

/// A file.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    size: u64,
    blocks: u64,
    mode: u32,
    bytes: Vec<u8>,
}

impl State {
    /// Now, in these folders. Of a folder that others use too, only what has the prefix in its name.
    pub fn now(folders: &[(&Path, &str)]) -> State {
        State {
            descriptors: descriptors(),
            mappings: mappings(),
            files: folders.iter().flat_map(files).collect(),
        }
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
                format!("{name}: {size} bytes, {blocks} blocks, {mode:o}")
            });
            let all = descriptors.chain(state.mappings.iter().cloned());
            all.chain(files).collect()
        };
        let (old, new) = (lines(self), lines(now));
        let gone: Vec<_> = old.iter().filter(|line| !new.contains(line)).collect();
        let come: Vec<_> = new.iter().filter(|line| !old.contains(line)).collect();
        format!("gone {gone:#?}, come {come:#?}")
    }

    /// The same but for what may differ between two calls that did the same: addresses, and blocks.
    pub fn outline(&self) -> Outline {
        let files = self.files.iter();
        let files = files.map(|(name, file)| (name.clone(), file.size, file.mode));
        Outline {
            descriptors: self.descriptors.len(),
            mappings: self.bytes_mapped(),
            files: files.collect(),
        }
    }

    /// Whether nothing differs but addresses and blocks behind the end of files.
    pub fn is_alike(&self, other: &State) -> bool {
        let contents = |state: &State| -> Vec<Vec<u8>> {
            state
                .files
                .values()
                .map(|file| file.bytes.clone())
                .collect()
        };
        self.outline() == other.outline() && contents(self) == contents(other)
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
    files: Vec<(String, u64, u32)>,
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
            size: status.len(),
            blocks: status.blocks(),
            mode: status.mode(),
            bytes: fs::read(&path).expect("it can be read"),
        };
        (path.display().to_string(), file)
    });
    described.collect()
}
