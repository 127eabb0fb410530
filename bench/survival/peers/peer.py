"""Python, as a peer of survival: peer.py MODULE SCENARIO FILE, with mmap or memmap for the module."""

import importlib
import os
import sys

SIZE = 64 << 10
WHOLE, LOST, MIDDLE = 0, SIZE * 3 // 4, SIZE // 2 + 100


def meet(data, scenario, path):
    if scenario in ("nothing", "middle"):
        data[WHOLE]
        os.truncate(path, 0 if scenario == "nothing" else MIDDLE)
        data[LOST]
    elif scenario == "hole":
        data[LOST] = ord("y")
    elif scenario == "unreadable":
        data[LOST]
    elif scenario == "closed":
        data.close()
        data[WHOLE]
    else:
        sys.exit(f"no scenario is called {scenario!r}")


def main(module, scenario, path):
    mmap = importlib.import_module(module)
    with open(path, "r+b") as file:
        data = mmap.mmap(file.fileno(), 0)
    try:
        meet(data, scenario, path)
    except (OSError, ValueError) as error:
        print(f"told: {type(error).__name__}")
    else:
        print("not told")


main(*sys.argv[1:])
