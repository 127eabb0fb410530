"""Seals of memory that is shared by a descriptor."""

import enum


class Seals(enum.IntFlag):
    """What nobody may do any more with a memfd (F_ADD_SEALS of fcntl(2))."""

    SEAL = 1
    """Add seals."""
    SHRINK = 2
    """Make it shorter: no page of a mapping can vanish."""
    GROW = 4
    """Make it longer."""
    WRITE = 8
    """Write, by whatever mapping; it takes that none is writable."""
    FUTURE_WRITE = 16
    """Write, but by the mappings that are there now."""
