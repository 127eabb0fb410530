"""follow.py LIBRARY FILE LAST: as follow.c does, with nothing but ctypes and the shared library."""

import ctypes
import sys

CAPACITY = 1000


def opened(library, name):
    """The file, once the writer has made it and its cell."""
    file, capacity, sequence = (ctypes.c_uint64() for _ in range(3))
    while True:
        if library.memmap_open(name.encode(), None, ctypes.byref(file)) != 0:
            continue
        handle = ctypes.c_uint64(file.value)
        look = library.memmap_cell_look
        if look(handle, ctypes.c_uint64(0), ctypes.byref(capacity), ctypes.byref(sequence)) == 0:
            return handle
        library.memmap_close(handle)


def read(library, file, value):
    """The newest value, and which one it is."""
    length, sequence = ctypes.c_uint64(), ctypes.c_uint64()
    status = library.memmap_cell_read(
        file, ctypes.c_uint64(0), value, ctypes.c_uint64(CAPACITY), ctypes.byref(length), ctypes.byref(sequence)
    )
    if status != 0:
        library.memmap_strerror.restype = ctypes.c_char_p
        sys.exit(library.memmap_strerror(status).decode())
    return value.raw[: length.value], sequence.value


def main(path, name, last):
    library = ctypes.CDLL(path)
    file = opened(library, name)
    value = ctypes.create_string_buffer(CAPACITY)
    number, seen, before = 0, 0, 0
    while number < last:
        text, sequence = read(library, file, value)
        if sequence == before:
            continue
        number = int(text.split()[0])
        if sequence < before or text != b" ".join([b"%d" % number] * ((number - 1) % 100 + 1)):
            sys.exit(f"torn: {text!r}")
        before, seen = sequence, seen + 1
    library.memmap_close(file)
    print(f"{seen} values, the last is {number}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
