"""The constants of the standard module, and those of newer versions of it that the running kernel supports.

The numbers are Linux's and the same on x86_64 and aarch64 (asm-generic/mman-common.h). This module defines no other
public name, since the package imports all of them.
"""

import mmap as _standard
from mmap import *

from . import _system

# For flush(flags=...), in the standard module since 3.15.
MS_ASYNC = 1
MS_INVALIDATE = 2
MS_SYNC = 4

# In the standard module since 3.10 and 3.11. Every kernel that runs Python 3.9 has them.
_FLAGS = {"MAP_POPULATE": 0x8000, "MAP_NORESERVE": 0x4000, "MAP_STACK": 0x20000}

_ADVICE = {
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

_NEWER = {**_FLAGS, **{name: n for name, n in _ADVICE.items() if _system.knows_advice(n)}}

globals().update((name, n) for name, n in _NEWER.items() if not hasattr(_standard, name))
