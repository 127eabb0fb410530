"""Python's mmap, as a program whose power tests/durability/powercut cuts: peer.py PROGRAM FOLDER MARKS ROUNDS."""

import mmap
import os
import sys


def create_mmap_file(filename, size):
    """The guide's."""
    with open(filename, "wb") as f:
        f.write(b"\x00" * size)

    with open(filename, "r+b") as f:
        mm = mmap.mmap(f.fileno(), size)
        return mm


def create(folder, mark, rounds):
    for number in range(min(rounds, 100)):
        name = f"file-{number}"
        mark(f"create {name} 5000")
        mm = create_mmap_file(os.path.join(folder, name), 5000)
        mark(f"exists {name} 5000 644")
        mm.close()


def made(folder, mark, name, size):
    """A file that is durable by all means: only what comes after is judged."""
    path = os.path.join(folder, name)
    with open(path, "xb") as file:
        file.truncate(size)
        os.fsync(file.fileno())
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    mark(f"exists {name} {size} 644")
    return path


def write_one(mm, mark, number, offset, length):
    byte = number % 251 + 1
    mark(f"write data {offset} {length} {byte}")
    mm[offset : offset + length] = bytes([byte]) * length
    mm.flush()
    mark(f"flushed data {offset} {length}")


def write(folder, mark, rounds):
    path = made(folder, mark, "data", 64 << 10)
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as mm:
        for number in range(rounds):
            write_one(mm, mark, number, number * 37 % 64 * 1007, 1000)


def grow(folder, mark, rounds):
    path = made(folder, mark, "data", 10)
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as mm:
        for number in range(rounds):
            end = 10 + number * 1500
            mark(f"size data {end + 1500}")
            mm.resize(end + 1500)
            write_one(mm, mark, number, end, 1500)
            mark(f"sized data {end + 1500}")


def main(program, folder, marks, rounds):
    os.umask(0o022)
    descriptor = os.open(marks, os.O_WRONLY)
    programs = {"python-create": create, "python-write": write, "python-grow": grow}
    programs[program](folder, lambda text: os.write(descriptor, text.encode()), int(rounds))


main(*sys.argv[1:])
