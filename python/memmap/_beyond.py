"""What the standard module doesn't have: recovering, paging and sharing."""

import mmap as _standard
from ctypes import byref, c_int, c_uint8, c_uint32, c_uint64
from mmap import PROT_READ, PROT_WRITE
from typing import Optional

from . import _library
from ._errors import raise_for
from ._guarded import Guarded
from ._lock import EXCLUSIVE, SHARED, RangeLock
from ._seals import Seals


class Beyond(Guarded):
    """What a mapping can beside what the standard module's can."""

    __slots__ = ()

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
        return RangeLock(self, *self._part(offset, size), EXCLUSIVE, timeout)

    def lock_shared(
        self, offset: int = 0, size: Optional[int] = None, *, timeout: Optional[float] = None
    ) -> RangeLock:
        """The same, shared with others who lock it shared: for readers."""
        return RangeLock(self, *self._part(offset, size), SHARED, timeout)
