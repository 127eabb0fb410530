"""Variables of the environment, for who is to be heeded."""

import ctypes
import os
import sys
from typing import Optional

_AT_SECURE = 23  # <linux/auxvec.h>


def _privileged() -> bool:
    """Whether the kernel gave this program other rights than who started it has: set-user-ID, file capabilities …"""
    getauxval = ctypes.CDLL(None).getauxval
    getauxval.argtypes = (ctypes.c_ulong,)
    getauxval.restype = ctypes.c_ulong
    return bool(getauxval(_AT_SECURE))


_HEEDED = not (sys.flags.ignore_environment or _privileged())


def variable(name: str) -> Optional[str]:
    """It, or None: where it isn't set, with ``-E`` or ``-I``, and in a privileged program (secure_getenv(3))."""
    return os.environ.get(name) if _HEEDED else None
