"""Cells: one writer's newest value for any number of readers."""

from ctypes import byref, c_uint64, create_string_buffer, string_at
from typing import Any, Optional, Tuple

from . import _library
from ._errors import raise_for
from ._map import mmap

_RANGE = -3
# What is taken for a value whose length isn't known.
_FIRST_ROOM = 4096


class Cell:
    """The newest value that one writer has published, for readers in any process.

    A reader never gets a torn value and nobody waits: a writer that dies in the middle leaves the last whole
    value. ``Cell(mapping, offset, capacity=n)`` makes it for values of up to ``n`` bytes, or takes the one that is
    there; ``Cell(mapping, offset)`` takes one that is there. It needs ``Cell.size(n)`` bytes from ``offset`` on, a
    multiple of 8. ValueError when no cell begins there.

    Who may write to the memory says what the capacity of a cell is that was there, and how long its value is. ``read``
    takes memory for what it finds and for no value of more than ``limit`` bytes: ValueError. With ``capacity`` it is
    that instead.

    There is one writer at a time; a lock of the range keeps several apart. Publishing flushes nothing.
    """

    def __init__(
        self,
        mapping: mmap,
        offset: int = 0,
        *,
        capacity: Optional[int] = None,
        limit: int = 64 << 20,
    ) -> None:
        if offset < 0 or limit < 0 or (capacity is not None and capacity < 0):
            raise ValueError("offset, capacity and limit are not negative")
        self._mapping, self._offset = mapping, offset
        self._allowed = limit if capacity is None else capacity
        if capacity is not None:
            handle = mapping._known()
            raise_for(_library.cell_create(handle, offset, capacity), handle)
        self.capacity, _ = self._look()

    @staticmethod
    def size(capacity: int) -> int:
        """How many bytes of a mapping a cell takes for values of up to ``capacity`` bytes."""
        if capacity < 0:
            raise ValueError("capacity is not negative")
        size = c_uint64()
        raise_for(_library.cell_size(capacity, byref(size)))
        return size.value

    def _look(self) -> Tuple[int, int]:
        handle, capacity, sequence = self._mapping._known(), c_uint64(), c_uint64()
        status = _library.cell_look(handle, self._offset, byref(capacity), byref(sequence))
        raise_for(status, handle)
        return capacity.value, sequence.value

    @property
    def sequence(self) -> int:
        """Which value is the newest: 1 for the first, 0 before it."""
        return self._look()[1]

    def publish(self, value: Any) -> None:
        """Makes bytes the newest value. ValueError for more than the capacity."""
        data = bytes(memoryview(value))
        handle = self._mapping._known()
        raise_for(_library.cell_publish(handle, self._offset, data, len(data)), handle)

    def read(self) -> Optional[bytes]:
        """The newest value, None when there is none yet. BufferError if the writer is too fast for this reader."""
        most = min(self.capacity, self._allowed)
        room = min(most, _FIRST_ROOM)
        while True:
            handle, length, sequence = self._mapping._known(), c_uint64(), c_uint64()
            value = create_string_buffer(room)
            outputs = byref(length), byref(sequence)
            status = _library.cell_read(handle, self._offset, value, room, *outputs)
            if status != _RANGE or room >= most:
                break
            room = min(2 * room, most)
        if status == _RANGE and most < self.capacity:
            raise ValueError(f"the value is longer than {most} bytes, the limit that was given")
        raise_for(status, handle)
        return string_at(value, length.value) if sequence.value else None
