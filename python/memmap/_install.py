"""Installation of the guard at the first mapping."""

from . import _library
from ._environment import variable
from ._errors import raise_for

pending = True


def wanted() -> bool:
    """Return whether the environment allows the guard."""
    return variable("MEMMAP_GUARD") != "off"


def install_guard() -> None:
    """Install the guard in this process, unless MEMMAP_GUARD=off forbids it."""
    global pending
    if pending and wanted():
        raise_for(_library.guard_install())
    pending = False
