"""A typed program, which mypy checks. It is not run."""

import mmap as standard
from typing import Optional

import memmap


def uses(path: str) -> Optional[int]:
    with open(path, "r+b") as file, memmap.mmap(file.fileno(), 0, access=memmap.ACCESS_WRITE) as mapping:
        anything: standard.mmap = mapping
        first: int = mapping[0]
        some: bytes = mapping[1:3]
        mapping[1:3] = some
        mapping.flush(range(1, 3))
        mapping.flush(0, memmap.PAGESIZE, flags=memmap.MS_ASYNC)
        mapping.madvise(memmap.MADV_RANDOM)
        position: int = mapping.seek(0)
        resident: bytes = mapping.residency()
        lost: Optional[memmap.FaultError] = mapping.fault
        del anything, first, resident, lost
        with memmap.guard(standard.mmap(-1, 10)) as guard:
            guard.check()
        if not memmap.guard_active():
            memmap.install_guard()
        memmap.raise_on_fault(True)
        return position
