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
from ._errors import Causes as Causes
from ._errors import FaultError as FaultError
from ._guard import Guard as Guard
from ._guard import guard as guard
from ._map import mmap as mmap

error = OSError
"""The standard module's name for it."""

mmap.__module__ = FaultError.__module__ = Causes.__module__ = Guard.__module__ = "memmap"
