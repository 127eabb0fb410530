"""Seals of memory that processes share by a descriptor."""

import enum


class Seals(enum.IntFlag):
    """Operations that are forbidden for a memfd (F_ADD_SEALS in fcntl(2))."""

    SEAL = 1
    """Adding seals."""
    SHRINK = 2
    """Making the file shorter, so no mapping loses pages. A hole that is punched still reads as zeros without a fault."""
    GROW = 4
    """Making the file longer. It may still allocate memory up to its length, where holes are read or written."""
    WRITE = 8
    """Writing and punching holes. It cannot be added while a writable mapping exists."""
    FUTURE_WRITE = 16
    """Writing, except through mappings that exist when it is added, and punching holes."""
