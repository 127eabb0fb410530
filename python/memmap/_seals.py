"""Seals of memory that is shared by a descriptor."""

import enum


class Seals(enum.IntFlag):
    """What nobody may do any more with a memfd (F_ADD_SEALS of fcntl(2))."""

    SEAL = 1
    """Add seals."""
    SHRINK = 2
    """Make it shorter: nobody can cut it under a mapping. A hole that is punched reads as zeros, and nothing tells of it."""
    GROW = 4
    """Make it longer. It may take more memory all the same, up to its length, where holes are read or written."""
    WRITE = 8
    """Write, by whatever mapping, or punch holes; it takes that none is writable."""
    FUTURE_WRITE = 16
    """Write, but by the mappings that are there now, or punch holes."""
