//! The system's limits, and the memory that is to be had before it comes to them.

use crate::os::errno::system;
use crate::os::page_size::page_size;
use crate::status::{Error, Result};
use std::fs;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

/// The limits of this process. Sizes are in bytes; `u64::MAX` means no limit.
#[derive(Clone, Copy, Debug)]
pub struct System {
    /// The unit in which memory is mapped.
    pub page_size: u64,
    /// The size of a huge page, 0 where there are none.
    pub huge_page_size: u64,
    /// Memory that can be had without swapping: the smaller of what the system has available and what
    /// the control groups of this process have left.
    pub memory_available: u64,
    /// How many regions of memory a process may have (vm.max_map_count).
    pub max_map_count: u64,
    /// How many of them this process has.
    pub map_count: u64,
    /// RLIMIT_AS: address space.
    pub address_space_limit: u64,
    /// RLIMIT_FSIZE: the size of a file.
    pub file_size_limit: u64,
    /// RLIMIT_MEMLOCK: locked memory.
    pub locked_memory_limit: u64,
}

impl System {
    /// Returns the limits of this process and the memory available now.
    ///
    /// # Errors
    ///
    /// Fails with the system's error if /proc cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> memmap::Result<()> {
    /// let system = memmap::System::now()?;
    /// assert!(system.page_size >= 4096);
    /// # Ok(())
    /// # }
    /// ```
    pub fn now() -> Result<System> {
        Ok(System {
            page_size: page_size() as u64,
            huge_page_size: meminfo("Hugepagesize:").unwrap_or(0),
            memory_available: memory_available(),
            max_map_count: number_in(Path::new("/proc/sys/vm/max_map_count")).unwrap_or(u64::MAX),
            map_count: map_count()?,
            address_space_limit: limit(libc::RLIMIT_AS)?,
            file_size_limit: limit(libc::RLIMIT_FSIZE)?,
            locked_memory_limit: limit(libc::RLIMIT_MEMLOCK)?,
        })
    }
}

/// How many regions of memory this process has: the lines of a list in which names of files need not be
/// text.
fn map_count() -> Result<u64> {
    let maps = fs::read("/proc/self/maps")?;
    Ok(maps.iter().filter(|byte| **byte == b'\n').count() as u64)
}

/// A limit of this process (getrlimit(2)); u64::MAX for none, which is what RLIM_INFINITY is.
pub fn limit(resource: libc::__rlimit_resource_t) -> Result<u64> {
    let mut limit = MaybeUninit::<libc::rlimit64>::uninit();
    // SAFETY: getrlimit fills the struct when it returns 0.
    system(|| unsafe { libc::getrlimit64(resource, limit.as_mut_ptr()) })?;
    // SAFETY: it did.
    Ok(unsafe { limit.assume_init() }.rlim_cur)
}

/// Asking what is available takes some file reads, which is more than mapping a little memory takes.
const TOO_LITTLE_TO_ASK: u64 = 16 << 20;

/// [`Error::Limit`] when `len` bytes of memory can't be had, before the kernel hands out more than there
/// is and kills somebody for it later.
pub fn refuse_more_than_available(len: u64) -> Result<()> {
    match len > TOO_LITTLE_TO_ASK && len > memory_available() {
        true => Err(Error::Limit),
        false => Ok(()),
    }
}

/// Memory that can be had, in bytes; u64::MAX if nobody says.
pub fn memory_available() -> u64 {
    let system = meminfo("MemAvailable:").unwrap_or(u64::MAX);
    control_group_folders()
        .into_iter()
        .filter_map(|folder| left_in(&folder))
        .fold(system, u64::min)
}

/// A line of /proc/meminfo, in bytes.
fn meminfo(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The folders of the memory controllers that this process is under, from its own up: each limits it
/// (cgroups(7)). In a container the path may name what isn't there; then the root's is what counts.
fn control_group_folders() -> Vec<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut folders = Vec::new();
    for line in groups.lines() {
        // hierarchy:controllers:path; the unified hierarchy has no controllers in its line.
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let root = match controllers {
            "" => Path::new("/sys/fs/cgroup"),
            list if list.split(',').any(|name| name == "memory") => {
                Path::new("/sys/fs/cgroup/memory")
            }
            _ => continue,
        };
        let own = root.join(path.trim_start_matches('/'));
        folders.extend(
            own.ancestors()
                .take_while(|folder| folder.starts_with(root))
                .map(PathBuf::from),
        );
    }
    folders
}

/// What a control group has left: its limit, less what it uses, plus what it would give back first.
fn left_in(folder: &Path) -> Option<u64> {
    let number = |name: &str| number_in(&folder.join(name));
    let (limit, used) = match number("memory.max") {
        Some(limit) => (limit, number("memory.current")?),
        None => (
            number("memory.limit_in_bytes")?,
            number("memory.usage_in_bytes")?,
        ),
    };
    let statistics = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    // The older controllers tell both the group's own and, as "total_", its children's too.
    let cache = ["total_inactive_file ", "inactive_file "]
        .iter()
        .find_map(|name| {
            let value = statistics
                .lines()
                .find_map(|line| line.strip_prefix(name))?;
            value.parse::<u64>().ok()
        });
    Some(limit.saturating_sub(used.saturating_sub(cache.unwrap_or(0))))
}

/// The number that a file holds; "max" is none.
fn number_in(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_limit_of_the_groups_is_what_is_available() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("it can be written");
        };
        assert_eq!(left_in(folder.path()), None, "there is no controller");
        write("memory.limit_in_bytes", "1000\n");
        write("memory.usage_in_bytes", "900\n");
        write("memory.stat", "inactive_file 1\ntotal_inactive_file 50\n");
        assert_eq!(left_in(folder.path()), Some(150));
        write("memory.max", "max\n");
        write("memory.current", "700\n");
        assert_eq!(left_in(folder.path()), Some(150));
        write("memory.max", "2000\n");
        assert_eq!(left_in(folder.path()), Some(1350));
    }

    #[test]
    fn this_system_says_what_it_has() {
        let system = System::now().expect("procfs is there");
        assert!(system.map_count > 5 && system.map_count < system.max_map_count);
        assert!(system.memory_available > 1 << 20);
        assert!(system.memory_available < 1 << 50);
    }

    #[test]
    fn a_little_memory_is_never_refused_and_more_than_there_is_always() {
        assert_eq!(refuse_more_than_available(4096), Ok(()));
        assert_eq!(refuse_more_than_available(1 << 60), Err(Error::Limit));
    }
}
