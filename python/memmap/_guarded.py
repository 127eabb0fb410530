"""Memory that the standard module maps and libmemmap guards.

The class is a subclass of ``mmap.mmap``: functions that take an ``mmap.mmap`` take it, and it inherits the buffer
protocol, which a class in pure Python cannot implement before Python 3.12. The standard module maps the memory;
memmap_adopt puts it under the guard.
"""

import mmap as _standard
import sys
from ctypes import byref, c_uint32, c_uint64
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE
from operator import index
from typing import Optional, Tuple, Type, TypeVar

from . import _install, _library, _raising, _system
from ._errors import CLOSED, FaultError, fault_of, raise_for
from ._raising import forget, uninterrupted, watch
from ._uncover import private, uncover

_base = _standard.mmap
# Looked up once: super() costs more than the call itself.
_new, _close, _resize = _base.__new__, _base.close, _base.resize
_adopt, _end, _address = _library.adopt, _library.close, _library.address_of_map
_guard_active = _library.guard_active
_mapped, _MAPPED_SIZE = _library.mapped.pack, _library.mapped.size
_counter_at = c_uint32.from_address

_BOTH = PROT_READ | PROT_WRITE
# prot and flags of each access; with ACCESS_DEFAULT the caller passes them.
_ACCESSES = {
    _standard.ACCESS_READ: (PROT_READ, MAP_SHARED),
    _standard.ACCESS_WRITE: (_BOTH, MAP_SHARED),
    _standard.ACCESS_COPY: (_BOTH, MAP_PRIVATE),
}

# What memmap_adopt returns: the address of the count of faults, and the handle.
_Outputs = c_uint64 * 2
# The count of faults of a mapping that is not guarded: always 0, which is false.
_NOTHING = c_uint32(0)

_Map = TypeVar("_Map", bound="Guarded")


class Guarded(_base):
    """A guarded mapping: creation, checks and closing."""

    # _handle: the library's handle, 0 if it has none for this mapping. _lost: the number of faults.
    # _how: prot and flags for mmap(2), and the offset. _tracks: trackfd.
    # _told: see _raising.py. _locks: the number of locked ranges; unset before the first lock.
    __slots__ = ("_handle", "_lost", "_told", "_how", "_tracks", "_locks")

    _handle: int
    _lost: c_uint32
    _told: int
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

    @uninterrupted
    def _guard(self, fileno: int) -> None:
        """Put the memory under the guard.

        Args:
            fileno: A descriptor of the mapped file, or -1.
        """
        prot, flags, offset = self._how
        if not prot & PROT_READ:
            # The library guards readable memory only. A loss is SIGBUS, as in the standard module.
            self._handle, self._lost = 0, _NOTHING
            return
        self._keep_guard()
        mapped = _mapped(_MAPPED_SIZE, prot, _address(self), len(self), offset, flags, 0)
        outputs = _Outputs()
        handle = byref(outputs, 8)
        if _adopt(mapped, index(fileno), outputs, handle):
            # The library does not take the file, or no descriptor is left. The cause of a loss is then unknown.
            raise_for(_adopt(mapped, -1, outputs, handle))
        at, self._handle = outputs
        self._lost = _counter_at(at)
        watch(self._handle, self)

    def _keep_guard(self) -> None:
        """Install the guard if it is not there, or put it back in front of a handler that has replaced it."""
        if not _guard_active() or not _raising.armed and _raising.is_main():
            _install.ensure()

    @uninterrupted
    def _unguard(self) -> None:
        handle, self._handle, self._lost = self._handle, 0, _NOTHING
        forget(handle)
        _end(handle)

    def _known(self) -> int:
        """Return the library's handle. Anonymous memory gets one at the first call."""
        handle = self._handle
        if not handle:
            if self.closed:
                raise ValueError(CLOSED)
            self._guard(-1)
            handle = self._handle
        if not handle:
            raise TypeError("this operation needs a mapping with PROT_READ")
        return handle

    @uninterrupted
    def close(self) -> None:
        """Unmap the memory, without flushing.

        Raises:
            BufferError: A buffer is exported. The mapping stays open.
        """
        if not self._handle:
            return _close(self)
        try:
            _resize(self, -1)  # It checks for exported buffers before it refuses the negative length.
        except (ValueError, TypeError):
            pass
        except BufferError:
            return _close(self)  # It raises BufferError with the standard message.
        # The guard ends before the memory is unmapped: afterwards the addresses may be reused.
        forget(self._handle)
        _end(self._handle)
        self._handle, self._lost = 0, _NOTHING
        try:
            _close(self)
        except BufferError:  # Another thread exported a buffer since the check.
            self._guard(-1)
            raise

    @uninterrupted
    def __exit__(self, *exception: object) -> None:
        try:
            self.close()
        except BufferError:  # The frames of a FaultError may keep buffers exported. The mapping is closed with the last.
            if len(exception) < 2 or not isinstance(exception[1], FaultError):
                raise

    @uninterrupted
    def __del__(self) -> None:
        try:
            handle = self._handle
        except AttributeError:
            return  # The constructor failed before it set a handle.
        if handle:
            forget(handle)
            _end(handle)

    def _check(self, offset: int, length: int) -> None:
        """Raise FaultError if a byte of the range is lost."""
        raise_for(_library.check(self._handle, offset, length), self._handle)

    def _part(self, offset: int, size: Optional[int]) -> Tuple[int, int]:
        """Return offset and length of a range after checking them. ``size`` None extends it to the end."""
        all = len(self)
        length = all - offset if size is None else index(size)
        if self.closed:  # An __index__ method closed it.
            raise ValueError(CLOSED)
        if not 0 <= offset <= all or not 0 <= length <= all - offset:
            raise ValueError(f"offset and size must lie within the {all} bytes of the mapping")
        return offset, length

    @property
    def fault(self) -> Optional[FaultError]:
        """A FaultError that describes what was lost so far, or None if nothing was."""
        return fault_of(self._handle) if self._lost else None

    def check(self, offset: int = 0, size: Optional[int] = None) -> None:
        """Check that no byte of a range is lost. Call it after reading the bytes through a buffer.

        Args:
            offset: The first byte of the range.
            size: The length of the range; None extends it to the end of the mapping.

        Raises:
            FaultError: A byte of the range is lost.
        """
        first, length = self._part(offset, size)
        self._keep_guard()
        if self._lost:
            self._check(first, length)

    def _uncover(self, fault: FaultError) -> None:
        try:
            with memoryview(self):  # An exported buffer prevents unmapping.
                uncover(self._handle, _address(self), self._how, fault)
        except ValueError:
            pass  # Another thread has closed it.


def _untracked(cls: Type[_Map], fileno: int, *how: int) -> _Map:
    """Make a mapping that keeps no descriptor, as ``trackfd=False`` does since 3.13."""
    if sys.version_info >= (3, 13):
        return _new(cls, fileno, *how, trackfd=False)
    length, flags, prot, access, offset = how
    tried = _base(fileno, length, flags, prot, access, offset)  # It validates the arguments.
    if fileno == -1 or flags & MAP_ANONYMOUS:
        return _new(cls, fileno, *how)
    # Map anonymous memory of the same length, then the file at its address.
    self = _new(cls, -1, len(tried), flags, prot, access, offset)
    tried.close()
    if access:
        prot, flags = _ACCESSES[access]
    _system.map_over(_library.address(self), len(self), prot, flags, fileno, offset)
    return self
