"""Installing the guard, at first use."""

import os

from . import _library
from ._errors import raise_for

_pending = True


def install_guard() -> None:
    """Makes this process survive lost pages, unless MEMMAP_GUARD=off is in the environment."""
    global _pending
    if _pending:
        if os.environ.get("MEMMAP_GUARD") != "off":
            raise_for(_library.guard_install())
        _pending = False
