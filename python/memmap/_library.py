"""The functions of libmemmap.so, called through ctypes.

ctypes is used and not cffi because it is in the standard library. The frequent operations (slices, read, write)
call neither. `make bench-python` prints what a call costs with both.
"""

import ctypes
import struct
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_uint8, c_uint32, c_uint64, c_void_p
from mmap import mmap
from pathlib import Path
from typing import Any, Tuple

from ._environment import variable

SONAME = "libmemmap.so.0"

# As the length of a range: to the end of the mapping. As the result of a search: not found.
TO_END = NPOS = 2**64 - 1


class Fault(ctypes.Structure):
    """The struct memmap_fault."""

    _fields_ = [
        ("size", c_uint32),
        ("count", c_uint32),
        ("causes", c_uint32),
        ("reserved", c_uint32),
        ("offset", c_uint64),
        ("length", c_uint64),
    ]


class Stats(ctypes.Structure):
    """The struct memmap_stats."""

    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("mappings", c_uint64),
        ("bytes_mapped", c_uint64),
        ("faults_survived", c_uint64),
        ("leaks", c_uint64),
        ("notifier_losses", c_uint64),
    ]


def path() -> str:
    """Return the library to load: that of MEMMAP_LIBRARY, else that of this package, else the system's."""
    named = variable("MEMMAP_LIBRARY")
    own = Path(__file__).with_name(SONAME)
    return named or (str(own) if own.exists() else SONAME)


def _load() -> str:
    try:
        ctypes.CDLL(path())
    except (OSError, UnicodeError) as error:  # UnicodeError: the name is not text.
        why = str(error) if str(error).isprintable() else ascii(str(error))
        raise ImportError(
            f"memmap needs {SONAME}: install the wheel for this platform or set MEMMAP_LIBRARY, "
            f"which -E and -I ignore ({why})"
        ) from None
    return path()


_PATH = _load()
# A call through _HELD keeps the global interpreter lock, so no Python thread can unmap memory during the call.
# A call through _WAITS releases it; functions that wait for a device use it.
_HELD = ctypes.PyDLL(_PATH)
_WAITS = ctypes.CDLL(_PATH)


def _declare(library: ctypes.CDLL, name: str, *arguments: Any) -> Any:
    function = getattr(library, name)
    function.argtypes = arguments
    function.restype = c_int32
    return function


_RANGE = (c_uint64, c_uint64, c_uint64)
_SEARCH = (*_RANGE, c_char_p, c_uint64, c_void_p)

# No argument types: their conversion takes longer than the call, and the arguments need none.
adopt = _HELD.memmap_adopt
mapped = struct.Struct("@IiPQQii")  # memmap_mapped: size, protection, data, length, offset, flags, 0
guard_region = _declare(_HELD, "memmap_guard_region", c_void_p, c_uint64, c_int, c_void_p)
close = _declare(_HELD, "memmap_close", c_uint64)
check = _declare(_HELD, "memmap_check", *_RANGE)
get_fault = _declare(_HELD, "memmap_get_fault", c_uint64, POINTER(Fault))
guard_install = _declare(_HELD, "memmap_guard_install")
guard_active = _declare(_HELD, "memmap_guard_active")
guard_notify = _declare(_HELD, "memmap_guard_notify", c_void_p, c_int)
fault_counter = _declare(_HELD, "memmap_fault_counter", c_uint64, c_void_p)
get_stats = _declare(_HELD, "memmap_get_stats", POINTER(Stats))
descriptor = _declare(_HELD, "memmap_fd", c_uint64, c_void_p)
find = _declare(_HELD, "memmap_find", *_SEARCH)
rfind = _declare(_HELD, "memmap_rfind", *_SEARCH)
flush = _declare(_WAITS, "memmap_flush", *_RANGE, c_uint32)
prefault = _declare(_WAITS, "memmap_prefault", *_RANGE, c_uint32)
residency = _declare(
    _WAITS, "memmap_residency", *_RANGE, POINTER(c_uint8), c_uint64, POINTER(c_uint64)
)
recover = _declare(_WAITS, "memmap_recover", c_uint64)

read_only_descriptor = _declare(_HELD, "memmap_read_only_fd", c_uint64, c_void_p)
shared_open = _declare(_HELD, "memmap_shared_open", c_char_p, c_uint64, c_char_p, c_void_p)
shared_unlink = _declare(_HELD, "memmap_shared_unlink", c_char_p)
memfd = _declare(_HELD, "memmap_memfd", c_char_p, c_uint64, c_char_p, c_void_p)
seal = _declare(_HELD, "memmap_seal", c_uint64, c_uint32)
get_seals = _declare(_HELD, "memmap_get_seals", c_uint64, c_void_p)
lock = _declare(_WAITS, "memmap_lock", *_RANGE, c_uint32, c_int64)
unlock = _declare(_HELD, "memmap_unlock", *_RANGE)
cell_size = _declare(_HELD, "memmap_cell_size", c_uint64, c_void_p)
cell_create = _declare(_HELD, "memmap_cell_create", *_RANGE)
cell_publish = _declare(_HELD, "memmap_cell_publish", c_uint64, c_uint64, c_char_p, c_uint64)
cell_read = _declare(
    _HELD, "memmap_cell_read", c_uint64, c_uint64, c_void_p, c_uint64, c_void_p, c_void_p
)
cell_look = _declare(_HELD, "memmap_cell_look", c_uint64, c_uint64, c_void_p, c_void_p)

# memmap_options: size, access, flags, mode, offset, length, capacity, advice, 0.
_OPTIONS = struct.Struct("@IIIIQQQII")


def options(access: int, flags: int, mode: int) -> bytes:
    """Return a struct memmap_options with these members; the others have their defaults."""
    return _OPTIONS.pack(_OPTIONS.size, access, flags, mode, 0, 0, 0, 0, 0)


_strerror = _HELD.memmap_strerror
_strerror.argtypes = (c_int32,)
_strerror.restype = c_char_p

_version = _HELD.memmap_version
_version.restype = c_char_p


def losses() -> Tuple[int, int]:
    """Return how many losses this process has survived, and how many the thread has met that called guard_notify."""
    stats = Stats(size=ctypes.sizeof(Stats))
    get_stats(stats)
    return stats.faults_survived, stats.notifier_losses


def strerror(status: int) -> str:
    """Return the text that explains a status."""
    text: bytes = _strerror(status)
    return text.decode()


def version() -> str:
    """Return the version of the library, "major.minor.patch"."""
    text: bytes = _version()
    return text.decode()


# Py_buffer: `buf` is its first member; the array has room for the others.
_Buffer = c_void_p * 12

_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = (ctypes.py_object, c_void_p, c_int)
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = (c_void_p,)
_release_buffer.restype = None
_SIMPLE = 0  # PyBUF_SIMPLE


def address(exporter: object) -> int:
    """Return the address of an object's buffer. It is valid while the object does not move or free its bytes."""
    buffer = _Buffer()
    _get_buffer(exporter, buffer, _SIMPLE)
    _release_buffer(buffer)
    return buffer[0] or 0


# CPython keeps the address of a mapping in the first member of the mmap object. Reading it takes a fifth of the time
# that exporting the buffer takes. The test below confirms the layout.
_FIRST_MEMBER = object.__basicsize__


def _first_member(mapping: mmap) -> int:
    return c_void_p.from_address(id(mapping) + _FIRST_MEMBER).value or 0


with mmap(-1, 1) as _tried:
    address_of_map = _first_member if _first_member(_tried) == address(_tried) else address
