"""Statuses of the library as exceptions."""

import ctypes
import enum
import errno
import os
from typing import Optional, Tuple, Type

from . import _library


class Causes(enum.IntFlag):
    """Why bytes were lost."""

    TRUNCATED = 1
    """The file was truncated; they lie behind its end."""
    IO = 2
    """The file has them, and its device, its network or the space left on it doesn't give them."""
    UNKNOWN = 4
    """One of the two; without a descriptor (``trackfd=False``) they can't be told apart."""


class FaultError(OSError):
    """Bytes of a mapping are gone: its file was truncated, or its device doesn't give them.

    Without libmemmap the kernel would have ended the process by SIGBUS. ``offset`` and ``length`` say which
    bytes of the mapping were lost up to now (some in between may be whole), ``causes`` why. ``errno`` is EIO.
    """

    def __init__(self, offset: int = 0, length: int = 0, causes: int = Causes.UNKNOWN) -> None:
        self.offset = offset
        self.length = length
        self.causes = Causes(causes)
        super().__init__(errno.EIO, f"bytes {offset} to {offset + length} of the mapping are lost: "
                                    f"{_reason(self.causes)}")

    def __reduce__(self) -> Tuple[Type["FaultError"], Tuple[int, int, int]]:
        return (type(self), (self.offset, self.length, int(self.causes)))


def _reason(causes: Causes) -> str:
    reasons = {
        Causes.TRUNCATED: "the file was truncated",
        Causes.IO: "the device, the network or the space left doesn't give them",
        Causes.UNKNOWN: "the file was truncated, or its device doesn't give them",
    }
    return "; ".join(text for cause, text in reasons.items() if cause in causes)


def fault_of(handle: int) -> Optional[FaultError]:
    """What of a mapping was lost, None when nothing was."""
    fault = _library.Fault(size=ctypes.sizeof(_library.Fault))
    raise_for(_library.get_fault(handle, fault))
    return FaultError(fault.offset, fault.length, fault.causes) if fault.count else None


CLOSED = "mmap closed or invalid"
READ_ONLY = "mmap can't modify a readonly memory map."

_HANDLE, _ACCESS, _FAULT = -2, -4, -6
# An exception for each status that is libmemmap's own; the system's are OSError with that errno.
_TYPES = {-1: ValueError, -3: ValueError, -8: BufferError, -9: TimeoutError, -12: ValueError}
_ERRNOS = {-5: errno.ENODEV, -7: errno.ENOMEM, -10: errno.EOPNOTSUPP, -11: errno.EPERM}


def error_for(status: int, handle: int) -> Exception:
    """The exception that a status is."""
    if status == _FAULT:
        return fault_of(handle) or FaultError()
    if status == _HANDLE:
        return ValueError(CLOSED)
    if status == _ACCESS:
        return TypeError(READ_ONLY)
    if status > 0:
        return OSError(status, os.strerror(status))
    text = _library.strerror(status)
    if status in _ERRNOS:
        return OSError(_ERRNOS[status], text)
    return _TYPES.get(status, SystemError)(text)


def raise_for(status: int, handle: int = 0) -> None:
    """Raises what a status is, unless it is success."""
    if status:
        raise error_for(status, handle)
