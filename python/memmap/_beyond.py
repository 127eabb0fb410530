"""Methods that the standard class does not have: recovery, paging and sharing."""

import mmap as _standard
from ctypes import byref, c_int, c_uint8, c_uint32, c_uint64
from mmap import PROT_READ, PROT_WRITE
from typing import Optional

from . import _library, _raising
from ._errors import raise_for
from ._guarded import Guarded
from ._lock import EXCLUSIVE, SHARED, RangeLock
from ._seals import Seals


class Beyond(Guarded):
    """A guarded mapping with the methods that the standard class lacks."""

    __slots__ = ()

    def recover(self) -> None:
        """Map the file's pages back where they were lost.

        It also forgets a flush that failed. What was written to lost bytes is discarded.

        Raises:
            FaultError: The file is still shorter than the mapping.
        """
        if self._handle or self.closed:
            handle = self._known()
            self._keep_guard()
            _raising.begin_again(handle, self)
            with memoryview(self):  # An exported buffer, here and below, prevents unmapping during the call.
                status = _library.recover(handle)
            raise_for(status, handle)

    def prefault(
        self, offset: int = 0, size: Optional[int] = None, *, prot: int = PROT_READ
    ) -> None:
        """Bring the pages of a range into memory, so that later accesses do not wait.

        Args:
            offset: The first byte of the range.
            size: The length of the range; None extends it to the end of the mapping.
            prot: PROT_READ prepares the pages for reading, PROT_WRITE for writing.

        Raises:
            FaultError: A page cannot be read.
        """
        first, length = self._part(offset, size)
        handle = self._known()
        self._keep_guard()
        with memoryview(self):
            status = _library.prefault(handle, first, length, 1 if prot & PROT_WRITE else 0)
        raise_for(status, handle)

    def residency(self, offset: int = 0, size: Optional[int] = None) -> bytes:
        """Report which pages of a range are in memory.

        Args:
            offset: The first byte of the range.
            size: The length of the range; None extends it to the end of the mapping.

        Returns:
            One byte for each page, 1 if the page is in memory and else 0. ``sum`` of it is the number of pages.
        """
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
        """Return a new descriptor of the mapped file, for another process to map.

        Args:
            access: ACCESS_READ returns a descriptor that only reads. By default it has the access of the mapping.

        Returns:
            The descriptor. The caller closes it with ``os.close``.
        """
        reads = access == _standard.ACCESS_READ
        function = _library.read_only_descriptor if reads else _library.descriptor
        handle, descriptor = self._known(), c_int()
        raise_for(function(handle, byref(descriptor)), handle)
        return descriptor.value

    @property
    def seals(self) -> Seals:
        """The seals of the mapped file."""
        handle, seals = self._known(), c_uint32()
        raise_for(_library.get_seals(handle, byref(seals)), handle)
        return Seals(seals.value)

    def seal(self, seals: int) -> None:
        """Add seals to a ``memfd``. They apply to every process and cannot be removed."""
        handle = self._known()
        raise_for(_library.seal(handle, seals), handle)

    def lock(
        self, offset: int = 0, size: Optional[int] = None, *, timeout: Optional[float] = None
    ) -> RangeLock:
        """Return an exclusive lock of a range, for use in a ``with`` statement.

        The lock excludes other processes and threads that lock the same bytes: ``with m.lock(0, 10):``.

        Args:
            offset: The first byte of the range.
            size: The length of the range; None extends it to the end of the mapping.
            timeout: How many seconds to wait; 0 does not wait, None waits without limit.

        Returns:
            A RangeLock that is not acquired yet. Acquiring it raises TimeoutError when the time has passed.
        """
        return RangeLock(self, *self._part(offset, size), EXCLUSIVE, timeout)

    def lock_shared(
        self, offset: int = 0, size: Optional[int] = None, *, timeout: Optional[float] = None
    ) -> RangeLock:
        """Return a shared lock of a range: ``lock`` for readers, which do not exclude each other."""
        return RangeLock(self, *self._part(offset, size), SHARED, timeout)
