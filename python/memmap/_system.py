"""Functions of the C library that Python does not expose."""

import ctypes
import os
from ctypes import c_char_p, c_int, c_long, c_size_t, c_ulong, c_void_p, create_string_buffer

_libc = ctypes.CDLL(None, use_errno=True)

_madvise = _libc.madvise
_madvise.argtypes = (c_void_p, c_size_t, c_int)

_mmap = _libc.mmap
_mmap.argtypes = (c_void_p, c_size_t, c_int, c_int, c_int, c_long)
_mmap.restype = c_void_p

_prctl = _libc.prctl
_prctl.argtypes = (c_int, c_ulong, c_void_p, c_size_t, c_char_p)

_sigaction = _libc.sigaction
_sigaction.argtypes = (c_int, c_void_p, c_void_p)

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


class Action:
    """What a signal does: a struct sigaction, which is passed on and not looked into but for its first member."""

    def __init__(self) -> None:
        self.bytes = create_string_buffer(256)  # More than the struct has on any platform.

    @property
    def handler(self) -> int:
        """The address of the handler; 0 is SIG_DFL, and 1 is SIG_IGN."""
        return c_void_p.from_buffer(self.bytes).value or 0


def action_of(signal: int) -> Action:
    """Return the action of a signal (sigaction(2)), also if it was not set by Python."""
    action = Action()
    if _sigaction(signal, None, action.bytes) != 0:
        raise _last_error()
    return action


def set_action(signal: int, action: Action) -> None:
    """Set the action of a signal, without the knowledge of the interpreter."""
    if _sigaction(signal, action.bytes, None) != 0:
        raise _last_error()


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
