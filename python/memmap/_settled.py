"""Conversion of arguments to int before the standard module sees them.

Before Python 3.11.4 its C code checks that the mapping is open, then calls ``__index__`` of an argument, and then
uses the memory. An ``__index__`` that closes the mapping crashes the interpreter (gh-103987). With the call made
first, such a use raises ValueError like every use after close.
"""

import sys
from operator import index
from typing import Any, Callable, TypeVar, cast

_Method = TypeVar("_Method", bound=Callable[..., Any])

NEEDED = sys.version_info < (3, 11, 4)


def _number(value: Any) -> Any:
    if value is None or type(value) is int or not hasattr(type(value), "__index__"):
        return value
    return index(value)


def _key(key: Any) -> Any:
    if type(key) is not slice:
        return _number(key)
    start, stop, step = key.start, key.stop, key.step
    if (type(start) is int or start is None) and (type(stop) is int or stop is None) and step is None:
        return key
    return slice(_number(start), _number(stop), _number(step))


def settled(method: _Method) -> _Method:
    """Return the method with its arguments converted first, where the running version needs that."""
    if not NEEDED:
        return method

    def call(self: Any, *arguments: Any) -> Any:
        return method(self, *map(_number, arguments))

    return cast(_Method, call)


def settled_item(method: _Method) -> _Method:
    """Do the same as ``settled`` for ``__getitem__`` and ``__setitem__``."""
    if not NEEDED:
        return method

    def call(self: Any, key: Any, *value: Any) -> Any:
        return method(self, key if type(key) is int else _key(key), *map(_number, value))

    return cast(_Method, call)
