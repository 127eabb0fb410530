"""The mapping: the standard module's, under the guard of libmemmap.

It is a subclass, so whatever asks for an ``mmap.mmap`` takes it, and the standard module's C code gives it the
buffer protocol, which no class in pure Python can have before Python 3.12. That code maps the memory;
libmemmap is told what was mapped (memmap_adopt) and survives the loss of its pages. What reads or writes bytes
looks at the count of faults afterwards: one comparison as long as nothing is lost.
"""

import mmap as _standard
import os
import sys
from ctypes import byref, c_int, c_uint8, c_uint32, c_uint64
from operator import index
from typing import Any, Callable, Iterator, Literal, Optional, Tuple, Type, TypeVar, Union

from . import _install, _library, _system
from ._constants import MS_ASYNC, MS_INVALIDATE, MS_SYNC
from ._errors import CLOSED, FaultError, error_for, fault_of, raise_for
from ._lock import EXCLUSIVE as _EXCLUSIVE
from ._lock import SHARED as _SHARED
from ._lock import RangeLock
from ._seals import Seals
from ._settled import NEEDED, settled, settled_item

_base = _standard.mmap
# Looked up once: super() costs more than the call itself.
_new = _base.__new__
_close = _base.close
_get, _set = settled_item(_base.__getitem__), settled_item(_base.__setitem__)
_read, _read_byte, _readline = settled(_base.read), _base.read_byte, _base.readline
_write, _write_byte = _base.write, settled(_base.write_byte)
_move, _seek, _tell = settled(_base.move), settled(_base.seek), _base.tell
_find, _rfind, _resize = settled(_base.find), settled(_base.rfind), settled(_base.resize)
_adopt, _end, _address = _library.adopt, _library.close, _library.address_of_map
_mapped, _MAPPED_SIZE = _library.mapped.pack, _library.mapped.size
_counter_at = c_uint32.from_address

MAP_SHARED, MAP_PRIVATE, MAP_ANONYMOUS = (
    _standard.MAP_SHARED,
    _standard.MAP_PRIVATE,
    _standard.MAP_ANONYMOUS,
)
PROT_READ, PROT_WRITE = _standard.PROT_READ, _standard.PROT_WRITE
_BOTH = PROT_READ | PROT_WRITE
# What the accesses mean; ACCESS_DEFAULT is what flags and prot say.
_ACCESSES = {
    _standard.ACCESS_READ: (PROT_READ, MAP_SHARED),
    _standard.ACCESS_WRITE: (_BOTH, MAP_SHARED),
    _standard.ACCESS_COPY: (_BOTH, MAP_PRIVATE),
}
# The standard module searches less than this faster than a call into the library takes.
_LONG = 1 << 14
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

# Of memmap_adopt: the address of the count of faults, and the handle.
_Outputs = c_uint64 * 2
# The count of faults of what isn't guarded: 0, and thereby false.
_NOTHING = c_uint32(0)

_Map = TypeVar("_Map", bound="mmap")


class mmap(_base):
    """A memory-mapped file or piece of memory: ``mmap.mmap`` that survives what takes its pages away.

    ``mmap(fileno, length, flags=MAP_SHARED, prot=PROT_READ|PROT_WRITE, access=ACCESS_DEFAULT, offset=0, *,
    trackfd=True)`` as in the standard module of Python 3.13, on every version. ``length`` 0 is all of the file
    from ``offset`` on; ``fileno`` -1 is anonymous memory. Without ``trackfd`` no descriptor is kept.

    A byte that is gone raises FaultError. A mapping that is closed raises ValueError. ``close`` while a buffer is
    exported (memoryview, numpy.frombuffer) raises BufferError and leaves the mapping as it is.
    """

    # _handle: of the library, 0 when it knows nothing of the mapping. _lost: how many faults there were.
    # _how: prot and flags as mmap(2) takes them, and the offset. _tracks: trackfd.
    # _locks: how many ranges are locked; unset before the first.
    __slots__ = ("_handle", "_lost", "_how", "_tracks", "_locks")

    _handle: int
    _lost: c_uint32
    _how: Tuple[int, int, int]
    _tracks: bool
    _locks: int

    def __new__(
        cls: Type[_Map],
        fileno: int,
        length: int,
        flags: int = MAP_SHARED,
        prot: int = _BOTH,
        access: int = _standard.ACCESS_DEFAULT,
        offset: int = 0,
        *,
        trackfd: bool = True,
    ) -> _Map:
        if trackfd:
            self = _new(cls, fileno, length, flags, prot, access, offset)
        else:
            self = _untracked(cls, fileno, length, flags, prot, access, offset)
        if access:
            prot, flags = _ACCESSES[access]
        self._tracks = trackfd
        if fileno == -1 or flags & MAP_ANONYMOUS:
            self._how = (prot, flags | MAP_ANONYMOUS, 0)
            self._handle, self._lost = 0, _NOTHING
        else:
            self._how = (prot, flags, index(offset) if offset else 0)
            self._guard(fileno if trackfd else -1)
        return self

    def _guard(self, fileno: int) -> None:
        """Takes the memory under the guard; ``fileno`` names its file, or is -1."""
        prot, flags, offset = self._how
        if not prot & PROT_READ:
            # The library could not look at it. A loss is SIGBUS, as in the standard module.
            self._handle, self._lost = 0, _NOTHING
            return
        if _install.pending:
            _install.install_guard()
        mapped = _mapped(_MAPPED_SIZE, prot, _address(self), len(self), offset, flags, 0)
        outputs = _Outputs()
        handle = byref(outputs, 8)
        if _adopt(mapped, index(fileno), outputs, handle):
            # What is no file for the library, or no descriptor left: less is known about a loss then.
            raise_for(_adopt(mapped, -1, outputs, handle))
        at, self._handle = outputs
        self._lost = _counter_at(at)

    def _unguard(self) -> None:
        handle, self._handle, self._lost = self._handle, 0, _NOTHING
        _end(handle)

    def _known(self) -> int:
        """The handle; anonymous memory gets one when it is first needed."""
        handle = self._handle
        if not handle:
            if self.closed:
                raise ValueError(CLOSED)
            self._guard(-1)
            handle = self._handle
        if not handle:
            raise TypeError("mmap can't look at a memory map without PROT_READ")
        return handle

    def close(self) -> None:
        """Unmaps the memory. It flushes nothing. BufferError while a buffer is exported."""
        if not self._handle:
            return _close(self)
        try:
            _resize(self, -1)  # Whether a buffer is exported is asked first; no length is negative.
        except (ValueError, TypeError):
            pass
        except BufferError:
            return _close(self)  # Which refuses it in its own words.
        # The guard goes first: afterwards the addresses may be somebody else's.
        _end(self._handle)
        self._handle, self._lost = 0, _NOTHING
        try:
            _close(self)
        except BufferError:  # Exported by another thread in between.
            self._guard(-1)
            raise

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        try:
            handle = self._handle
        except AttributeError:
            return  # A constructor that failed has left none.
        if handle:
            _end(handle)

    def __repr__(self) -> str:
        text = _base.__repr__(self)
        name = "mmap.mmap" if type(self) is mmap else type(self).__name__
        return f"<{name}{text[text.index(' '):]}"

    # What may meet a lost byte.

    def _check(self, offset: int, length: int) -> None:
        """Refuses bytes of which one is lost."""
        raise_for(_library.check(self._handle, offset, length), self._handle)

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
        return self._search(_library.find, sub, *self._bounds(*bounds))

    def rfind(self, sub: Any, *bounds: int) -> int:
        """``rfind(sub[, start[, end]])``: where ``sub`` last stands, from the position on by default; or -1."""
        if self._is_easily_searched():
            found = _rfind(self, sub, *bounds)
            if not self._lost:
                return found
        return self._search(_library.rfind, sub, *self._bounds(*bounds))

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
        first, length = self._flushed(offset, size)
        if flags not in _FLUSHES:
            raise error_for(22, 0)
        prot, mapped, _ = self._how
        handle = self._handle
        if not prot & PROT_WRITE or mapped & (MAP_PRIVATE | MAP_ANONYMOUS) or not handle:
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
        first, length = self._part(index(offset), size)
        if first % _standard.PAGESIZE:
            raise error_for(22, 0)
        return first, length

    def _part(self, offset: int, size: Optional[int]) -> Tuple[int, int]:
        """Checks a range; ``size`` None is to the end."""
        all = len(self)
        length = all - offset if size is None else index(size)
        if self.closed:  # By an __index__.
            raise ValueError(CLOSED)
        if not 0 <= offset <= all or not 0 <= length <= all - offset:
            raise ValueError("flush values out of range")
        return offset, length

    def size(self) -> int:
        """The size of the file; of memory without a file its length (as since 3.15)."""
        if self._tracks and self._how[1] & MAP_ANONYMOUS:
            return len(self)
        return _base.size(self)

    def resize(self, newsize: int, /) -> None:
        """Gives the mapping and its file another length. FaultError while bytes are lost: ``recover`` first."""
        if not self._tracks:
            if self.closed:
                raise ValueError(CLOSED)
            raise ValueError("mmap can't resize with trackfd=False.")
        if self._lost:
            raise self.fault or FaultError()
        _, flags, _ = self._how
        if flags & MAP_ANONYMOUS and not flags & MAP_PRIVATE and index(newsize) > len(self):
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

    # What the standard module doesn't have.

    @property
    def fault(self) -> Optional[FaultError]:
        """What was lost of the mapping up to now, None when nothing was."""
        return fault_of(self._handle) if self._lost else None

    def check(self, offset: int = 0, size: Optional[int] = None) -> None:
        """Raises FaultError if one of these bytes is lost: for who has read them through a buffer."""
        self._check(*self._part(offset, size)) if self._lost else self._part(offset, size)

    def recover(self) -> None:
        """Maps the file's pages back where they were lost, and forgets a flush that failed.

        FaultError while the file is still too short. What was written into lost bytes meanwhile is gone.
        """
        if self._handle or self.closed:
            handle = self._known()
            with memoryview(self):  # Pinned, here and below: nobody unmaps it meanwhile.
                status = _library.recover(handle)
            raise_for(status, handle)

    def prefault(
        self, offset: int = 0, size: Optional[int] = None, *, prot: int = PROT_READ
    ) -> None:
        """Brings pages in, so that accesses wait for nothing: for reading, or with ``prot=PROT_WRITE`` for writing."""
        first, length = self._part(offset, size)
        handle = self._known()
        with memoryview(self):
            status = _library.prefault(handle, first, length, 1 if prot & PROT_WRITE else 0)
        raise_for(status, handle)

    def residency(self, offset: int = 0, size: Optional[int] = None) -> bytes:
        """Which pages of a range are in memory: a byte for each, 1 or 0, so that ``sum`` counts them."""
        first, length = self._part(offset, size)
        page = _standard.PAGESIZE
        pages = (c_uint8 * ((first + length - 1) // page - first // page + 1 if length else 0))()
        handle, resident = self._known(), c_uint64()
        with memoryview(self):
            status = _library.residency(handle, first, length, pages, len(pages), byref(resident))
        raise_for(status, handle)
        return bytes(pages)

    # Sharing.

    def descriptor(self, access: int = _standard.ACCESS_DEFAULT) -> int:
        """A new descriptor of the mapping's file, to hand to others, who map it: ``mmap(descriptor, 0)``.

        It allows what the mapping's own does, with ACCESS_READ only reading. The caller closes it (os.close).
        """
        reads = access == _standard.ACCESS_READ
        function = _library.read_only_descriptor if reads else _library.descriptor
        handle, descriptor = self._known(), c_int()
        raise_for(function(handle, byref(descriptor)), handle)
        return descriptor.value

    @property
    def seals(self) -> Seals:
        """The seals of the mapping's file."""
        handle, seals = self._known(), c_uint32()
        raise_for(_library.get_seals(handle, byref(seals)), handle)
        return Seals(seals.value)

    def seal(self, seals: int) -> None:
        """Adds seals to a ``memfd``: they bind everybody, and are never taken away."""
        handle = self._known()
        raise_for(_library.seal(handle, seals), handle)

    def lock(
        self, offset: int = 0, size: Optional[int] = None, *, timeout: Optional[float] = None
    ) -> RangeLock:
        """The bytes of a range for oneself, among all processes and threads that lock it: ``with m.lock(0, 10):``.

        ``timeout`` is in seconds, 0 tries, None waits for ever; TimeoutError when it has passed.
        """
        return RangeLock(self, *self._part(offset, size), _EXCLUSIVE, timeout)

    def lock_shared(
        self, offset: int = 0, size: Optional[int] = None, *, timeout: Optional[float] = None
    ) -> RangeLock:
        """The same, shared with others who lock it shared: for readers."""
        return RangeLock(self, *self._part(offset, size), _SHARED, timeout)


def _clipped(bound: int, size: int) -> int:
    """A bound as slices take it."""
    bound = index(bound)
    if not -_LIMIT <= bound < _LIMIT:
        raise OverflowError("Python int too large to convert to C ssize_t")
    return min(max(bound + size if bound < 0 else bound, 0), size)


def _untracked(cls: Type[_Map], fileno: int, *how: int) -> _Map:
    """A mapping that keeps no descriptor: the standard module's own way since 3.13."""
    if sys.version_info >= (3, 13):
        return _new(cls, fileno, *how, trackfd=False)
    length, flags, prot, access, offset = how
    tried = _base(fileno, length, flags, prot, access, offset)  # It says what is wrong with them.
    if fileno == -1 or flags & MAP_ANONYMOUS:
        return _new(cls, fileno, *how)
    # Anonymous memory of the same length, with the file in its place.
    self = _new(cls, -1, len(tried), flags, prot, access, offset)
    tried.close()
    if access:
        prot, flags = _ACCESSES[access]
    _system.map_over(_library.address(self), len(self), prot, flags, fileno, offset)
    return self
