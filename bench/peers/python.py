"""Python's standard mmap, as a peer of the benchmark: see ../peers.go."""

import mmap
import sys

kept = {}


def mapped(path):
    """The file, mapped once."""
    if path not in kept:
        with open(path, "rb") as file:
            kept[path] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return kept[path]


def find(times, path, needle, at):
    for _ in range(times):
        assert mapped(path).find(needle.encode()) == int(at)


def rfind(times, path, needle, at):
    for _ in range(times):
        assert mapped(path).rfind(needle.encode()) == int(at)


WORKS = {work.__name__: work for work in (find, rfind)}

for line in sys.stdin:
    name, times, *arguments = line.split()
    try:
        WORKS[name](int(times), *arguments)
        print("ok", flush=True)
    except Exception as error:
        print(f"{name}: {error!r}", flush=True)
