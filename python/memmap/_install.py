"""Installation of the guard, at the first mapping and where another handler has replaced it since."""

import warnings

from . import _library, _raising
from ._environment import variable
from ._errors import raise_for


def wanted() -> bool:
    """Return whether the environment allows the guard."""
    return variable("MEMMAP_GUARD") != "off"


def guard_active() -> bool:
    """Return whether SIGBUS reaches the guard of this package first.

    It does not before the first mapping, with MEMMAP_GUARD=off, and after another handler was installed, such as by
    ``faulthandler.enable()`` or ``signal.signal(signal.SIGBUS, ...)``. Such a handler may still pass signals on to the
    guard.
    """
    return bool(_library.guard_active())


def install_guard() -> None:
    """Install the guard, or put it back in front of a handler that has replaced it.

    Each new mapping does so, and each ``flush``, ``check``, ``recover`` and search in a long mapping. Call it after
    ``faulthandler.enable()`` or ``signal.signal(signal.SIGBUS, ...)`` if none of these follows. The other handler keeps
    getting each SIGBUS that is not a loss of a mapping.

    Raises:
        OSError: The guard was put back too often (errno ENOMEM).
        RuntimeError: MEMMAP_GUARD=off is in the environment.
    """
    if not wanted():
        raise RuntimeError(OFF)
    _raising.arm()
    raise_for(_library.guard_install())


_LIMIT = -7
OFF = "the guard is off: remove MEMMAP_GUARD=off from the environment"


def ensure() -> None:
    """Do the same for a mapping, unless the environment forbids it. A guard that cannot be put back is a warning."""
    if not wanted():
        return
    _raising.arm()
    status = _library.guard_install()
    if status != _LIMIT:
        raise_for(status)
    elif not _library.guard_active():
        warnings.warn("the guard was replaced too often: a lost page may end the process", RuntimeWarning, 5)
