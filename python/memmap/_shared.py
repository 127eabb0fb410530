"""Memory that processes share by a name or by a descriptor."""

import mmap as _standard
import os
from ctypes import byref, c_int, c_uint64
from typing import Any

from . import _library
from ._errors import raise_for
from ._map import mmap

_READ_ONLY, _READ_WRITE = 1, 2
_EXCLUSIVE = 1


def shared_memory(
    name: str,
    size: int = 0,
    *,
    access: int = _standard.ACCESS_WRITE,
    mode: int = 0o600,
    exist_ok: bool = True,
) -> mmap:
    """Maps the shared memory called ``name`` (a file below /dev/shm), all of it.

    With a ``size`` it is made if it isn't there: ``size`` zero bytes with the permissions ``mode``; what is there is
    mapped with its own size, or refused without ``exist_ok`` (FileExistsError). With size 0 nothing is made:
    FileNotFoundError. It stays until ``unlink_shared_memory`` or the end of the system.
    """
    wanted = _READ_ONLY if access == _standard.ACCESS_READ else _READ_WRITE
    # What is not made gets no permissions.
    options = _library.options(wanted, 0 if exist_ok else _EXCLUSIVE, mode if size else 0)
    return _mapped(_library.shared_open, name, size, options, access)


def unlink_shared_memory(name: str) -> None:
    """Removes the name; who has the memory mapped keeps it."""
    raise_for(_library.shared_unlink(_text(name)))


def memfd(name: str, size: int, *, mode: int = 0o600) -> mmap:
    """Maps ``size`` zero bytes that have no name but for /proc: who gets a ``descriptor()`` of it maps the same.

    It can be resized and sealed, and goes with its last user.
    """
    return _mapped(_library.memfd, name, size, _library.options(0, 0, mode), _standard.ACCESS_WRITE)


def _mapped(function: Any, name: str, size: int, options: bytes, access: int) -> mmap:
    if size < 0:
        raise ValueError("size must not be negative")
    handle, descriptor = c_uint64(), c_int()
    raise_for(function(_text(name), size, options, byref(handle)))
    try:
        raise_for(_library.descriptor(handle, byref(descriptor)))
    finally:
        _library.close(handle)
    try:
        return mmap(descriptor.value, 0, access=access)
    finally:
        os.close(descriptor.value)


def _text(name: str) -> bytes:
    text = os.fsencode(name)
    if b"\0" in text:
        raise ValueError("embedded null character")
    return text
