"""Installing the guard, at first use."""

import os

from . import _library
from ._errors import raise_for

pending = True


def install_guard() -> None:
    """Makes this process survive lost pages, unless MEMMAP_GUARD=off is in the environment."""
    global pending
    if pending:
        if os.environ.get("MEMMAP_GUARD") != "off":
            raise_for(_library.guard_install())
        pending = False
