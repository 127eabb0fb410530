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
    """Map shared memory by its name, a file in /dev/shm. It exists until ``unlink_shared_memory`` or a reboot.

    Args:
        name: The name, without slashes.
        size: The number of zero bytes to create if the name does not exist; 0 creates nothing. Existing memory is
            mapped with its own size.
        access: ACCESS_READ or ACCESS_WRITE.
        mode: The permissions of memory that is created.
        exist_ok: Whether the name may exist already.

    Raises:
        FileExistsError: The name exists, and ``exist_ok`` is false.
        FileNotFoundError: The name does not exist, and ``size`` is 0.
    """
    wanted = _READ_ONLY if access == _standard.ACCESS_READ else _READ_WRITE
    # The library refuses a mode if it creates nothing.
    options = _library.options(wanted, 0 if exist_ok else _EXCLUSIVE, mode if size else 0)
    return _mapped(_library.shared_open, name, size, options, access)


def unlink_shared_memory(name: str) -> None:
    """Remove the name of shared memory. Existing mappings keep the memory."""
    raise_for(_library.shared_unlink(_text(name)))


def memfd(name: str, size: int, *, mode: int = 0o600) -> mmap:
    """Map new shared memory that has no name in the file system (memfd_create(2)).

    Another process maps it by a ``descriptor()``. It can be resized and sealed. The kernel frees it with its last
    descriptor and mapping.

    Args:
        name: A name that is shown in /proc.
        size: The number of zero bytes.
        mode: The permissions of the file.
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
