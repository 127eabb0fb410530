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
    /// The files of the folders, with size, blocks, permissions and contents.
    pub files: BTreeMap<String, (u64, u64, u32, Vec<u8>)>,
}

impl State {
    /// Now, in these folders.
    pub fn now(folders: &[&Path]) -> State {
        State {
            descriptors: descriptors(),
            mappings: mappings(),
            files: folders.iter().flat_map(|folder| files(folder)).collect(),
        }
    }

    /// How many there are of each, whatever their names and addresses are.
    pub fn counts(&self) -> (usize, usize, Vec<(&String, u64, u32)>) {
        let sizes = |(name, file): (_, &(u64, u64, u32, Vec<u8>))| (name, file.0, file.2);
        (
            self.descriptors.len(),
            self.mappings.len(),
            self.files.iter().map(sizes).collect(),
        )
    }
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

fn files(folder: &Path) -> Vec<(String, (u64, u64, u32, Vec<u8>))> {
    let all = fs::read_dir(folder).expect("the folder is ours");
    let described = all.map(|entry| {
        let path = entry.expect("it can be listed").path();
        let status = fs::symlink_metadata(&path).expect("it is there");
        let bytes = fs::read(&path).expect("it can be read");
        let name = path.display().to_string();
        (name, (status.len(), status.blocks(), status.mode(), bytes))
    });
    described.collect()
}
