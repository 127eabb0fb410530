"""Memory that the standard module has mapped, under the guard of libmemmap.

It is a subclass of ``mmap.mmap``, so whatever asks for one takes it, and the standard module's C code gives it the
buffer protocol, which no class in pure Python can have before Python 3.12. That code maps the memory;
libmemmap is told what was mapped (memmap_adopt) and survives the loss of its pages.
"""

import mmap as _standard
import sys
from ctypes import byref, c_uint32, c_uint64
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE
from operator import index
from typing import Optional, Tuple, Type, TypeVar

from . import _install, _library, _system
from ._errors import CLOSED, FaultError, fault_of, raise_for

_base = _standard.mmap
# Looked up once: super() costs more than the call itself.
_new, _close, _resize = _base.__new__, _base.close, _base.resize
_adopt, _end, _address = _library.adopt, _library.close, _library.address_of_map
_mapped, _MAPPED_SIZE = _library.mapped.pack, _library.mapped.size
_counter_at = c_uint32.from_address

_BOTH = PROT_READ | PROT_WRITE
_MAP_TYPE = 0x0F
# What the accesses mean; ACCESS_DEFAULT is what flags and prot say.
_ACCESSES = {
    _standard.ACCESS_READ: (PROT_READ, MAP_SHARED),
    _standard.ACCESS_WRITE: (_BOTH, MAP_SHARED),
    _standard.ACCESS_COPY: (_BOTH, MAP_PRIVATE),
}

# Of memmap_adopt: the address of the count of faults, and the handle.
_Outputs = c_uint64 * 2
# The count of faults of what isn't guarded: 0, and thereby false.
_NOTHING = c_uint32(0)

_Map = TypeVar("_Map", bound="Guarded")


def private(flags: int) -> bool:
    """Whether what is written to memory mapped so reaches nobody else: MAP_SHARED_VALIDATE has MAP_PRIVATE's bit."""
    return flags & _MAP_TYPE == MAP_PRIVATE


class Guarded(_base):
    """What is mapped: made, taken under the guard, and closed."""

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

    def _check(self, offset: int, length: int) -> None:
        """Refuses bytes of which one is lost."""
        raise_for(_library.check(self._handle, offset, length), self._handle)

    def _part(self, offset: int, size: Optional[int]) -> Tuple[int, int]:
        """Checks a range; ``size`` None is to the end."""
        all = len(self)
        length = all - offset if size is None else index(size)
        if self.closed:  # By an __index__.
            raise ValueError(CLOSED)
        if not 0 <= offset <= all or not 0 <= length <= all - offset:
            raise ValueError("flush values out of range")
        return offset, length

    @property
    def fault(self) -> Optional[FaultError]:
        """What was lost of the mapping up to now, None when nothing was."""
        return fault_of(self._handle) if self._lost else None

    def check(self, offset: int = 0, size: Optional[int] = None) -> None:
        """Raises FaultError if one of these bytes is lost: for who has read them through a buffer."""
        self._check(*self._part(offset, size)) if self._lost else self._part(offset, size)


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
