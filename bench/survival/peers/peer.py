"""Python, as a peer of survival: peer.py MODULE HOW SCENARIO FILE.

MODULE is mmap or memmap, HOW is slice or numpy.
"""

import importlib
import os
import sys

SIZE = 64 << 10
WHOLE, LOST, MIDDLE = 0, SIZE * 3 // 4, SIZE // 2 + 100
FIRST, SECOND = slice(0, SIZE // 2), slice(SIZE // 2, SIZE)


def meet(data, mapping, scenario, path):
    if scenario in ("nothing", "middle"):
        data[WHOLE]
        os.truncate(path, 0 if scenario == "nothing" else MIDDLE)
        int(data[LOST])  # A call, after which the interpreter looks for signals.
    elif scenario == "hole":
        data[LOST] = ord("y")
        int(data[LOST])
    elif scenario == "unreadable":
        int(data[LOST])
    elif scenario == "closed":
        mapping.close()
        data[WHOLE]
    else:
        sys.exit(f"no scenario is called {scenario!r}")


def asked(mapping):
    """Return the error of the question that libmemmap's class has."""
    try:
        mapping.check()
    except AttributeError:
        return None
    except OSError as error:
        return error


def added_up(part):
    return int(part.sum() if hasattr(part, "sum") else sum(part))


def compute(data, mapping, path):
    total = added_up(data[FIRST])
    os.truncate(path, 0)
    try:
        total += added_up(data[SECOND])
    except OSError as error:
        return f"nothing: `{type(error).__name__}`"
    if total == SIZE * ord("x"):
        sys.exit("the sum is right although half of the bytes are gone")
    return "zeros, told when asked" if asked(mapping) else "**zeros, not told**"


def main(module, how, scenario, path):
    mmap = importlib.import_module(module)
    with open(path, "r+b") as file:
        mapping = mmap.mmap(file.fileno(), 0)
    data = mapping
    if how == "numpy":
        import numpy

        data = numpy.frombuffer(mapping, dtype=numpy.uint8)
    if scenario == "sum":
        print("computed:", compute(data, mapping, path))
        return
    try:
        meet(data, mapping, scenario, path)
        for _ in range(2):  # An error of an item of an array comes with the next turn of a loop, at the latest.
            pass
    except (OSError, ValueError, BufferError) as error:
        print(f"told: {type(error).__name__}")
    else:
        error = asked(mapping)
        print(f"told when asked: {type(error).__name__}" if error else "not told")


main(*sys.argv[1:])
