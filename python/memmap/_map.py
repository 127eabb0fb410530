"""The drop-in: the methods of the standard module's class, as of its newest version.

What reads or writes bytes looks at the count of faults afterwards: one comparison as long as nothing is lost.
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
from ._guarded import private
from ._settled import NEEDED, settled, settled_item

_base = _standard.mmap
# Looked up once: super() costs more than the call itself.
_get, _set = settled_item(_base.__getitem__), settled_item(_base.__setitem__)
_read, _read_byte, _readline = settled(_base.read), _base.read_byte, _base.readline
_write, _write_byte = _base.write, settled(_base.write_byte)
_move, _seek, _tell = settled(_base.move), settled(_base.seek), _base.tell
_find, _rfind, _resize = settled(_base.find), settled(_base.rfind), settled(_base.resize)

# The standard module searches less than this faster than the library does, with the call;
_LONG = 1 << 14
# and this much in about the time of the call alone.
_NEAR = 1 << 11
_LIMIT = 1 << 63
# The modes of memmap_flush that the flags of msync(2) are.
_SYNC, _ASYNC, _INVALIDATE = 0, 1, 2
_FLUSHES = {
    0: (_ASYNC,),  # As msync(2) has it on Linux.
    MS_ASYNC: (_ASYNC,),
    MS_SYNC: (_SYNC,),
    MS_INVALIDATE: (_INVALIDATE,),
    MS_SYNC | MS_INVALIDATE: (_SYNC, _INVALIDATE),
    MS_ASYNC | MS_INVALIDATE: (_ASYNC, _INVALIDATE),
}
_NAME_PREFIX = b"cpython:mmap:"
_NAME_LIMIT = 80


class mmap(Beyond):
    """A memory-mapped file or piece of memory: ``mmap.mmap`` that survives what takes its pages away.

    ``mmap(fileno, length, flags=MAP_SHARED, prot=PROT_READ|PROT_WRITE, access=ACCESS_DEFAULT, offset=0, *,
    trackfd=True)`` as in the standard module of Python 3.13, on every version. ``length`` 0 is all of the file
    from ``offset`` on; ``fileno`` -1 is anonymous memory. Without ``trackfd`` no descriptor is kept.

    A byte that is gone raises FaultError. A mapping that is closed raises ValueError. ``close`` while a buffer is
    exported (memoryview, numpy.frombuffer) raises BufferError and leaves the mapping as it is.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        text = _base.__repr__(self)
        name = "mmap.mmap" if type(self) is mmap else type(self).__name__
        return f"<{name}{text[text.index(' '):]}"

    # What may meet a lost byte.

    def _check_item(self, key: Any) -> None:
        size = len(self)
        if not isinstance(key, slice):
            return self._check(index(key) % size, 1)
        touched = range(*key.indices(size))
        if touched:
            first, last = sorted((touched[0], touched[-1]))
            self._check(first, last + 1 - first)

    def _check_passed(self, length: int) -> None:
        """Refuses what a call has passed at the position, and takes the position back then."""
        start = _tell(self) - length
        try:
            self._check(start, length)
        except FaultError:
            _seek(self, start)
            raise

    # Two arguments and no more: that is what the interpreter calls without a detour (since 3.11).
    def __getitem__(self, key: Any) -> Any:
        got = _get(self, key)
        if self._lost:
            self._check_item(key)
        return got

    def __setitem__(self, key: Any, value: Any) -> None:
        _set(self, key, value)
        if self._lost:
            self._check_item(key)

    # Bytes of length 1, as the standard module's C code has it for iteration and `in`.
    def __iter__(self) -> Iterator[bytes]:  # type: ignore[override]
        at = 0
        while at < len(self):
            yield self[at : at + 1]
            at += 1

    def __reversed__(self) -> Iterator[bytes]:
        for at in range(len(self) - 1, -1, -1):
            yield self[at : at + 1]

    def read(self, n: Optional[int] = None, /) -> bytes:
        """Up to ``n`` bytes from the position on, all that follow without ``n``."""
        got = _read(self, n)
        if self._lost:
            self._check_passed(len(got))
        return got

    def read_byte(self) -> int:
        """The byte at the position, as an int."""
        got = _read_byte(self)
        if self._lost:
            self._check_passed(1)
        return got

    def readline(self) -> bytes:
        """The bytes from the position to the end of the line, with its newline."""
        got = _readline(self)
        if self._lost:
            self._check_passed(len(got))
        return got

    def write(self, bytes: Any, /) -> int:
        """Writes at the position; how many bytes. ValueError when there is no room for all of them."""
        length = _write(self, bytes)
        if self._lost:
            self._check_passed(length)
        return length

    def write_byte(self, byte: int, /) -> None:
        """Writes one byte, given as an int, at the position."""
        _write_byte(self, byte)
        if self._lost:
            self._check_passed(1)

    def move(self, dest: int, src: int, count: int, /) -> None:
        """Copies ``count`` bytes from ``src`` to ``dest``; they may overlap."""
        _move(self, dest, src, count)
        if self._lost:
            self._check(index(src), index(count))
            self._check(index(dest), index(count))

    # Searching.

    def find(self, sub: Any, *bounds: int) -> int:
        """``find(sub[, start[, end]])``: where ``sub`` first stands, from the position on by default; or -1."""
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
        """``rfind(sub[, start[, end]])``: where ``sub`` last stands, from the position on by default; or -1."""
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
        """Whether the standard module does it: what is short, and what the library can't look at."""
        return (len(self) < _LONG and not self._lost) or not self._how[0] & PROT_READ

    def _bounds(self, *bounds: int) -> Tuple[int, int]:
        size = len(self)
        if len(bounds) > 2:
            raise TypeError(f"at most 3 arguments are taken ({len(bounds) + 1} given)")
        start = _clipped(bounds[0], size) if bounds else _tell(self)
        return start, _clipped(bounds[1], size) if len(bounds) > 1 else size

    def _search(self, function: Callable[..., int], sub: Any, start: int, end: int) -> int:
        needle = sub if type(sub) is bytes else bytes(memoryview(sub))
        handle, found = self._known(), c_uint64()
        if start > end:
            return -1
        raise_for(function(handle, start, end, needle, len(needle), byref(found)), handle)
        return -1 if found.value == _library.NPOS else found.value

    # The position.

    def seek(self, pos: int, whence: Any = os.SEEK_SET, /) -> int:  # type: ignore[override]
        """Sets the position, and answers it (as since 3.13)."""
        _seek(self, pos, whence)
        return _tell(self)

    def seekable(self) -> Literal[True]:
        """True (as since 3.13)."""
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
        """Writes changed bytes back; when it returns, they are on the device.

        ``flush(offset, size)`` takes whole pages, as msync(2) does: OSError for an ``offset`` inside of one.
        ``flush(range(start, stop))`` takes any bytes. ``flags`` are MS_SYNC, MS_ASYNC and MS_INVALIDATE (as
        since 3.15). A flush that failed stays failed until ``recover``, since the kernel tells it once.
        """
        if self.closed:
            raise ValueError(CLOSED)
        first, length = self._flushed(offset, size)
        if flags not in _FLUSHES:
            raise error_for(22, 0)
        prot, mapped, _ = self._how
        handle = self._handle
        reaches_others = prot & PROT_WRITE and not private(mapped)
        if reaches_others and first % _standard.PAGESIZE and not isinstance(offset, range):
            raise error_for(22, 0)  # As msync(2), which the standard module doesn't call otherwise.
        if not prot & PROT_WRITE or private(mapped) or mapped & MAP_ANONYMOUS or not handle:
            # Nothing to write back, which the standard module says too.
            if self._lost:
                self._check(first, length)
            return
        for mode in _FLUSHES[flags]:
            status = _library.flush(handle, first, length, mode)
            if status:
                # Another thread may have closed it meanwhile; then msync(2) says ENOMEM.
                raise ValueError(CLOSED) if self.closed else error_for(status, handle)

    def _flushed(self, offset: Union[int, range], size: Optional[int]) -> Tuple[int, int]:
        if isinstance(offset, range):
            if size is not None or offset.step != 1:
                raise TypeError("a range of step 1 is taken, and no size beside it")
            return self._part(offset.start, len(offset))
        return self._part(_ssize(offset), None if size is None else _ssize(size))

    def size(self) -> int:
        """The size of the file; of memory without a file its length (as since 3.15)."""
        if self._tracks and self._how[1] & MAP_ANONYMOUS:
            return len(self)
        return _base.size(self)

    def resize(self, newsize: int, /) -> None:
        """Gives the mapping and its file another length. FaultError while bytes are lost: ``recover`` first."""
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
            # There is no file to make longer: what is behind the end would be SIGBUS.
            raise ValueError("mmap: can't expand a shared anonymous mapping on Linux")
        if not self._handle:
            return _resize(self, newsize)
        self._resize_guarded(newsize)

    def _resize_guarded(self, newsize: int) -> None:
        if getattr(self, "_locks", 0):
            raise BufferError("mmap can't resize while ranges of it are locked.")
        try:
            _resize(self, -1)
        except ValueError:
            pass  # It could be resized, and by what else it is refused nothing is changed.
        descriptor = c_int(-1)
        _library.descriptor(self._handle, byref(descriptor))  # Without one it stays -1.
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
        """Shows anonymous memory as ``[anon:cpython:mmap:<name>]`` in /proc/self/maps (as since 3.15).

        At most 66 bytes. Linux 5.17, for shared memory 6.2, with CONFIG_ANON_VMA_NAME; else OSError.
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
            raise ValueError(f"name is too long: {_NAME_LIMIT - 1 - len(_NAME_PREFIX)} bytes at most")
        _system.name_memory(_library.address(self), length, full)


def _ssize(number: int) -> int:
    """A number as the standard module's C code takes it."""
    number = index(number)
    if not -_LIMIT <= number < _LIMIT:
        raise OverflowError("Python int too large to convert to C ssize_t")
    return number


def _clipped(bound: int, size: int) -> int:
    """A bound as slices take it."""
    if type(bound) is int and 0 <= bound <= size:
        return bound
    bound = _ssize(bound)
    return min(max(bound + size if bound < 0 else bound, 0), size)
