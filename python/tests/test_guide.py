"""The guide's functions as printed there, with the standard module and with memmap in its place."""

import mmap as standard

import pytest

import memmap

GUIDE = '''
# Reading a file using mmap
def read_with_mmap(filename):
    with open(filename, "r+b") as f:
        # Memory map the file
        mm = mmap.mmap(f.fileno(), 0)
        
        # Read content
        content = mm.read()  # Read entire file
        specific_bytes = mm[20:25]  # Read specific bytes
        
        # Search content
        position = mm.find(b"search_term")
        
        # Modify content
        mm[10:20] = b"new content"
        
        # Close the map
        mm.close()

# Creating a new memory-mapped file
def create_mmap_file(filename, size):
    with open(filename, "wb") as f:
        # Create empty file of specified size
        f.write(b"\\x00" * size)
    
    with open(filename, "r+b") as f:
        mm = mmap.mmap(f.fileno(), size)
        return mm

def shared_memory_example():
    with open("shared_file", "r+b") as f:
        mm = mmap.mmap(
            f.fileno(),
            0,
            access=mmap.ACCESS_WRITE,
            flags=mmap.MAP_SHARED
        )
        return mm

# Using mmap as a string buffer
def string_buffer_example():
    buf = mmap.mmap(-1, 1024)  # Anonymous mapping
    buf.write(b"Hello World")
    buf.seek(0)
    content = buf.read(11)
    buf.close()
'''


@pytest.fixture(params=[standard, memmap], ids=["mmap", "memmap"])
def guide(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    functions = {"mmap": request.param}
    exec(GUIDE, functions)
    return functions


def test_create_mmap_file_gives_zeros_that_reach_the_file(guide, tmp_path):
    mapping = guide["create_mmap_file"]("created", 5000)
    assert isinstance(mapping, guide["mmap"].mmap)
    assert mapping[:] == b"\0" * 5000
    mapping[0:5] = b"hello"
    mapping.close()
    assert (tmp_path / "created").read_bytes() == b"hello" + b"\0" * 4995


def test_read_with_mmap_fails_as_printed_since_eleven_bytes_are_not_ten(guide, tmp_path):
    (tmp_path / "read").write_bytes(b"." * 100)
    with pytest.raises(IndexError, match="mmap slice assignment is wrong size"):
        guide["read_with_mmap"]("read")
    assert (tmp_path / "read").read_bytes() == b"." * 100


def test_read_with_mmap_works_with_a_slice_as_long_as_what_is_assigned(guide, tmp_path):
    exec(GUIDE.replace("mm[10:20]", "mm[10:21]"), guide)
    (tmp_path / "read").write_bytes(b"." * 100)
    guide["read_with_mmap"]("read")
    assert (tmp_path / "read").read_bytes() == b"." * 10 + b"new content" + b"." * 79


def test_shared_memory_example_shares(guide, tmp_path):
    (tmp_path / "shared_file").write_bytes(b"shared")
    first, second = guide["shared_memory_example"](), guide["shared_memory_example"]()
    first[0:1] = b"S"
    assert second[:] == b"Shared"
    first.close()
    second.close()


def test_string_buffer_example_runs(guide):
    assert guide["string_buffer_example"]() is None
