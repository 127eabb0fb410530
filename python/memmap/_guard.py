"""The guard for mappings that other modules have made."""

import os
import stat
from ctypes import byref, c_uint32, c_uint64
from typing import Any, Optional, Type, TypeVar

from . import _library, _raising
from ._errors import CLOSED, FaultError, fault_of, raise_for
from ._install import OFF, ensure, wanted
from ._raising import uninterrupted
from ._uncover import how_mapped, uncover

_INVALID = -1

_Guard = TypeVar("_Guard", bound="Guard")


class Guard:
    """The guard of an object's memory, from :func:`guard` to ``close`` or the end of a ``with`` block."""

    _told: int

    @uninterrupted
    def __init__(self, memory: memoryview, descriptor: int) -> None:
        # The exported buffer prevents unmapping while the guard is open.
        self._memory = memory
        ensure()
        handle, counter = c_uint64(), c_uint64()
        self._address = _library.address(memory)
        # It takes the file's descriptor to map the file again.
        self._how = how_mapped(self._address) if descriptor >= 0 else None
        status = _library.guard_region(self._address, memory.nbytes, descriptor, byref(handle))
        if status:
            memory.release()
        if status == _INVALID:
            raise ValueError("the buffer must be in one mapping of one file; pass that file or none")
        raise_for(status)
        self._handle = handle.value
        raise_for(_library.fault_counter(handle, byref(counter)))
        self._lost = c_uint32.from_address(counter.value)
        _raising.watch(self._handle, self)

    @property
    def closed(self) -> bool:
        """Whether the guard is closed."""
        return not self._handle

    @property
    def fault(self) -> Optional[FaultError]:
        """A FaultError that describes what was lost so far, or None if nothing was."""
        return fault_of(self._known())

    def check(self, offset: int = 0, size: Optional[int] = None) -> None:
        """Check that no byte of a range is lost. Call it after reading the bytes.

        Args:
            offset: The first byte of the range.
            size: The length of the range; None extends it to the end of the object.

        Raises:
            FaultError: A byte of the range is lost.
        """
        length = _library.TO_END if size is None else size
        if offset < 0 or length < 0:
            raise ValueError("offset and size must not be negative")
        raise_for(_library.check(self._known(), offset, length), self._handle)

    def recover(self) -> None:
        """Map the file's pages back where they were lost.

        Raises:
            FaultError: The file is still shorter than the mapping.
        """
        handle = self._known()
        _raising.begin_again(handle, self)
        raise_for(_library.recover(handle), handle)

    def _uncover(self, fault: FaultError) -> None:
        """Map the file over the stand-in pages, so that the next access to them is a fault, and an error, again."""
        if self._how is not None:
            uncover(self._handle, self._address, self._how, fault)

    @uninterrupted
    def close(self) -> None:
        """End the guard. The object can be closed afterwards; its mapping is left as it is."""
        handle, self._handle = self._handle, 0
        if handle:
            _raising.forget(handle)
            raise_for(_library.close(handle))
            self._memory.release()

    def _known(self) -> int:
        if not self._handle:
            raise ValueError(CLOSED)
        return self._handle

    def __enter__(self: _Guard) -> _Guard:
        self._known()
        return self

    @uninterrupted
    def __exit__(self, type: Optional[Type[BaseException]], *rest: object) -> None:
        """Close the guard.

        Raises:
            FaultError: Something was lost, and the block raised no other exception.
        """
        lost = None if self.closed else self.fault
        if lost is not None:
            _raising.reported(self._handle, lost)
        self.close()
        if lost is not None and type is None:
            raise lost

    @uninterrupted
    def __del__(self) -> None:
        if getattr(self, "_handle", 0):
            self.close()


def guard(obj: Any, file: Any = None) -> Guard:
    """Guard memory that another module has mapped.

    Truncating the file then no longer ends the process. A read of lost bytes returns zeros, and ``check`` or the end
    of the ``with`` block raises FaultError::

        with memmap.guard(array):
            total = array.sum()

    Args:
        obj: An ``mmap.mmap``, a ``numpy.memmap``, or any object whose buffer lies in one mapping.
        file: The mapped file: a descriptor or an object with ``fileno()``, open for the access of the mapping. With
            it ``recover`` works and causes are known. For a ``numpy.memmap`` it is not needed.

    Returns:
        The guard. Until it is closed, closing the object raises BufferError.

    Raises:
        BufferError: The memory is guarded already, as that of every ``memmap.mmap`` is.
        RuntimeError: MEMMAP_GUARD=off is in the environment.
        ValueError: The buffer does not lie in one mapping of ``file``.
    """
    if not wanted():
        raise RuntimeError(OFF)
    if file is not None:
        return Guard(_bytes_of(obj), file if isinstance(file, int) else file.fileno())
    descriptor = _file_of(obj)
    if descriptor < 0:
        return Guard(_bytes_of(obj), -1)
    try:
        return Guard(_bytes_of(obj), descriptor)
    except (OSError, ValueError):
        # The name now refers to another file, or the file may not be opened with that access.
        return Guard(_bytes_of(obj), -1)
    finally:
        os.close(descriptor)


def _bytes_of(obj: Any) -> memoryview:
    view = memoryview(obj)
    return view.cast("B") if view.nbytes else view


def _file_of(obj: Any) -> int:
    """Open the file that a numpy.memmap names.

    Returns:
        A descriptor, or -1 if ``obj`` names no regular file that can be opened.
    """
    name = getattr(obj, "filename", None)
    if name is None:
        return -1
    writes = getattr(obj, "mode", "r") in ("r+", "w+")
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            return -1
        return os.open(name, os.O_RDWR if writes else os.O_RDONLY)
    except OSError:
        return -1
