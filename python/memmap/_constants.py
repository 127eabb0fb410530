"""The constants of the standard module, and those that the running kernel has and an older one lacks.

Numbers are Linux's, the same on x86_64 and aarch64 (asm-generic/mman-common.h).
"""

import mmap as _standard
from mmap import *  # noqa: F403
from typing import TYPE_CHECKING, Dict

from . import _system as system

if TYPE_CHECKING:
    MADV_FREE: int
    MADV_REMOVE: int
    MADV_WIPEONFORK: int
    MADV_KEEPONFORK: int
    MADV_COLD: int
    MADV_PAGEOUT: int
    MADV_POPULATE_READ: int
    MADV_POPULATE_WRITE: int
    MADV_DONTNEED_LOCKED: int
    MADV_COLLAPSE: int
    MADV_GUARD_INSTALL: int
    MADV_GUARD_REMOVE: int

# For flush(flags=...), in the standard module since 3.15.
MS_ASYNC = 1
MS_INVALIDATE = 2
MS_SYNC = 4

# In the standard module since 3.10, and since 3.11.
MAP_POPULATE = 0x8000
MAP_NORESERVE = 0x4000
MAP_STACK = 0x20000

_ADVICE: Dict[str, int] = {
    "MADV_FREE": 8,
    "MADV_REMOVE": 9,
    "MADV_WIPEONFORK": 18,
    "MADV_KEEPONFORK": 19,
    "MADV_COLD": 20,
    "MADV_PAGEOUT": 21,
    "MADV_POPULATE_READ": 22,
    "MADV_POPULATE_WRITE": 23,
    "MADV_DONTNEED_LOCKED": 24,
    "MADV_COLLAPSE": 25,
    "MADV_GUARD_INSTALL": 102,
    "MADV_GUARD_REMOVE": 103,
}


def _kernel_knows(advice: int) -> bool:
    """madvise(2) of no bytes succeeds for every advice that the kernel knows, and is EINVAL for others."""
    answer: int = system.madvise(None, 0, advice)
    return answer == 0


globals().update(
    (name, number)
    for name, number in _ADVICE.items()
    if not hasattr(_standard, name) and _kernel_knows(number)
)

__all__ = [
    name
    for name in globals()
    if name.isupper() and not name.startswith("_") and name != "TYPE_CHECKING"
]
