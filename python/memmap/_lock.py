"""Locks of byte ranges of a mapped file."""

import time
from typing import TYPE_CHECKING, Optional

from . import _library
from ._errors import raise_for
from ._raising import uninterrupted

if TYPE_CHECKING:
    from ._guarded import Guarded

SHARED, EXCLUSIVE = 0, 1
_TIMEOUT = -9
# The longest wait in seconds before Python checks for signals such as that of Ctrl-C.
_TURN = 0.25


class RangeLock:
    """A lock of a range, held from ``acquire`` to ``release`` or during a ``with`` block.

    The lock is advisory. It excludes other processes, other threads, and other mappings of the same file that lock
    the range too. Closing the mapping releases it, and so does the end of the process. A child of fork does not
    inherit it.
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
        """Whether this object holds the lock."""
        return bool(self._handle)

    @uninterrupted
    def acquire(self) -> None:
        """Lock the range, waiting for it if need be.

        Raises:
            TimeoutError: The timeout has passed.
            ValueError: This object holds the lock already.
        """
        if self._handle:
            raise ValueError("the range is locked already; release it first")
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

    @uninterrupted
    def release(self) -> None:
        """Unlock the range.

        Raises:
            ValueError: This object does not hold the lock.
        """
        handle, self._handle = self._handle, 0
        if not handle:
            raise ValueError("the range is not locked; acquire it first")
        self._mapping._locks -= 1
        if handle == self._mapping._handle:  # Otherwise closing the mapping has released the lock.
            raise_for(_library.unlock(handle, *self._range), handle)

    @uninterrupted
    def __enter__(self) -> "RangeLock":
        self.acquire()
        return self

    @uninterrupted
    def __exit__(self, *exception: object) -> None:
        self.release()
