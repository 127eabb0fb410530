//! What makes an ELF file easier to attack than it need be.

use object::Endianness;
use object::elf::{self, Dyn64, DynamicTag, ProgramFlags, ProgramHeader64, ProgramType};
use object::read::elf::{Dyn, ElfFile64, ProgramHeader};

type Header = ProgramHeader64<Endianness>;

/// What is linked, a program or a shared library, as far as the loader is told of it.
struct Linked<'a> {
    endian: Endianness,
    headers: &'a [Header],
    dynamic: &'a [Dyn64<Endianness>],
}

impl<'a> Linked<'a> {
    fn new(bytes: &'a [u8]) -> Linked<'a> {
        let file = ElfFile64::<Endianness>::parse(bytes).expect("it is an ELF file");
        let (endian, headers) = (file.endian(), file.elf_program_headers());
        let dynamic = headers
            .iter()
            .find_map(|header| header.dynamic(endian, bytes).expect("it is in the file"));
        Linked {
            endian,
            headers,
            dynamic: dynamic.unwrap_or_default(),
        }
    }

    fn flags(&self, kind: ProgramType) -> Option<ProgramFlags> {
        let mut headers = self.headers.iter();
        let header = headers.find(|header| header.p_type(self.endian) == kind)?;
        Some(header.p_flags(self.endian))
    }

    fn value(&self, tag: DynamicTag) -> Option<u64> {
        let mut entries = self.dynamic.iter();
        let entry = entries.find(|entry| entry.d_tag(self.endian) == tag)?;
        Some(entry.d_val(self.endian))
    }

    fn has(&self, tag: DynamicTag, flag: u64) -> bool {
        self.value(tag).unwrap_or(0) & flag != 0
    }

    fn writable_code(&self) -> bool {
        let load = |header: &&Header| header.p_type(self.endian) == elf::PT_LOAD;
        let mut loaded = self.headers.iter().filter(load);
        loaded.any(|header| header.p_flags(self.endian).contains(elf::PF_W | elf::PF_X))
    }
}

/// What of a program or a shared library is weaker than it need be.
pub fn weaknesses(bytes: &[u8]) -> Vec<&'static str> {
    let linked = Linked::new(bytes);
    let now = linked.value(elf::DT_BIND_NOW).is_some()
        || linked.has(elf::DT_FLAGS, elf::DF_BIND_NOW.0)
        || linked.has(elf::DT_FLAGS_1, elf::DF_1_NOW.0);
    let text =
        linked.value(elf::DT_TEXTREL).is_some() || linked.has(elf::DT_FLAGS, elf::DF_TEXTREL.0);
    let path = linked
        .value(elf::DT_RPATH)
        .or(linked.value(elf::DT_RUNPATH));
    let stack = linked.flags(elf::PT_GNU_STACK);
    [
        (linked.flags(elf::PT_GNU_RELRO).is_none(), "no RELRO"),
        (!now, "lazy binding, so no full RELRO"),
        (
            stack.is_none_or(|flags| flags.contains(elf::PF_X)),
            "an executable stack",
        ),
        (text, "text relocations"),
        (path.is_some(), "a path to look for libraries"),
        (linked.writable_code(), "a writable and executable segment"),
    ]
    .into_iter()
    .filter_map(|(is, what)| is.then_some(what))
    .collect()
}
