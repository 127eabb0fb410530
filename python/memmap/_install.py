"""Installing the guard, at first use."""

from . import _library
from ._environment import variable
from ._errors import raise_for

pending = True


def wanted() -> bool:
    """Whether this process is to have the guard."""
    return variable("MEMMAP_GUARD") != "off"


def install_guard() -> None:
    """Makes this process survive lost pages, unless it is to do without."""
    global pending
    if pending and wanted():
        raise_for(_library.guard_install())
    pending = False
