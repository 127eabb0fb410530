"""The class that replaces the standard one, with the methods of its newest version.

A method that reads or writes bytes looks at the count of faults afterwards, which is one comparison while nothing is
lost.
"""

import mmap as _standard
import os
from ctypes import byref, c_int, c_uint64
from mmap import MAP_ANONYMOUS, PROT_READ, PROT_WRITE
from operator import index
from typing import Any, Callable, Iterator, Literal, Optional, Tuple, Union

from . import _library, _system
from ._beyond import Beyond
from ._constants import MS_ASYNC, MS_INVALIDATE, MS_SYNC
from ._errors import CLOSED, FaultError, error_for, raise_for
from ._raising import uninterrupted
from ._uncover import private
from ._settled import NEEDED, settled, settled_item

_base = _standard.mmap
# Looked up once: super() costs more than the call itself.
_get, _set = settled_item(_base.__getitem__), settled_item(_base.__setitem__)
_read, _read_byte, _readline = settled(_base.read), _base.read_byte, _base.readline
_write, _write_byte = _base.write, settled(_base.write_byte)
_move, _seek, _tell = settled(_base.move), settled(_base.seek), _base.tell
_find, _rfind, _resize = settled(_base.find), settled(_base.rfind), settled(_base.resize)

# In a mapping shorter than this the standard module's search is faster than a call of the library.
_LONG = 1 << 14
# The standard module searches this many bytes in the time that a call of the library takes.
_NEAR = 1 << 11
_LIMIT = 1 << 63
# The modes of memmap_flush for the flags of msync(2).
_SYNC, _ASYNC, _INVALIDATE = 0, 1, 2
_FLUSHES = {
    0: (_ASYNC,),  # As msync(2) does on Linux.
    MS_ASYNC: (_ASYNC,),
    MS_SYNC: (_SYNC,),
    MS_INVALIDATE: (_INVALIDATE,),
    MS_SYNC | MS_INVALIDATE: (_SYNC, _INVALIDATE),
    MS_ASYNC | MS_INVALIDATE: (_ASYNC, _INVALIDATE),
}
_NAME_PREFIX = b"cpython:mmap:"
_NAME_LIMIT = 80


class mmap(Beyond):
    """A memory-mapped file: ``mmap.mmap`` that raises FaultError where its pages are lost.

    The signature is that of Python 3.13 on every version.

    Args:
        fileno: The file to map; -1 maps anonymous memory.
        length: The number of bytes; 0 maps the file from ``offset`` to its end.
        flags: MAP_SHARED, MAP_PRIVATE and others, as mmap(2) takes them.
        prot: PROT_READ, PROT_WRITE and others, as mmap(2) takes them.
        access: ACCESS_READ, ACCESS_WRITE or ACCESS_COPY, in place of ``flags`` and ``prot``.
        offset: Where in the file the mapping begins, a multiple of ALLOCATIONGRANULARITY.
        trackfd: False keeps no descriptor of the file.

    Raises:
        BufferError: ``close`` or ``resize`` was called while a buffer is exported (memoryview, numpy.frombuffer).
        FaultError: A method met a byte that is lost.
        ValueError: A method was called after ``close``.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        text = _base.__repr__(self)
        name = "mmap.mmap" if type(self) is mmap else type(self).__name__
        return f"<{name}{text[text.index(' '):]}"

    # Methods that read or write bytes.

    def _check_item(self, key: Any) -> None:
        size = len(self)
        if not isinstance(key, slice):
            return self._check(index(key) % size, 1)
        touched = range(*key.indices(size))
        if touched:
            first, last = sorted((touched[0], touched[-1]))
            self._check(first, last + 1 - first)

    # Since 3.11 the interpreter calls a __getitem__ with exactly two parameters directly.
    def __getitem__(self, key: Any) -> Any:
        got = _get(self, key)
        if self._lost:
            self._check_item(key)
        return got

    def __setitem__(self, key: Any, value: Any) -> None:
        _set(self, key, value)
        if self._lost:
            self._check_item(key)

    # Iteration and `in` yield bytes of length 1, as in the standard module's C code.
    def __iter__(self) -> Iterator[bytes]:  # type: ignore[override]
        at = 0
        while at < len(self):
            yield self[at : at + 1]
            at += 1

    def __reversed__(self) -> Iterator[bytes]:
        for at in range(len(self) - 1, -1, -1):
            yield self[at : at + 1]

    def read(self, n: Optional[int] = None, /) -> bytes:
        """Read up to ``n`` bytes at the position; all that follow if ``n`` is None."""
        start = _tell(self)
        try:
            got = _read(self, n)
            if self._lost:
                self._check(start, len(got))
        except FaultError:
            _seek(self, start)
            raise
        return got

    def read_byte(self) -> int:
        """Read one byte at the position and return it as an int."""
        start = _tell(self)
        try:
            got = _read_byte(self)
            if self._lost:
                self._check(start, 1)
        except FaultError:
            _seek(self, start)
            raise
        return got

    def readline(self) -> bytes:
        """Read from the position to the end of the line, including the newline."""
        start = _tell(self)
        try:
            got = _readline(self)
            if self._lost:
                self._check(start, len(got))
        except FaultError:
            _seek(self, start)
            raise
        return got

    def write(self, bytes: Any, /) -> int:
        """Write bytes at the position and return their number.

        Raises:
            ValueError: They do not fit between the position and the end of the mapping.
        """
        start = _tell(self)
        try:
            length = _write(self, bytes)
            if self._lost:
                self._check(start, length)
        except FaultError:
            _seek(self, start)
            raise
        return length

    def write_byte(self, byte: int, /) -> None:
        """Write one byte, given as an int, at the position."""
        start = _tell(self)
        try:
            _write_byte(self, byte)
            if self._lost:
                self._check(start, 1)
        except FaultError:
            _seek(self, start)
            raise

    def move(self, dest: int, src: int, count: int, /) -> None:
        """Copy ``count`` bytes from offset ``src`` to offset ``dest``. The ranges may overlap."""
        _move(self, dest, src, count)
        if self._lost:
            self._check(index(src), index(count))
            self._check(index(dest), index(count))

    # Searching.

    def find(self, sub: Any, *bounds: int) -> int:
        """Return where ``sub`` first occurs, or -1: ``find(sub[, start[, end]])``.

        Args:
            sub: The bytes to find.
            *bounds: The start and the end of the search, by default the position and the end of the mapping.
        """
        if self._is_easily_searched():
            found = _find(self, sub, *bounds)
            if not self._lost:
                return found
        start, end = self._bounds(*bounds)
        found = _find(self, sub, start, min(start + _NEAR, end))
        if found >= 0 and not self._lost:
            return found
        return self._search(_library.find, sub, start, end)

    def rfind(self, sub: Any, *bounds: int) -> int:
        """Return where ``sub`` last occurs, or -1: ``rfind(sub[, start[, end]])``.

        Args:
            sub: The bytes to find.
            *bounds: The start and the end of the search, by default the position and the end of the mapping.
        """
        if self._is_easily_searched():
            found = _rfind(self, sub, *bounds)
            if not self._lost:
                return found
        start, end = self._bounds(*bounds)
        found = _rfind(self, sub, max(start, end - _NEAR), end)
        if found >= 0 and not self._lost:
            return found
        return self._search(_library.rfind, sub, start, end)

    def _is_easily_searched(self) -> bool:
        """Return whether the standard module searches: the mapping is short, or without PROT_READ."""
        return (len(self) < _LONG and not self._lost) or not self._how[0] & PROT_READ

    def _bounds(self, *bounds: int) -> Tuple[int, int]:
        size = len(self)
        if len(bounds) > 2:
            raise TypeError(f"find() and rfind() take at most 3 arguments ({len(bounds) + 1} given)")
        start = _clipped(bounds[0], size) if bounds else _tell(self)
        return start, _clipped(bounds[1], size) if len(bounds) > 1 else size

    def _search(self, function: Callable[..., int], sub: Any, start: int, end: int) -> int:
        needle = sub if type(sub) is bytes else bytes(memoryview(sub))
        handle, found = self._known(), c_uint64()
        self._keep_guard()
        if start > end:
            return -1
        raise_for(function(handle, start, end, needle, len(needle), byref(found)), handle)
        return -1 if found.value == _library.NPOS else found.value

    # The position.

    def seek(self, pos: int, whence: Any = os.SEEK_SET, /) -> int:  # type: ignore[override]
        """Set the position and return it (as since 3.13)."""
        _seek(self, pos, whence)
        return _tell(self)

    def seekable(self) -> Literal[True]:
        """Return True (as since 3.13)."""
        return True

    # Durability, size and name.

    def flush(
        self,
        offset: Union[int, range] = 0,
        size: Optional[int] = None,
        /,
        *,
        flags: int = MS_SYNC,
    ) -> None:
        """Write changed bytes to the device. They are there when it returns.

        Args:
            offset: The first byte, a multiple of PAGESIZE as for msync(2); or a ``range`` of any bytes.
            size: The number of bytes; None extends the range to the end of the mapping.
            flags: A combination of MS_SYNC, MS_ASYNC and MS_INVALIDATE (as since 3.15).

        Raises:
            FaultError: Bytes of the mapping are lost.
            OSError: Writing failed. Each later flush fails too, until ``recover``: the kernel reports the error once.
        """
        if self.closed:
            raise ValueError(CLOSED)
        first, length = self._flushed(offset, size)
        if flags not in _FLUSHES:
            raise error_for(22, 0)
        self._keep_guard()
        prot, mapped, _ = self._how
        handle = self._handle
        reaches_others = prot & PROT_WRITE and not private(mapped)
        if reaches_others and first % _standard.PAGESIZE and not isinstance(offset, range):
            raise error_for(22, 0)  # The error of msync(2). The standard module calls it in these cases only.
        if not prot & PROT_WRITE or private(mapped) or mapped & MAP_ANONYMOUS or not handle:
            # There is nothing to write back. The standard module returns None too.
            if self._lost:
                self._check(first, length)
            return
        for mode in _FLUSHES[flags]:
            status = _library.flush(handle, first, length, mode)
            if status:
                # Another thread may have closed the mapping since; msync(2) then fails with ENOMEM.
                raise ValueError(CLOSED) if self.closed else error_for(status, handle)

    def _flushed(self, offset: Union[int, range], size: Optional[int]) -> Tuple[int, int]:
        if isinstance(offset, range):
            if size is not None or offset.step != 1:
                raise TypeError("flush() takes either a range with step 1 or offset and size")

            return self._part(offset.start, len(offset))
        return self._part(_ssize(offset), None if size is None else _ssize(size))

    def size(self) -> int:
        """Return the size of the file; for anonymous memory its length (as since 3.15)."""
        if self._tracks and self._how[1] & MAP_ANONYMOUS:
            return len(self)
        return _base.size(self)

    def resize(self, newsize: int, /) -> None:
        """Change the length of the mapping and of its file.

        Raises:
            BufferError: A buffer is exported, or a range is locked.
            FaultError: Bytes of the mapping are lost; call ``recover`` first.
        """
        if self.closed:
            raise ValueError(CLOSED)
        newsize = _ssize(newsize)
        if not self._tracks:
            if self.closed:
                raise ValueError(CLOSED)
            raise ValueError("mmap can't resize with trackfd=False.")
        if self._lost:
            raise self.fault or FaultError()
        _, flags, _ = self._how
        if flags & MAP_ANONYMOUS and not private(flags) and newsize > len(self):
            # Shared anonymous memory cannot grow: an access behind its old end would be SIGBUS.
            raise ValueError("mmap: can't expand a shared anonymous mapping on Linux")
        if not self._handle:
            return _resize(self, newsize)
        self._resize_guarded(newsize)

    @uninterrupted
    def _resize_guarded(self, newsize: int) -> None:
        if getattr(self, "_locks", 0):
            raise BufferError("mmap can't resize while ranges are locked; release them first")
        try:
            _resize(self, -1)
        except ValueError:
            pass  # No buffer is exported. If the second call fails for another reason, it changes nothing.
        descriptor = c_int(-1)
        _library.descriptor(self._handle, byref(descriptor))  # If it fails, the value stays -1.
        self._unguard()
        try:
            _resize(self, newsize)
        finally:
            self._guard(descriptor.value)
            if descriptor.value >= 0:
                os.close(descriptor.value)

    if NEEDED:
        madvise = settled(_base.madvise)

    def set_name(self, name: str, /) -> None:
        """Name anonymous memory ``[anon:cpython:mmap:<name>]`` in /proc/self/maps (as since 3.15).

        Args:
            name: A name of at most 66 bytes.

        Raises:
            OSError: The kernel does not support it. It takes Linux 5.17 (6.2 for shared memory) with
                CONFIG_ANON_VMA_NAME.
        """
        if not isinstance(name, str):
            raise TypeError(f"set_name() argument must be str, not {type(name).__name__}")
        full = _NAME_PREFIX + name.encode()
        if b"\0" in full:
            raise ValueError("embedded null character")
        length = len(self)
        if not self._how[1] & MAP_ANONYMOUS:
            raise ValueError("Cannot set annotation on non-anonymous mappings")
        if len(full) >= _NAME_LIMIT:
            raise ValueError(f"name is too long: use at most {_NAME_LIMIT - 1 - len(_NAME_PREFIX)} bytes")
        _system.name_memory(_library.address(self), length, full)


def _ssize(number: int) -> int:
    """Convert a number to a C ssize_t as the standard module does."""
    number = index(number)
    if not -_LIMIT <= number < _LIMIT:
        raise OverflowError("Python int too large to convert to C ssize_t")
    return number


def _clipped(bound: int, size: int) -> int:
    """Clip a bound to the length of the mapping as slices do."""
    if type(bound) is int and 0 <= bound <= size:
        return bound
    bound = _ssize(bound)
    return min(max(bound + size if bound < 0 else bound, 0), size)
