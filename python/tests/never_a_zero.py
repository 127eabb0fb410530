"""never_a_zero.py SECONDS FOLDER: threads compute values of files that another process truncates, and check each value.

Every 8 bytes of a file are their own offset, so a value that was computed from lost bytes is wrong. A value is good by the
rules of docs/faults.md: what a method of a mapping has returned; what was computed through a buffer when the call has
returned in the main thread, or when `check` of these bytes has returned in another thread, or in the main thread after a
FaultError.

It prints how many values were good and how many errors there were, and ends with 1 if a good value was wrong.
"""

import os
import random
import struct
import subprocess
import sys
import threading
import time
import zlib

import memmap

try:
    import numpy
except ImportError:
    numpy = None

THREADS = 8
SIZE = 1 << 18
CONTENT = b"".join(struct.pack("<Q", offset) for offset in range(0, SIZE, 8))
# It truncates to nothing: after a truncation to another size some file systems show zeros without a fault (docs/faults.md).
TRUNCATES = """
import os, random, sys, time
for line in sys.stdin:
    time.sleep(random.random() / 200)
    os.truncate(line[:-1], 0)
    print(flush=True)
"""


def unpacked(data, start, length):
    return struct.unpack_from(f"<{length // 8}Q", data, start) == tuple(range(start, start + length, 8))


def copied(data, start, length):
    return memoryview(data)[start : start + length].tobytes() == CONTENT[start : start + length]


def summed(data, start, length):
    if numpy is None:
        return zlib.crc32(memoryview(data)[start : start + length]) == zlib.crc32(CONTENT[start : start + length])
    words = numpy.frombuffer(data, dtype="<u8", count=length // 8, offset=start)
    return int(numpy.sum(words)) == (2 * start + length - 8) * (length // 8) // 2


def sliced(mapping, start, length):
    return mapping[start : start + length] == CONTENT[start : start + length]


def item(mapping, start, length):
    return mapping[start] == CONTENT[start]


def found(mapping, start, length):
    return mapping.find(CONTENT[start : start + 8], start) == start


BUFFERS = (unpacked, copied, summed)
METHODS = (sliced, item, found)
# What other threads call, with any mapping. Before 3.13 the interpreter does not interrupt the main thread at once, for whatever
# signal, when a thread that has released the global interpreter lock gets one, as in numpy.sum and zlib.crc32.
BESIDE_MAIN = (*BUFFERS, *METHODS) if sys.version_info >= (3, 13) else (unpacked, copied, *METHODS)


class Thread:
    """What one thread has computed."""

    def __init__(self):
        self.good = self.wrong = self.errors = 0

    def compute(self, mapping, asks, calls=BUFFERS + METHODS):
        """Compute a value, and note whether it is right if it is good; ``asks`` has it call `check`."""
        call = random.choice(calls)
        start = random.randrange(0, SIZE, 8)
        length = min(random.choice((8, 4096, SIZE)), SIZE - start)
        right = call(mapping, start, length)
        if asks and call in BUFFERS:
            mapping.check(start, length)
        if right:
            self.good += 1
        else:
            self.wrong += 1
            print(f"wrong: {call.__name__} of {length} bytes from {start} on; it asks: {asks}", flush=True)

    def compute_until(self, over, *how):
        while not over.is_set():
            try:
                self.compute(*how)
            except memmap.FaultError:
                self.errors += 1


def mapped(path):
    with open(path, "rb") as file:
        return memmap.mmap(file.fileno(), 0, access=memmap.ACCESS_READ)


def play(path, process, threads):
    """One file, from its creation until some time after its truncation."""
    with open(path, "wb") as file:
        file.write(CONTENT)
    mapping, over = mapped(path), threading.Event()

    def work(number):
        how = (mapping, True, BESIDE_MAIN) if number % 2 else (mapped(path), True, BESIDE_MAIN)
        ready.wait()
        threads[number].compute_until(over, *how)

    def ends():
        process.stdout.readline()
        time.sleep(0.005)
        over.set()

    ready = threading.Barrier(THREADS)
    started = [threading.Thread(target=work, args=(number,)) for number in range(1, THREADS)]
    started.append(threading.Thread(target=ends))
    for thread in started:
        thread.start()
    ready.wait()
    main = threads[0]

    def compute_unasked():
        print(path, file=process.stdin, flush=True)
        while not over.is_set():
            main.compute(mapping, False)
        for thread in started:
            thread.join()

    # The error may be that of another thread, and come wherever this one is: in CPython 3.13 also at the end of the loop's
    # body, which a `try` around the loop does not cover.
    try:
        compute_unasked()
    except memmap.FaultError:
        main.errors += 1
    main.compute_until(over, mapping, True)
    for thread in started:
        thread.join()


def main(seconds, folder):
    process = subprocess.Popen([sys.executable, "-c", TRUNCATES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    threads, files, end = [Thread() for _ in range(THREADS)], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        path = os.path.join(folder, f"words-{files}")
        play(path, process, threads)
        os.unlink(path)
        files += 1
    process.stdin.close()
    process.wait()
    good, wrong, errors = (sum(getattr(thread, name) for thread in threads) for name in ("good", "wrong", "errors"))
    print(f"{files} files, {THREADS} threads: {good} values were good, {wrong} of them wrong; {errors} errors")
    print(f"the main thread: {threads[0].good} values were good; {threads[0].errors} errors")
    if wrong or not errors or not threads[0].errors:
        sys.exit(1)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2])
