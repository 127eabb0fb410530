//! Seals: what can be done to a memory file no more, by nobody and for good (fcntl(2), File Sealing).

use crate::handles::table::Handle;
use crate::registry::live::pin;
use crate::status::{Error, Result};
use std::ops::BitOr;

/// Seal of memmap_seal: no further seal can be added.
pub const SEAL_SEAL: u32 = 1 << 0;
/// Seal: the file cannot become shorter, so no access ends behind its end. Its contents may still
/// be lost: a hole that a process punches reads as zeros, which raises no fault. MEMMAP_SEAL_WRITE
/// and MEMMAP_SEAL_FUTURE_WRITE forbid that.
pub const SEAL_SHRINK: u32 = 1 << 1;
/// Seal: the file cannot become longer. It may still take more memory, up to its length, for holes
/// that are written or read.
pub const SEAL_GROW: u32 = 1 << 2;
/// Seal: the file cannot be written, and no holes can be punched. Adding it fails with EBUSY while
/// a writable mapping exists.
pub const SEAL_WRITE: u32 = 1 << 3;
/// Seal: the file can be written only through writable mappings that exist already, which are the
/// writer's: a process that receives the descriptor cannot write. No holes can be punched, by the
/// writer neither.
pub const SEAL_FUTURE_WRITE: u32 = 1 << 4;

/// A set of seals; see its constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seals(pub u32);

/// Each seal, and what the system calls it.
const ALL: [(u32, i32); 5] = [
    (SEAL_SEAL, libc::F_SEAL_SEAL),
    (SEAL_SHRINK, libc::F_SEAL_SHRINK),
    (SEAL_GROW, libc::F_SEAL_GROW),
    (SEAL_WRITE, libc::F_SEAL_WRITE),
    (SEAL_FUTURE_WRITE, libc::F_SEAL_FUTURE_WRITE),
];

impl Seals {
    /// No further seal is added.
    pub const SEAL: Seals = Seals(SEAL_SEAL);
    /// The file gets no shorter.
    pub const SHRINK: Seals = Seals(SEAL_SHRINK);
    /// The file gets no longer.
    pub const GROW: Seals = Seals(SEAL_GROW);
    /// Nobody writes to it.
    pub const WRITE: Seals = Seals(SEAL_WRITE);
    /// Nobody does but through mappings that are there already.
    pub const FUTURE_WRITE: Seals = Seals(SEAL_FUTURE_WRITE);

    fn of_system(seals: i32) -> Seals {
        let known = ALL.iter().filter(|(_, system)| seals & system != 0);
        Seals(known.fold(0, |all, (own, _)| all | own))
    }

    fn in_system(self) -> Result<i32> {
        let known = ALL.iter().filter(|(own, _)| self.0 & own != 0);
        let (own, system) = known.fold((0, 0), |all, seal| (all.0 | seal.0, all.1 | seal.1));
        match own == self.0 {
            true => Ok(system),
            false => Err(Error::Invalid),
        }
    }
}

impl BitOr for Seals {
    type Output = Seals;

    fn bitor(self, other: Seals) -> Seals {
        Seals(self.0 | other.0)
    }
}

/// Adds seals to the mapping's file.
pub fn seal(handle: Handle, seals: Seals) -> Result<()> {
    let seals = seals.in_system()?;
    pin(handle)?.file()?.seal(seals)
}

/// The seals that the mapping's file has.
pub fn seals(handle: Handle) -> Result<Seals> {
    pin(handle)?.file()?.seals().map(Seals::of_system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seal_is_one_of_the_systems_and_back_and_others_are_invalid() {
        for (own, system) in ALL {
            assert_eq!(Seals(own).in_system(), Ok(system));
            assert_eq!(Seals::of_system(system), Seals(own));
        }
        assert_eq!(Seals(1 << 5).in_system(), Err(Error::Invalid));
        assert_eq!(Seals(u32::MAX).in_system(), Err(Error::Invalid));
        assert_eq!(Seals(0).in_system(), Ok(0));
    }
}
