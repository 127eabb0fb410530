"""FaultErrors raised in the main thread for losses that no method of this package can report.

C code that reads a mapping through a buffer (numpy, hashlib, re, struct) cannot raise where it meets a lost byte. The
guard's handler therefore calls PyErr_SetInterruptEx(SIGBUS) after each loss. The interpreter then calls the Python-level
handler of SIGBUS, which is `_on_signal`, in the main thread where it next looks for signals: after the call of the C
function, before its result is used. `_on_signal` raises FaultError.

signal.signal would also install the interpreter's own C handler in place of the guard's. That handler returns, and the
instruction that faulted would fault again, without end. So only the entry in the interpreter's table is kept, and the
action of the signal is put back as it was.
"""

import atexit
import ctypes
import os
import signal
import sys
import threading
from _thread import get_ident, start_new_thread
from ctypes import c_uint32, c_void_p, pythonapi
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Protocol, Set, Tuple, TypeVar, cast
from weakref import ref

from . import _library, _system
from ._environment import variable

if TYPE_CHECKING:
    from ._errors import FaultError

_Function = TypeVar("_Function", bound=Callable[..., Any])

_SIGBUS = signal.SIGBUS


class Watched(Protocol):
    """A mapping, or a guard of one, whose losses are raised."""

    # The library's count of faults.
    _lost: c_uint32
    # The count that was last reported to the main thread. If another thread made the mapping, its complement: nothing is
    # reported then.
    _told: int

    @property
    def fault(self) -> "Optional[FaultError]": ...

    def _uncover(self, fault: "FaultError") -> None:
        """Put the file's pages back over the stand-in pages if possible, so that the next access is a fault again."""


# By handle. An entry goes with its mapping.
_watched: Dict[int, "ref[Watched]"] = {}

_enabled = variable("MEMMAP_RAISE") != "off"
_main = threading.main_thread().ident
# Whether `arm` has run in the main thread.
armed = False
# The library's counts of losses in this process and in the main thread when they were last looked at.
_survived = _met = 0
# By handle, the range that was last reported to the main thread.
_ranges: Dict[int, Tuple[int, int]] = {}
# The Python-level handlers that this one replaced, the newest last.
_replaced: List[Any] = []
_depth = 0
# The action of SIGBUS that was found at first, and the address of the interpreter's own C handler.
_found: Optional[_system.Action] = None
_interpreters: int = 0
# Has the interpreter call the Python-level handler of a signal.
_SetInterrupt = ctypes.PYFUNCTYPE(None, ctypes.c_int)
_interrupt = _SetInterrupt(("PyErr_SetInterruptEx", pythonapi)) if sys.version_info >= (3, 10) else _SetInterrupt()


# The code of functions that a loss must not interrupt, as they would leave something half done.
_uninterrupted: Set[CodeType] = set()


def uninterrupted(function: _Function) -> _Function:
    """Decorate a function that runs to its end: a loss is raised where its caller goes on."""
    _uninterrupted.add(function.__code__)
    return function


def _is_uninterrupted(frame: Optional[FrameType]) -> bool:
    """Return whether such a function is running, or one whose exceptions the interpreter ignores."""
    while frame is not None:
        code = frame.f_code
        if code in _uninterrupted or code.co_name == "__del__" or frame.f_globals.get("__name__") in _WEAK:
            return True
        frame = frame.f_back
    return False


# Modules of the standard library with functions that are called when an object goes.
_WEAK = ("weakref", "_weakrefset")


def _begin_child() -> None:
    global _main
    _main = get_ident()
    if armed and _enabled:
        _library.guard_notify(_interrupt, _SIGBUS)  # This thread may not be the parent's main thread.


os.register_at_fork(after_in_child=_begin_child)


def watch(handle: int, watched: Watched) -> None:
    """Raise the losses of a mapping from now on, in the main thread if that made it."""
    watched._told = 0 if get_ident() == _main else ~0
    _watched[handle] = ref(watched)


def begin_again(handle: int, watched: Watched) -> None:
    """Note that a mapping is to be recovered, after which its count begins at 0."""
    watched._told = 0 if watched._told >= 0 else ~0
    _ranges.pop(handle, None)


def forget(handle: int) -> None:
    """End what ``watch`` began."""
    _watched.pop(handle, None)
    _ranges.pop(handle, None)


@uninterrupted
def reported(handle: int, fault: "FaultError") -> None:
    """Note that a method raises FaultError in this thread, so that the signal of the loss does not raise it again."""
    global _met
    reference = _watched.get(handle)
    watched = reference() if reference else None
    if watched is not None:
        if get_ident() == _main:
            _, _met = _library.losses()
            _note_told(handle, watched, watched._lost.value, fault)
        watched._uncover(fault)


def _note_told(handle: int, watched: Watched, count: int, fault: "FaultError") -> None:
    watched._told = count if watched._told >= 0 else ~count
    _ranges[handle] = (fault.offset, fault.length)


@uninterrupted
def _raise_new() -> bool:
    """Raise FaultError if a loss was not reported to the main thread; return whether there was any since the last call.

    It is raised if the main thread has met the loss; and once for the range, if another thread has met it and the main thread
    has made the mapping, as it may have read the zeros then.
    """
    global _survived, _met
    survived, met = _library.losses()
    any, own = survived != _survived, met != _met
    _survived, _met = survived, met
    error: "Optional[FaultError]" = None
    for handle, reference in list(_watched.items()):
        watched = reference()
        if watched is not None and watched._lost:
            count = watched._lost.value
            any = any or watched._told not in (count, ~count)
            fault = _look(handle, watched, count, own)
            if fault is not None:
                fault.__cause__ = error  # One error is raised for the losses of several mappings.
                error = fault
    if error is not None and _enabled:
        raise error
    return any


def _look(handle: int, watched: Watched, count: int, own: bool) -> "Optional[FaultError]":
    """Return the error to raise for a mapping that has lost bytes, if any, and take its stand-in pages away."""
    try:
        fault = watched.fault
    except ValueError:
        return None  # Another thread has closed it.
    if fault is None:
        return None  # Another thread has recovered it.
    error = None
    if watched._told not in (count, ~count):
        if own or watched._told >= 0 and _ranges.get(handle) != (fault.offset, fault.length):
            error = fault
        _note_told(handle, watched, count, fault)
    watched._uncover(fault)
    return error


def _on_signal(number: int, frame: Optional[FrameType]) -> None:
    """The Python-level handler of SIGBUS."""
    if _is_uninterrupted(frame):
        # It is to be called again. A pending call is made where the interpreter looks for signals next, which is the end of the
        # call here. In 3.9, and where this function was interrupted, that would call it from itself without end.
        if sys.version_info >= (3, 10) and frame is not None and frame.f_code is not _on_signal.__code__:
            pythonapi.Py_AddPendingCall(_interrupt, _SIGBUS)
        else:
            start_new_thread(_interrupt, (_SIGBUS,))
    elif not _raise_new():
        _call_replaced(number, frame)


def _call_replaced(number: int, frame: Optional[FrameType]) -> None:
    """Call the handler that this one replaced. If it calls this one in turn, call the one that came before it."""
    global _depth
    handler = _replaced[-1 - _depth] if _depth < len(_replaced) else None
    if callable(handler):
        _depth += 1
        try:
            handler(number, frame)
        finally:
            _depth -= 1


def arm() -> None:
    """Make ``_on_signal`` the Python-level handler, if this is the main thread, and leave the action of SIGBUS as it is."""
    global armed, _found, _interpreters, _interrupt, _survived, _met
    if get_ident() != _main:
        return
    armed = True
    if not _enabled:
        return
    action = _system.action_of(_SIGBUS)
    handler = signal.getsignal(_SIGBUS)
    if handler is not _on_signal:
        try:
            signal.signal(_SIGBUS, _on_signal)
        except ValueError:
            return  # Another interpreter has the signals.
        _interpreters = _system.action_of(_SIGBUS).handler
        _system.set_action(_SIGBUS, action)
        if handler in _replaced:
            del _replaced[_replaced.index(handler):]
        _replaced.append(handler)
        _found = _found or action
    elif action.handler == _interpreters and _found is not None:
        # The program had replaced this handler and has put it back. The interpreter's C handler, which came with it, loops.
        del _replaced[1:]
        _system.set_action(_SIGBUS, _found)
    _survived, _met = _library.losses()
    if sys.version_info < (3, 10):
        # The interpreter's own handler takes a signal's number too, and does nothing but what PyErr_SetInterruptEx does.
        _interrupt = _SetInterrupt(_interpreters)
    _library.guard_notify(_interrupt, _SIGBUS)


def is_main() -> bool:
    """Return whether this is the main thread."""
    return get_ident() == _main


def raise_on_fault(enabled: bool) -> None:
    """Turn raising FaultError in the main thread on or off.

    It is on by default; MEMMAP_RAISE=off in the environment turns it off. While it is off, methods still raise
    FaultError for the bytes that they read or write, and ``check`` for bytes that were read through a buffer.

    Args:
        enabled: Whether a loss raises FaultError in the main thread where it is met. A loss that was met while it was off
            is not raised later.

    Raises:
        ValueError: This is not the main thread.
    """
    global _enabled
    if get_ident() != _main:
        raise ValueError("raise_on_fault only works in the main thread")
    if enabled and not _enabled:
        for reference in list(_watched.values()):
            watched = reference()
            if watched is not None and watched._told >= 0:
                watched._told = watched._lost.value
    _enabled = bool(enabled)
    if enabled:
        if _library.guard_active():
            arm()
    else:
        _library.guard_notify(None, 0)


@atexit.register
def _disarm() -> None:
    """Leave the table as it was found: the interpreter sets SIGBUS to SIG_DFL when it ends if a handler is there."""
    _library.guard_notify(None, 0)
    if _replaced and signal.getsignal(_SIGBUS) is _on_signal:
        action = _system.action_of(_SIGBUS)
        try:
            signal.signal(_SIGBUS, signal.SIG_DFL if _replaced[-1] is None else _replaced[-1])
        except ValueError:
            return
        _system.set_action(_SIGBUS, action)
