//! Writing a record's changes to the file: after its commit, and again by who finds it in the log.

use crate::commit::device::settle;
use crate::commit::header::Header;
use crate::commit::log::Log;
use crate::commit::record::{BLOCK, Record};
use crate::files::blocks::within_file_size_limit;
use crate::files::file::File;
use crate::files::writeback;
use crate::options::Flags;
use crate::status::Result;

/// Writes what the record changes to the file, which is as the record before has left it.
pub fn apply(record: &Record, file: &File) -> Result<()> {
    if record.after > record.before {
        // What others wrote behind the end through mappings comes back on some file systems when the file grows.
        let block = record.before.next_multiple_of(BLOCK as u64);
        let tail = block.min(record.after) - record.before;
        file.write_at(&[0; BLOCK][..tail as usize], record.before)?;
        file.lengthen(record.before, record.after, Flags::default())?;
    }
    for (offset, bytes) in record.extents() {
        file.write_at(bytes, offset)?;
    }
    match record.after < record.before {
        true => file.truncate(record.after),
        false => Ok(()),
    }
}

/// Writes the first `most` records of a generation to the file, durably, of which any part may have been written before, and in any
/// order; how many there were.
///
/// In the end the file is what the last of them has made of it. A byte that no record changes, adds or cuts off was never
/// written to since the generation began; of all others the last record that does decides. The file is cut only in the
/// end, so that private pages of a mapping of it stay.
pub fn replay(log: &Log, header: &Header, most: u64, file: &File) -> Result<u64> {
    let all = log.records(header, most, |_| Ok(()))?;
    if all.records() == 0 {
        return Ok(0);
    }
    let end = all.length;
    within_file_size_limit(end)?;
    let mut blocks = Vec::new();
    log.records(header, all.records(), |record| {
        file.zero(record.before.min(end), record.after.min(end))?;
        record.extents().try_for_each(|(offset, bytes)| {
            let there = end.saturating_sub(offset).min(bytes.len() as u64);
            blocks.extend(offset / BLOCK as u64..(offset + there).div_ceil(BLOCK as u64));
            file.write_at(&bytes[..there as usize], offset)
        })
    })?;
    match file.size()? {
        size if size < end => file.lengthen(size, end, Flags::default())?,
        size if size > end => file.truncate(end)?,
        _ => {}
    }
    writeback::watched(file.identity, || file.sync_data())?;
    blocks.sort_unstable();
    blocks.dedup();
    blocks.retain(|block| block * (BLOCK as u64) < end);
    settle(file, &blocks)?;
    Ok(all.records())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::log::{RECORDS, identity};
    use crate::commit::record::{Chain, Draft};
    use crate::files::place::Place;
    use crate::options::Options;
    use proptest::prelude::*;
    use std::ffi::CString;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

    /// A commit: the length with it, and bytes that it changes.
    type Commit = (usize, Vec<(prop::sample::Index, u8)>);

    const PAGE: usize = 4096;

    fn commits() -> impl Strategy<Value = Vec<Commit>> {
        let bytes = prop::collection::vec((any::<prop::sample::Index>(), 1..=u8::MAX), 0..6);
        prop::collection::vec((0..6 * PAGE, bytes), 1..8)
    }

    /// The bytes with the commit.
    fn committed(before: &[u8], (length, bytes): &Commit) -> Vec<u8> {
        let mut after = before.to_vec();
        after.resize(*length, 0);
        for (at, byte) in bytes {
            if *length > 0 {
                after[at.index(*length)] = *byte;
            }
        }
        after
    }

    fn draft(before: &[u8], after: &[u8]) -> Draft {
        let mut draft = Draft::new();
        let changed = |at: &usize| after[*at] != before.get(*at).copied().unwrap_or(0);
        (0..after.len())
            .filter(changed)
            .for_each(|at| draft.push(at as u64, &after[at..=at]));
        draft
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// After a power cut each page of the file is of any commit, and the size too.
        #[test]
        fn whatever_of_the_file_came_to_the_disk_the_last_commit_comes_out(
            commits in commits(),
            size: prop::sample::Index,
            pages in prop::collection::vec(any::<prop::sample::Index>(), 6),
            interrupted: Option<prop::sample::Index>,
            leave: bool,
        ) {
            let folder = tempfile::tempdir().expect("there is room");
            let path = folder.path().join("file");
            fs::write(&path, [7; 2 * PAGE + 9]).expect("there is room");
            let path_of_c = CString::new(path.as_os_str().as_bytes()).expect("it has no NUL");
            let place = Place::of(&path_of_c, &Options::default()).expect("it is there");
            let (file, length) = File::of_path(place.open(libc::O_RDWR, 0)).expect("it is there");
            let mut log = Log::open(&place.beside(".commit").expect("it is a name"), &file)
                .expect("there is room");
            let header = log.begin(None, 1, identity(&file).expect("it has one"), length)
                .expect("there is room");
            // The log, and the file as each commit has left it.
            let mut states = vec![fs::read(&path).expect("it is there")];
            let (mut chain, mut at) = (Chain::begin(header.salt, length), RECORDS);
            for commit in &commits {
                let before = states.last().expect("there is one");
                let after = committed(before, commit);
                let sealed = draft(before, &after).seal(&chain, after.len() as u64);
                log.write(sealed.bytes(), at).expect("there is room");
                apply(&sealed.record(), &file).expect("there is room");
                prop_assert_eq!(&fs::read(&path).expect("it is there"), &after);
                (chain, at) = (sealed.next(), at + sealed.bytes().len() as u64);
                states.push(after);
            }
            let last = states.last().expect("there is one");
            if !leave {
                let mut image = vec![0; states[size.index(states.len())].len()];
                for (page, of) in image.chunks_mut(PAGE).zip(&pages).enumerate().map(|(i, it)| (i * PAGE, it)) {
                    let (room, of) = of;
                    let from = &states[of.index(states.len())];
                    let there = from.len().saturating_sub(page).min(room.len());
                    room[..there].copy_from_slice(&from[page.min(from.len())..][..there]);
                }
                fs::write(&path, image).expect("there is room");
            }
            if let Some(after) = interrupted {
                // A replay of a part of them is what one leaves that a crash has interrupted.
                let some = after.index(commits.len()) as u64;
                prop_assert_eq!(replay(&log, &header, some, &file), Ok(some));
            }
            prop_assert_eq!(replay(&log, &header, u64::MAX, &file), Ok(commits.len() as u64));
            prop_assert_eq!(&fs::read(&path).expect("it is there"), last);
        }
    }
}
