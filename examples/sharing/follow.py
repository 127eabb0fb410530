"""follow.py LIBRARY FILE LAST: does what follow.c does, with only ctypes and the shared library."""

import ctypes
import errno
import sys

CAPACITY = 1000


def text_of(library, status):
    library.memmap_strerror.restype = ctypes.c_char_p
    return library.memmap_strerror(status).decode()


def opened(library, name):
    """Open the file when the writer has created it and its cell."""
    file, capacity, sequence = (ctypes.c_uint64() for _ in range(3))
    waiting = False
    while True:
        status = library.memmap_open(name.encode(), None, ctypes.byref(file))
        if status == 0:
            handle = ctypes.c_uint64(file.value)
            look = library.memmap_cell_look
            if look(handle, ctypes.c_uint64(0), ctypes.byref(capacity), ctypes.byref(sequence)) == 0:
                return handle
            library.memmap_close(handle)
        elif status != errno.ENOENT:
            sys.exit(f"follow.py: cannot open {name}: {text_of(library, status)}")
        if not waiting:
            print(f"follow.py: waiting until publish has made {name}", file=sys.stderr)
            waiting = True


def read(library, file, value):
    """Return the newest value and its sequence number."""
    length, sequence = ctypes.c_uint64(), ctypes.c_uint64()
    status = library.memmap_cell_read(
        file, ctypes.c_uint64(0), value, ctypes.c_uint64(CAPACITY), ctypes.byref(length), ctypes.byref(sequence)
    )
    if status != 0:
        sys.exit(text_of(library, status))
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
