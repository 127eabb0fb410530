//! The regions of this process's memory, as the kernel lists them in /proc/self/maps.

use crate::handles::slot::Span;
use crate::memory::mmap::Pages;
use crate::os::page_size::page_size;
use crate::status::{Error, Result};

/// What is mapped at some addresses, the same way all over.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// How.
    pub pages: Pages,
    /// Which byte of the file is at the first address asked for.
    pub offset: u64,
    /// The file's, 0 for memory without a file.
    pub inode: u64,
    /// The file's device, which on btrfs and overlayfs is another one than fstat(2) tells.
    device: (u32, u32),
}

impl Region {
    /// What is mapped in `span`. [`Error::Range`] when that is nothing at some address, and
    /// [`Error::Invalid`] when it is not one file, or piece of memory, mapped in one way.
    pub fn around(span: Span) -> Result<Region> {
        let maps = list("maps")?;
        let mut result: Option<Region> = None;
        let mut reached = span.start;
        for line in maps.lines() {
            let (there, mut region) = parse(line).ok_or(Error::Unsupported)?;
            if !there.holds(reached) || reached >= span.end {
                continue;
            }
            let file = region.inode != 0;
            region.offset += if file {
                (reached - there.start) as u64
            } else {
                0
            };
            match result {
                None => result = Some(region),
                Some(first) if !first.continues(&region, reached - span.start) => {
                    return Err(Error::Invalid);
                }
                Some(_) => {}
            }
            reached = there.end;
        }
        match reached >= span.end {
            true => result.ok_or(Error::Range),
            false => Err(Error::Range),
        }
    }

    /// Whether both are of the same file, or of none.
    pub fn is_of_the_file_of(&self, other: &Region) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Whether `other`, so many bytes behind this one's beginning, is more of the same.
    fn continues(&self, other: &Region, distance: usize) -> bool {
        let same_file = self.is_of_the_file_of(other)
            && (self.inode == 0 || self.offset + distance as u64 == other.offset);
        same_file
            && self.pages.protection == other.pages.protection
            && self.pages.sharing == other.pages.sharing
    }
}

/// The areas of `span`, each mapped in one way all over, in order.
pub fn areas_of(span: Span) -> Result<Vec<Span>> {
    let lines = list("maps")?;
    let areas = lines
        .lines()
        .map(|line| parse(line).map(|(there, _)| there));
    let known = areas.map(|there| there.ok_or(Error::Unsupported));
    known
        .filter_map(|there| there.map(|there| clipped(there, span)).transpose())
        .collect()
}

/// Those of them that are locked, and whether only from the moment on in which their pages come (mlock2(2)). It
/// takes the kernel a look at every page of the process.
pub fn locked_areas_of(span: Span) -> Result<Vec<(Span, bool)>> {
    let lines = list("smaps")?;
    let mut area = None;
    let mut locked = Vec::new();
    for line in lines.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            let has = |flag| flags.split_ascii_whitespace().any(|has| has == flag);
            locked.extend(area.filter(|_| has("lo")).map(|area| (area, has("lf"))));
        } else if let Some((there, _)) = parse(line) {
            area = clipped(there, span);
        }
    }
    Ok(locked)
}

/// The size of the pages that `address` is mapped in. [`Error::Range`] when nothing is mapped there.
pub fn page_size_of(address: usize) -> Result<usize> {
    let lines = list("smaps")?;
    let mut here = false;
    for line in lines.lines() {
        if let Some((there, _)) = parse(line) {
            here = there.holds(address);
        } else if let Some(size) = line.strip_prefix("KernelPageSize:").filter(|_| here) {
            let kib = size.trim().trim_end_matches(" kB").parse::<usize>();
            return kib.map(|kib| kib << 10).map_err(|_| Error::Unsupported);
        }
    }
    Err(Error::Range)
}

/// What of `there` lies in `span`, if anything does.
fn clipped(there: Span, span: Span) -> Option<Span> {
    let (start, end) = (there.start.max(span.start), there.end.min(span.end));
    (start < end).then_some(Span { start, end })
}

/// A line such as `7f1c8a000000-7f1c8a021000 rw-s 00002000 08:01 1234   /path` (proc_pid_maps(5)).
fn parse(line: &str) -> Option<(Span, Region)> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let span = Span {
        start: usize::from_str_radix(start, 16).ok()?,
        end: usize::from_str_radix(end, 16).ok()?,
    };
    let allowed = words.next()?;
    let offset = u64::from_str_radix(words.next()?, 16).ok()?;
    let (major, minor) = words.next()?.split_once(':')?;
    let device = (
        u32::from_str_radix(major, 16).ok()?,
        u32::from_str_radix(minor, 16).ok()?,
    );
    let inode = words.next()?.parse().ok()?;
    let bit = |letter, bit| if allowed.contains(letter) { bit } else { 0 };
    let protection =
        bit('r', libc::PROT_READ) | bit('w', libc::PROT_WRITE) | bit('x', libc::PROT_EXEC);
    let sharing = match allowed.ends_with('s') {
        true => libc::MAP_SHARED,
        false => libc::MAP_PRIVATE,
    };
    let pages = Pages {
        protection,
        sharing,
        size: page_size(),
    };
    Some((
        span,
        Region {
            pages,
            offset,
            inode,
            device,
        },
    ))
}

/// One of the kernel's lists. Names of files need not be text, and nobody asks for them here.
fn list(name: &str) -> Result<String> {
    let bytes = std::fs::read(format!("/proc/self/{name}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_maps_is_understood() {
        let line = "7f1c8a000000-7f1c8a021000 rw-s 00002000 08:01 1234                       /a b";
        let (span, region) = parse(line).expect("it is one");
        assert_eq!((span.start, span.end), (0x7f1c8a000000, 0x7f1c8a021000));
        assert_eq!((region.offset, region.inode), (0x2000, 1234));
        assert_eq!(region.device, (8, 1));
        assert_eq!(region.pages.protection, libc::PROT_READ | libc::PROT_WRITE);
        assert_eq!(region.pages.sharing, libc::MAP_SHARED);
    }

    #[test]
    fn what_is_mapped_where_nothing_is_is_out_of_range() {
        let nowhere = Span {
            start: 0x1000,
            end: 0x2000,
        };
        assert_eq!(Region::around(nowhere).err(), Some(Error::Range));
    }
}
