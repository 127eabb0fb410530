"""Cells, which publish one writer's newest value to any number of readers."""

from ctypes import byref, c_uint64, create_string_buffer, string_at
from typing import Any, Optional, Tuple

from . import _library
from ._errors import raise_for
from ._map import mmap

_RANGE = -3
# The bytes that a first read allocates: the length of the value is not known before.
_FIRST_ROOM = 4096


class Cell:
    """The newest value that one writer has published, for readers in any process.

    A read returns a whole value and does not wait for the writer. A writer that dies during ``publish`` leaves the
    value before it. A cell has one writer at a time; several writers exclude each other with a lock of the range.
    ``publish`` does not flush.

    Args:
        mapping: The mapping that holds the cell.
        offset: Where the cell begins, a multiple of 8. It takes ``Cell.size(capacity)`` bytes.
        capacity: The length of the longest value. The cell is created if there is none. None opens a cell that
            exists.
        limit: The longest value that ``read`` allocates memory for, if ``capacity`` is None. The capacity stored in
            an existing cell is not trusted: other processes may have written it.

    Attributes:
        capacity: The length in bytes of the longest value.

    Raises:
        ValueError: No cell begins at ``offset``.
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
            raise ValueError("offset, capacity and limit must not be negative")
        self._mapping, self._offset = mapping, offset
        self._allowed = limit if capacity is None else capacity
        if capacity is not None:
            handle = mapping._known()
            raise_for(_library.cell_create(handle, offset, capacity), handle)
        self.capacity, _ = self._look()

    @staticmethod
    def size(capacity: int) -> int:
        """Return how many bytes of a mapping a cell takes for values of up to ``capacity`` bytes."""
        if capacity < 0:
            raise ValueError("capacity must not be negative")
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
        """The number of values published so far."""
        return self._look()[1]

    def publish(self, value: Any) -> None:
        """Publish a value.

        Args:
            value: An object with a buffer.

        Raises:
            ValueError: The value is longer than the capacity.
        """
        data = bytes(memoryview(value))
        handle = self._mapping._known()
        raise_for(_library.cell_publish(handle, self._offset, data, len(data)), handle)

    def read(self) -> Optional[bytes]:
        """Read the newest value.

        Returns:
            The value, or None if nothing was published yet.

        Raises:
            BufferError: The writer replaced the value during each attempt to read it.
            ValueError: The value is longer than ``limit``.
        """
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
            raise ValueError(f"the value is longer than {most} bytes; pass a larger limit")
        raise_for(status, handle)
        return string_at(value, length.value) if sequence.value else None
