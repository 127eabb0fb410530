"""Memory-mapped files that survive what takes their pages away: the ``mmap`` module over libmemmap.

``import memmap as mmap`` is the only change. ``memmap.mmap`` is the standard class with all of its methods and
constants, those of Python 3.13 and 3.15 on every version from 3.9 on, and what it can't do: a file that somebody
truncates raises FaultError instead of ending the process.

What to know first:

* The first mapping installs a handler of SIGBUS (MEMMAP_GUARD=off in the environment leaves it out). A later
  ``faulthandler.enable()`` would take its place: call that before.
* What others read through a buffer (memoryview, numpy) meets zeros where bytes are lost, and ``check`` tells.
* ``close`` flushes nothing.
"""

# The classes come after the constants, among which the standard module's own class is.
from ._constants import *
from ._cell import Cell as Cell
from ._errors import Causes as Causes
from ._errors import FaultError as FaultError
from ._guard import Guard as Guard
from ._guard import guard as guard
from ._lock import RangeLock as RangeLock
from ._map import mmap as mmap
from ._seals import Seals as Seals
from ._shared import memfd as memfd
from ._shared import shared_memory as shared_memory
from ._shared import unlink_shared_memory as unlink_shared_memory

error = OSError
"""The standard module's name for it."""

for _public in (Causes, Cell, FaultError, Guard, RangeLock, Seals, mmap):
    _public.__module__ = __name__  # Where they are imported from, for their users and for pickle.
