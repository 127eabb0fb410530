"""Locks of ranges of a mapping's file."""

import time
from typing import TYPE_CHECKING, Optional

from . import _library
from ._errors import raise_for

if TYPE_CHECKING:
    from ._guarded import Guarded

SHARED, EXCLUSIVE = 0, 1
_TIMEOUT = -9
# How many seconds a wait lasts before Python looks whether a signal has come, such as that of Ctrl-C.
_TURN = 0.25


class RangeLock:
    """A range that is locked from ``acquire``, or the beginning of a ``with`` block, to ``release`` or its end.

    It is advice between those who lock: other processes, other threads of this one, and other mappings of the
    file. Closing the mapping gives it back, and the system does when the process dies. A child of fork has
    none of its parent's locks.
    """

    def __init__(
        self, mapping: "Guarded", offset: int, size: int, mode: int, timeout: Optional[float]
    ) -> None:
        if timeout is not None and timeout < 0:
            raise ValueError("timeout must not be negative")
        self._mapping, self._range, self._mode, self._timeout = mapping, (offset, size), mode, timeout
        self._handle = 0

    @property
    def locked(self) -> bool:
        """Whether this object has the range."""
        return bool(self._handle)

    def acquire(self) -> None:
        """Waits for the range and locks it. TimeoutError when the time has passed."""
        if self._handle:
            raise ValueError("this range is locked by this object already")
        handle = self._mapping._known()
        self._wait(handle)
        self._handle = handle
        self._mapping._locks = getattr(self._mapping, "_locks", 0) + 1

    def _wait(self, handle: int) -> None:
        end = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            left = _TURN if end is None else max(min(end - time.monotonic(), _TURN), 0)
            status = _library.lock(handle, *self._range, self._mode, int(left * 1000))
            if status != _TIMEOUT or (end is not None and time.monotonic() >= end):
                return raise_for(status, handle)

    def release(self) -> None:
        """Gives the range back."""
        handle, self._handle = self._handle, 0
        if not handle:
            raise ValueError("this range is not locked by this object")
        self._mapping._locks -= 1
        if handle == self._mapping._handle:  # Else it was closed, which has given the range back.
            raise_for(_library.unlock(handle, *self._range), handle)

    def __enter__(self) -> "RangeLock":
        self.acquire()
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()
