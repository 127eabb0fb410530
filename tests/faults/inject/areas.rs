//! The memory of a case: the contents of its pages, and their flags in the kernel.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

const PAGE: usize = 4096;

/// The areas in /proc/self/smaps that belong to the case, in the order of their addresses.
#[derive(Debug, PartialEq, Eq)]
pub struct Areas(Vec<Area>);

#[derive(Debug, PartialEq, Eq)]
struct Area {
    range: Range<usize>,
    /// The line VmFlags.
    flags: String,
    /// The bytes of each page, None if they cannot be read.
    pages: Vec<Option<Vec<u8>>>,
}

/// Returns the areas in these ranges.
pub fn of(ranges: &[Range<usize>]) -> Areas {
    if ranges.is_empty() {
        return Areas(Vec::new());
    }
    let text = fs::read_to_string("/proc/self/smaps").expect("procfs is there");
    let mut areas = Vec::new();
    let mut here = 0..0;
    for line in text.lines() {
        match line.strip_prefix("VmFlags:") {
            Some(flags) => areas.extend(ranges.iter().filter_map(|range| {
                let range = range.start.max(here.start)..range.end.min(here.end);
                (range.start < range.end).then(|| Area::new(range, flags))
            })),
            None => here = addresses(line).unwrap_or(here),
        }
    }
    Areas(areas)
}

/// Parses the addresses in the first line of an area.
fn addresses(line: &str) -> Option<Range<usize>> {
    let (start, end) = line.split_once(' ')?.0.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(address(start)?..address(end)?)
}

/// Returns the amount of locked memory, as text.
pub fn locked() -> String {
    let text = fs::read_to_string("/proc/self/status").expect("procfs is there");
    let line = text.lines().find(|line| line.starts_with("VmLck:"));
    line.expect("it is there").to_owned()
}

/// Returns a hash of the bytes (FNV-1a).
pub fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

impl Area {
    fn new(range: Range<usize>, flags: &str) -> Area {
        // The soft-dirty flag is left out, since no call of the library changes it. Memory that is locked on fault
        // counts as locked.
        let flags: Vec<_> = flags
            .split_ascii_whitespace()
            .filter(|flag| !["sd", "lf"].contains(flag))
            .collect();
        Area {
            flags: flags.join(" "),
            pages: pages(&range),
            range,
        }
    }
}

/// Reads memory through procfs, which returns an error where an access would end the process.
fn pages(range: &Range<usize>) -> Vec<Option<Vec<u8>>> {
    let memory = File::open("/proc/self/mem").expect("procfs is there");
    let read = |from: usize, len: usize| -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        memory.read_exact_at(&mut bytes, from as u64)?;
        Ok(bytes)
    };
    match read(range.start, range.len()) {
        Ok(all) => all.chunks(PAGE).map(|page| Some(page.to_vec())).collect(),
        Err(_) => {
            let pages = range.clone().step_by(PAGE);
            pages.map(|page| read(page, PAGE).ok()).collect()
        }
    }
}

impl Areas {
    /// Returns one line for each area.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|area| {
            let sums = area.pages.iter().map(|page| match page {
                Some(bytes) => format!("{:x}", sum(bytes)),
                None => "none".to_owned(),
            });
            let sums: Vec<_> = sums.collect();
            format!("{:x?} {}: {}", area.range, area.flags, sums.join(" "))
        })
    }

    /// Returns how many bytes have which flags, and how many pages which contents. Neither depends on addresses or
    /// on the number of areas.
    pub fn bytes_flagged(&self) -> BTreeMap<String, u64> {
        let mut bytes = BTreeMap::new();
        for area in &self.0 {
            *bytes.entry(area.flags.clone()).or_default() += area.range.len() as u64;
            for page in &area.pages {
                let holds = match page {
                    Some(bytes) => format!("sum {:x}", sum(bytes)),
                    None => "none".to_owned(),
                };
                *bytes.entry(holds).or_default() += PAGE as u64;
            }
        }
        bytes
    }
}
