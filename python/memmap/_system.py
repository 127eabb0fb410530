"""Functions of the C library that Python does not expose."""

import ctypes
import os
from ctypes import c_char_p, c_int, c_long, c_size_t, c_ulong, c_void_p

_libc = ctypes.CDLL(None, use_errno=True)

_madvise = _libc.madvise
_madvise.argtypes = (c_void_p, c_size_t, c_int)

_mmap = _libc.mmap
_mmap.argtypes = (c_void_p, c_size_t, c_int, c_int, c_int, c_long)
_mmap.restype = c_void_p

_prctl = _libc.prctl
_prctl.argtypes = (c_int, c_ulong, c_void_p, c_size_t, c_char_p)

_MAP_FIXED = 0x10
_MAP_FAILED = 2 ** (8 * ctypes.sizeof(c_void_p)) - 1
_PR_SET_VMA = 0x53564D41
_PR_SET_VMA_ANON_NAME = 0


def map_over(address: int, length: int, prot: int, flags: int, fd: int, offset: int) -> None:
    """Map a file over the memory at ``address``, which the caller owns."""
    if _mmap(address, length, prot, flags | _MAP_FIXED, fd, offset) == _MAP_FAILED:
        raise _last_error()


def name_memory(address: int, length: int, name: bytes) -> None:
    """Name anonymous memory in /proc/self/maps (PR_SET_VMA(2const))."""
    if _prctl(_PR_SET_VMA, _PR_SET_VMA_ANON_NAME, address, length, name) != 0:
        raise _last_error()


def knows_advice(advice: int) -> bool:
    """Return whether the kernel knows an advice. If not, madvise(2) of no bytes fails with EINVAL."""
    status: int = _madvise(None, 0, advice)
    return status == 0


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
