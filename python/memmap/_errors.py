"""Exceptions for the statuses of the library."""

import ctypes
import enum
import errno
import os
from typing import Optional, Tuple, Type

from . import _library, _raising


class Causes(enum.IntFlag):
    """Why bytes were lost."""

    TRUNCATED = 1
    """The file was truncated, and the bytes lie behind its end."""
    IO = 2
    """The device or the network failed, or a hole was written on a full disk."""
    UNKNOWN = 4
    """One of the others. Without a descriptor (``trackfd=False``) they cannot be distinguished."""


class FaultError(OSError):
    """Bytes of a mapping are lost: its file was truncated, or its device failed.

    Without libmemmap the kernel would have ended the process by SIGBUS. ``errno`` is EIO.

    Attributes:
        offset: The first byte of the mapping that is lost.
        length: The number of bytes from there to the last byte that is lost. Some between them may not be lost.
        causes: Why the bytes are lost.
        filename: The name of the mapped file, or None if the mapping keeps no descriptor.
    """

    def __init__(
        self, offset: int = 0, length: int = 0, causes: int = Causes.UNKNOWN, filename: Optional[str] = None
    ) -> None:
        self.offset = offset
        self.length = length
        self.causes = Causes(causes)
        lost = f"bytes {offset} to {offset + length - 1} of the mapping are lost" if length else "bytes are lost"
        text = f"{_reason(self.causes)}: {lost}"
        super().__init__(errno.EIO, text, *(() if filename is None else (filename,)))

    def __reduce__(self) -> Tuple[Type["FaultError"], Tuple[int, int, int, Optional[str]]]:
        return (type(self), (self.offset, self.length, int(self.causes), self.filename))


def _reason(causes: Causes) -> str:
    reasons = {
        Causes.TRUNCATED: "file was truncated",
        Causes.IO: "device failed or disk is full",
        Causes.UNKNOWN: "file was truncated or its device failed",
    }
    return ", ".join(text for cause, text in reasons.items() if cause in causes)


def fault_of(handle: int) -> Optional[FaultError]:
    """Return what was lost of a mapping, or None if nothing was."""
    fault = _library.Fault(size=ctypes.sizeof(_library.Fault))
    raise_for(_library.get_fault(handle, fault))
    return FaultError(fault.offset, fault.length, fault.causes, _name_of(handle)) if fault.count else None


def _name_of(handle: int) -> Optional[str]:
    """Return the name of a mapping's file as the kernel knows it, or None if there is no descriptor."""
    descriptor = ctypes.c_int()
    if _library.descriptor(handle, ctypes.byref(descriptor)):
        return None
    try:
        return os.readlink(f"/proc/self/fd/{descriptor.value}")
    except OSError:
        return None  # /proc is not mounted.
    finally:
        os.close(descriptor.value)


CLOSED = "mmap closed or invalid"
READ_ONLY = "mmap can't modify a readonly memory map."

_HANDLE, _ACCESS, _FAULT = -2, -4, -6
# The exception for each status of libmemmap's own. A status of the system is an OSError with that errno.
_TYPES = {-1: ValueError, -3: ValueError, -8: BufferError, -9: TimeoutError, -12: ValueError}
_ERRNOS = {-5: errno.ENODEV, -7: errno.ENOMEM, -10: errno.EOPNOTSUPP, -11: errno.EPERM}


def error_for(status: int, handle: int) -> Exception:
    """Return the exception for a status that is not success."""
    if status == _FAULT:
        fault = fault_of(handle) or FaultError(filename=_name_of(handle))
        _raising.reported(handle, fault)
        return fault
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
    """Raise the exception for a status, unless it is success."""
    if status:
        raise error_for(status, handle)
