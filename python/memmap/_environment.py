"""Environment variables, which privileged and isolated programs ignore."""

import ctypes
import os
import sys
from typing import Optional

_AT_SECURE = 23  # <linux/auxvec.h>


def _privileged() -> bool:
    """Return whether the kernel started this program with more rights than its parent has (AT_SECURE)."""
    getauxval = ctypes.CDLL(None).getauxval
    getauxval.argtypes = (ctypes.c_ulong,)
    getauxval.restype = ctypes.c_ulong
    return bool(getauxval(_AT_SECURE))


_HEEDED = not (sys.flags.ignore_environment or _privileged())


def variable(name: str) -> Optional[str]:
    """Return the value of an environment variable.

    Returns:
        The value. None if the variable is not set, if Python was started with ``-E`` or ``-I``, or if the program is
        privileged (secure_getenv(3)).
    """
    return os.environ.get(name) if _HEEDED else None
