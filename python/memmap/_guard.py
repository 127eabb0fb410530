"""The guard for mappings that others have made."""

import os
import stat
from ctypes import byref, c_uint64
from typing import Any, Optional, Type, TypeVar

from . import _library
from ._errors import CLOSED, FaultError, fault_of, raise_for
from ._install import install_guard, wanted

_INVALID = -1

_Guard = TypeVar("_Guard", bound="Guard")


class Guard:
    """The guard over an object's memory, until it is closed; see :func:`guard`."""

    def __init__(self, memory: memoryview, descriptor: int) -> None:
        # Exported as long as the guard lives: nobody unmaps it meanwhile.
        self._memory = memory
        install_guard()
        handle = c_uint64()
        where = _library.address(memory)
        status = _library.guard_region(where, memory.nbytes, descriptor, byref(handle))
        if status:
            memory.release()
        if status == _INVALID:
            raise ValueError("this memory is not one file mapped in one way, or the file is another one")
        raise_for(status)
        self._handle = handle.value

    @property
    def closed(self) -> bool:
        """Whether the guarding has ended."""
        return not self._handle

    @property
    def fault(self) -> Optional[FaultError]:
        """What was lost up to now, None when nothing was."""
        return fault_of(self._known())

    def check(self, offset: int = 0, size: Optional[int] = None) -> None:
        """Raises FaultError if one of these bytes of the object is lost: ask after having read them."""
        length = _library.TO_END if size is None else size
        if offset < 0 or length < 0:
            raise ValueError("offset and size are not negative")
        raise_for(_library.check(self._known(), offset, length), self._handle)

    def recover(self) -> None:
        """Maps the file's pages back where they were lost. FaultError while the file is still too short."""
        raise_for(_library.recover(self._known()), self._handle)

    def close(self) -> None:
        """Ends the guarding, and lets the object be closed. The mapping stays as it is."""
        handle, self._handle = self._handle, 0
        if handle:
            raise_for(_library.close(handle))
            self._memory.release()

    def _known(self) -> int:
        if not self._handle:
            raise ValueError(CLOSED)
        return self._handle

    def __enter__(self: _Guard) -> _Guard:
        self._known()
        return self

    def __exit__(self, type: Optional[Type[BaseException]], *rest: object) -> None:
        """Closes; if anything was lost, and nothing else is being raised, that is raised."""
        lost = None if self.closed else self.fault
        self.close()
        if lost is not None and type is None:
            raise lost

    def __del__(self) -> None:
        if getattr(self, "_handle", 0):
            self.close()


def guard(obj: Any, file: Any = None) -> Guard:
    """Takes what somebody else has mapped under the guard: an ``mmap.mmap``, a ``numpy.memmap``, or any object
    whose buffer is all of one mapping or a part of it.

    Truncating its file doesn't end the process any more; reading what is lost gives zeros, and ``check`` or the
    end of the ``with`` block raises FaultError::

        with memmap.guard(array):
            total = array.sum()

    ``file``, a descriptor or an object with ``fileno()``, is the mapped file, opened for what the mapping is for;
    with it ``recover`` works and causes are known. A ``numpy.memmap`` knows its file itself. Until the guard is
    closed the object can't be: BufferError. A page is guarded once: BufferError for what is under guard already,
    as every ``memmap.mmap`` is. RuntimeError with MEMMAP_GUARD=off.
    """
    if not wanted():
        raise RuntimeError("the guard is off: MEMMAP_GUARD=off is in the environment")
    if file is not None:
        return Guard(_bytes_of(obj), file if isinstance(file, int) else file.fileno())
    descriptor = _file_of(obj)
    if descriptor < 0:
        return Guard(_bytes_of(obj), -1)
    try:
        return Guard(_bytes_of(obj), descriptor)
    except (OSError, ValueError):
        # The name is another file's by now, or may not be opened like that.
        return Guard(_bytes_of(obj), -1)
    finally:
        os.close(descriptor)


def _bytes_of(obj: Any) -> memoryview:
    view = memoryview(obj)
    return view.cast("B") if view.nbytes else view


def _file_of(obj: Any) -> int:
    """A descriptor of the file that a numpy.memmap names, -1 when there is none to be had."""
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
