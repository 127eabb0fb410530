"""Print what operations cost compared with the standard module, and what a call into a library costs.

Each row is measured in many short rounds that alternate between the two, so that other load on the machine affects
both. The ratio is the median of the ratios of the rounds. `make bench-python` runs it.
"""

import mmap as standard
import statistics
import sys
import tempfile
import time
from typing import Any, Callable, Tuple

import memmap

MIB = 1 << 20
SEARCHED = 256 * MIB
# The text that is searched, and what is searched for; every line has the beginning of it.
LINE = b"the quick brown fox jumps over the lazy dog\n"
NEEDLE = b"lazy\x01cat"
# The longest round in seconds, unless one call takes longer. It is shorter than a time slice of the scheduler.
ROUND = 0.001

Calls = Tuple[Callable[[], object], Callable[[], object]]


def duration(call: Callable[[], object], times: int) -> float:
    """Return the processor time of this thread per call, in seconds."""
    start = time.thread_time()
    for _ in range(times):
        call()
    return (time.thread_time() - start) / times


def row(name: str, calls: Calls, rounds: int, aim: str) -> None:
    theirs, ours = calls
    times = max(1, int(ROUND / max(duration(theirs, 3), duration(ours, 3))))
    pairs = [(duration(theirs, times), duration(ours, times)) for _ in range(rounds)]
    first, second = (statistics.median(column) for column in zip(*pairs))
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    print(f"{name:44}{first * 1e6:12.2f}{second * 1e6:12.2f}{ratio:9.2f}  {aim}")


def both(make: Callable[[Any], Callable[[], object]]) -> Calls:
    return make(standard), make(memmap)


def opened(path: str) -> Callable[[Any], Callable[[], object]]:
    def make(module: Any) -> Callable[[], object]:
        def call() -> None:
            with open(path, "r+b") as file:
                mapping = module.mmap(file.fileno(), 0)
                mapping.close()

        return call

    return make


def mapped(fileno: int) -> Callable[[Any], Callable[[], object]]:
    def make(module: Any) -> Callable[[], object]:
        return lambda: module.mmap(fileno, 0).close()

    return make


def access(fileno: int, use: Callable[[Any], object]) -> Calls:
    def make(module: Any) -> Callable[[], object]:
        mapping = module.mmap(fileno, 0)
        return lambda: use(mapping)

    return both(make)


def written(mapping: Any) -> None:
    mapping[100:164] = b"x" * 64


def beside_the_standard_module(file: Any, path: str) -> None:
    fileno = file.fileno()
    print(f"Python {sys.version.split()[0]}; microseconds, and memmap's as a multiple of mmap's\n")
    print(f"{'':44}{'mmap':>12}{'memmap':>12}{'ratio':>9}")
    row("open a file, map, close both", both(opened(path)), 600, "at most 2")
    row("map an open file, close the mapping", both(mapped(fileno)), 600, "")
    row("slice of 64 bytes", access(fileno, lambda m: m[100:164]), 600, "at most 5")
    row("slice of 1 MiB", access(fileno, lambda m: m[:MIB]), 600, "at most 1.1")
    row("one byte", access(fileno, lambda m: m[100]), 600, "")
    row("assign a slice of 64 bytes", access(fileno, written), 600, "")
    for haystack, aim in (("text", "at most 0.2"), ("zeros", "")):
        fill(file, LINE if haystack == "text" else b"\0")
        row(f"find through 256 MiB of {haystack}", access(fileno, find), 9, aim)
        row(f"rfind through 256 MiB of {haystack}", access(fileno, rfind), 9, "")


def find(mapping: Any) -> int:
    found: int = mapping.find(NEEDLE, 0)
    return found


def rfind(mapping: Any) -> int:
    found: int = mapping.rfind(NEEDLE, 0)
    return found


def fill(file: Any, piece: bytes) -> None:
    file.seek(0)
    file.write(piece * (SEARCHED // len(piece) + 1))
    file.truncate(SEARCHED)
    file.flush()


def of_a_call() -> None:
    try:
        import cffi  # type: ignore[import-untyped]
    except ImportError:
        print("\nskipped: what a call costs by cffi (it isn't installed)")
        return
    from memmap import _library

    foreign = cffi.FFI()
    foreign.cdef("uint64_t memmap_page_size(void); int32_t memmap_check(uint64_t, uint64_t, uint64_t);")
    library = foreign.dlopen(_library.path())
    page_size = _library._declare(_library._HELD, "memmap_page_size")
    print(f"\n{'a call of the library':44}{'cffi':>12}{'ctypes':>12}{'ratio':>9}")
    row("without arguments", (library.memmap_page_size, page_size), 600, "")
    by_cffi, by_ctypes = library.memmap_check, _library.check
    row("with three numbers", (lambda: by_cffi(0, 0, 0), lambda: by_ctypes(0, 0, 0)), 600, "")


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile() as file:
        fill(file, LINE)
        beside_the_standard_module(file, file.name)
    of_a_call()
