"""Removal of the stand-in pages that the guard's handler puts over lost pages.

They let the interrupted instruction finish. As soon as the loss is reported, the file is mapped over them, so that a
later read does not take their zeros for data: it is a fault, and thereby an error, again.
"""

import os
from ctypes import byref, c_int
from mmap import MAP_PRIVATE, MAP_SHARED, PAGESIZE, PROT_EXEC, PROT_READ, PROT_WRITE
from typing import Optional, Tuple

from . import _library, _system
from ._errors import Causes, FaultError

# prot and flags of mmap(2), and where in the file the first byte is.
How = Tuple[int, int, int]

_MAP_TYPE = 0x0F


def private(flags: int) -> bool:
    """Return whether these flags make a private mapping. MAP_SHARED_VALIDATE includes MAP_PRIVATE's bit."""
    return flags & _MAP_TYPE == MAP_PRIVATE


def uncover(handle: int, address: int, how: How, fault: FaultError) -> None:
    """Map the file over the stand-in pages of a mapping, if possible. The caller prevents that it is unmapped meanwhile.

    It is not possible without a descriptor. After an error of the device it is not done: pages that are not lost may lie
    between those that are, and in a private mapping they may have changed.
    """
    descriptor = c_int()
    if fault.causes != Causes.TRUNCATED or _library.descriptor(handle, byref(descriptor)):
        return
    prot, flags, offset = how
    start, end = (-(-(address + at) // PAGESIZE) * PAGESIZE for at in (fault.offset, fault.offset + fault.length))
    sharing = MAP_PRIVATE if private(flags) else MAP_SHARED
    try:
        if start < end:
            _system.map_over(start, end - start, prot, sharing, descriptor.value, offset + start - address)
    except OSError:
        pass  # The stand-in pages stay.
    finally:
        os.close(descriptor.value)


def how_mapped(address: int) -> Optional[How]:
    """Return how memory is mapped, as /proc/self/maps lists it, or None if it is not in the list."""
    try:
        with open("/proc/self/maps", "rb") as maps:
            for line in maps:
                span, permissions, at = line.split()[:3]
                start, end = (int(bound, 16) for bound in span.split(b"-"))
                if start <= address < end:
                    allowed = zip(permissions, b"rwx", (PROT_READ, PROT_WRITE, PROT_EXEC))
                    prot = sum(bit for given, letter, bit in allowed if given == letter)
                    flags = MAP_PRIVATE if permissions.endswith(b"p") else MAP_SHARED
                    return prot, flags, int(at, 16) + address - start
    except OSError:
        pass  # /proc is not mounted.
    return None
