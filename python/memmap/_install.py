"""Taking memory under the guard."""

import ctypes
import os
from ctypes import byref, c_uint32, c_uint64, c_void_p
from typing import Callable

from . import _library
from ._errors import raise_for


class _Once:
    """The guard of this process, installed at first use unless MEMMAP_GUARD=off is in the environment."""

    pending = True

    @classmethod
    def install(cls) -> None:
        if os.environ.get("MEMMAP_GUARD") != "off":
            raise_for(_library.guard_install())
        cls.pending = False


def handle_from(function: Callable[..., int], *arguments: int) -> int:
    """The handle that ``function`` answers, with the guard installed before."""
    if _Once.pending:
        _Once.install()
    handle = c_uint64()
    status = function(*arguments, byref(handle))
    if status:
        raise_for(status)
    return handle.value


def fault_counter(handle: int) -> c_uint32:
    """How many faults the mapping has had, as the library counts: 0 and thereby false as long as nothing is lost."""
    at = c_void_p()
    status = _library.fault_counter(handle, byref(at))
    if status:
        raise_for(status)
    return c_uint32.from_address(at.value or ctypes.addressof(NOTHING_LOST))


# What a mapping that isn't guarded has lost.
NOTHING_LOST = c_uint32(0)
