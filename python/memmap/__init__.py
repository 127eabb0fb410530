"""Memory-mapped files with the interface of ``mmap`` that survive the loss of their pages.

``import memmap as mmap`` is the only change that a program needs. ``memmap.mmap`` is a subclass of the standard
``mmap.mmap``. It has every method and constant of the standard class, and those of Python 3.13 and 3.15 on every
version from 3.9 on. Where the standard class ends the process by SIGBUS, because the file was truncated or its
device failed, it raises FaultError.

Notes:
    * The first mapping installs a handler of SIGBUS. ``MEMMAP_GUARD=off`` in the environment prevents that. Where
      ``faulthandler.enable()`` or ``signal.signal`` replaces it, the next mapping or ``install_guard`` puts it back.
    * C code that reads lost bytes through the buffer protocol (numpy, hashlib, re) raises FaultError too in the main
      thread. In other threads it reads zeros; ``check`` reports it. See ``raise_on_fault``.
    * ``close`` does not flush.
"""

# The constants come first: among them is the standard module's own class.
from ._constants import *
from ._cell import Cell as Cell
from ._errors import Causes as Causes
from ._errors import FaultError as FaultError
from ._guard import Guard as Guard
from ._guard import guard as guard
from ._install import guard_active as guard_active
from ._install import install_guard as install_guard
from ._lock import RangeLock as RangeLock
from ._map import mmap as mmap
from ._raising import raise_on_fault as raise_on_fault
from ._seals import Seals as Seals
from ._shared import memfd as memfd
from ._shared import shared_memory as shared_memory
from ._shared import unlink_shared_memory as unlink_shared_memory

error = OSError
"""Alias of OSError, as in the standard module."""

for _public in (Causes, Cell, FaultError, Guard, RangeLock, Seals, mmap):
    _public.__module__ = __name__  # Users and pickle see the public module.
