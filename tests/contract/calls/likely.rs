//! Random scripts in which most calls succeed: a few mappings of a few files, which other writers change meanwhile.

use crate::script::{Call, FILES, How, Number, PAGE, Range, SLOTS, Script};

/// A linear congruential generator (Knuth, MMIX), of which the upper bits are used.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1)
    }

    pub fn byte(&mut self) -> u8 {
        (self.next() >> 24) as u8
    }

    fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    fn below(&mut self, n: u64) -> u64 {
        (u64::from(self.next()) * n) >> 32
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Returns a place in six pages. Half of the results are near the beginning of a page.
    fn number(&mut self) -> Number {
        match self.below(8) {
            0 => Number::Few(self.byte()),
            1..=4 => Number::Edge(self.below(7) as u8, self.one_in(2)),
            _ => Number::Any(self.below(6 * PAGE) as u16),
        }
    }

    /// Returns a short length, or that to the end.
    fn range(&mut self) -> Range {
        let len = match self.below(6) {
            0 => Number::Huge(0),
            1 => Number::Any(self.below(PAGE) as u16),
            _ => Number::Few(self.byte()),
        };
        Range(self.number(), len)
    }

    fn how(&mut self) -> How {
        const READ_WRITE: u8 = 2;
        const SPARSE: u8 = 0x11;
        const NO_DESCRIPTOR: u8 = 0x22;
        How {
            access: match self.below(6) {
                0 => 1,
                1 => 3,
                _ => READ_WRITE,
            },
            flags: match self.below(6) {
                0 => SPARSE,
                1 => NO_DESCRIPTOR,
                _ => 0,
            },
            offset: self.number(),
            length: Number::Few(0),
            capacity: self.number(),
            window: self.one_in(4),
            room: self.one_in(2),
        }
    }

    fn slot(&mut self) -> u8 {
        self.below(SLOTS.into()) as u8
    }

    fn file(&mut self) -> u8 {
        self.below(FILES.into()) as u8
    }

    /// Returns the mapping whose file another writer changes.
    fn target(&mut self) -> u8 {
        self.below(u64::from(FILES) + u64::from(SLOTS)) as u8
    }

    fn by_others(&mut self) -> Call {
        match self.below(6) {
            0 | 1 => Call::Cut(self.target(), self.number()),
            2 | 3 => Call::Append(self.target(), self.byte(), self.byte()),
            4 => Call::Overwrite(self.target(), self.range(), self.byte()),
            _ => Call::Punch(self.target(), Range(self.number(), self.number())),
        }
    }

    fn opening(&mut self) -> Call {
        match self.below(8) {
            0..=2 => Call::Open(self.slot(), self.file(), self.how()),
            3 => Call::Create(self.slot(), self.file(), self.number(), self.how()),
            4 => Call::FromFd(self.slot(), self.slot(), self.how()),
            5 | 6 => Call::Memfd(self.slot(), self.number(), self.how()),
            _ => Call::Anonymous(self.slot(), self.number(), self.how()),
        }
    }

    fn using(&mut self) -> Call {
        let slot = self.slot();
        match self.below(24) {
            0..=4 => Call::Resize(slot, self.number()),
            5..=7 => Call::Refresh(slot),
            8..=9 => Call::Recover(slot),
            10..=12 => Call::Read(slot, self.range()),
            13..=14 => Call::Write(slot, self.range(), self.byte()),
            15 => Call::Fill(slot, self.range(), self.byte()),
            16 => Call::Move(slot, self.number(), self.range()),
            17 => Call::Flush(slot, self.range(), self.byte() % 3),
            18 => Call::Protect(slot, self.byte() % 2),
            19 => Call::Advise(slot, self.range(), self.byte() % 9),
            20 => Call::Prefault(slot, self.range(), self.byte() % 2),
            21 => Call::Find(
                slot,
                Range(self.number(), Number::Huge(0)),
                [7, 14],
                1,
                self.one_in(2),
            ),
            22 => Call::Add(
                slot,
                Number::Edge(self.below(6) as u8, false),
                1,
                self.one_in(2),
            ),
            _ => match self.below(4) {
                0 => Call::Pin(slot),
                1 | 2 => Call::Unpin(slot),
                _ => Call::Close(slot),
            },
        }
    }

    /// Returns so many calls of one thread. The first ones create files.
    pub fn script(&mut self, calls: usize) -> Script {
        let mut all: Vec<Call> = Vec::new();
        for file in 0..FILES {
            let how = How {
                access: 2,
                flags: 0,
                window: false,
                ..self.how()
            };
            all.push(Call::Create(file, file, self.number(), how));
        }
        all.extend((0..calls).map(|_| match self.below(10) {
            0 => self.opening(),
            1..=3 => self.by_others(),
            _ => self.using(),
        }));
        Script(all.into_iter().map(|call| (0, call)).collect())
    }
}
