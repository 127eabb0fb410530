# For type checkers. At run time the constants are those of the standard module and of the running kernel.
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

ACCESS_COPY: int
ACCESS_DEFAULT: int
ACCESS_READ: int
ACCESS_WRITE: int
ALLOCATIONGRANULARITY: int
MADV_COLD: int
MADV_COLLAPSE: int
MADV_DODUMP: int
MADV_DOFORK: int
MADV_DONTDUMP: int
MADV_DONTFORK: int
MADV_DONTNEED: int
MADV_DONTNEED_LOCKED: int
MADV_FREE: int
MADV_GUARD_INSTALL: int
MADV_GUARD_REMOVE: int
MADV_HUGEPAGE: int
MADV_HWPOISON: int
MADV_KEEPONFORK: int
MADV_MERGEABLE: int
MADV_NOHUGEPAGE: int
MADV_NORMAL: int
MADV_PAGEOUT: int
MADV_POPULATE_READ: int
MADV_POPULATE_WRITE: int
MADV_RANDOM: int
MADV_REMOVE: int
MADV_SEQUENTIAL: int
MADV_UNMERGEABLE: int
MADV_WILLNEED: int
MADV_WIPEONFORK: int
MAP_ANON: int
MAP_ANONYMOUS: int
MAP_DENYWRITE: int
MAP_EXECUTABLE: int
MAP_NORESERVE: int
MAP_POPULATE: int
MAP_PRIVATE: int
MAP_SHARED: int
MAP_STACK: int
MS_ASYNC: int
MS_INVALIDATE: int
MS_SYNC: int
PAGESIZE: int
PROT_EXEC: int
PROT_READ: int
PROT_WRITE: int
