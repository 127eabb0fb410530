"""Comparison with the standard class in cases that CPython's own tests do not cover."""

import copy
import gc
import mmap as standard
import os
import pickle
import random
import re
import sys
import threading
import weakref

import pytest

import memmap
from conftest import PAGE, PAGES

BOTH = pytest.mark.parametrize("module", [standard, memmap], ids=["mmap", "memmap"])
LONG = 1 << 16  # Long enough that the library searches, and not the standard module.

CALLS = [
    "m.find('x')",
    "m.find(b'x', None)",
    "m.find(b'x', 1.5)",
    "m.find()",
    "m.find(b'x', 1, 2, 3)",
    "m.find(b'x', 10**30)",
    "m.find(b'x', 0, -10**30)",
    "m.find(b'')",
    "m.find(b'', 50)",
    "m.find(b'', 60, 50)",
    "m.find(b'', 10**9)",
    "m.find(bytearray(b'needle'))",
    "m.find(memoryview(b'needle'), 0)",
    "m.find(b'needle', -40000)",
    "m.find(b'needle', -40000, -10)",
    "m.find(b'needle', 0, True)",
    "m.find(b'nowhere', 0)",
    "m.rfind('x')",
    "m.rfind(b'', 10, 60)",
    "m.rfind(b'', 60, 50)",
    "m.rfind(b'needle')",
    "m.rfind(b'needle', 0, 40000)",
    "m.rfind(b'nowhere', 0)",
    "m.flush()",
    "m.flush(-1)",
    "m.flush(0, 10**9)",
    "m.flush(None)",
    "m.flush(1, 5)",
    "m.flush(4096, 4096)",
    "m.seek(1.5)",
    "m.seek(1, 5)",
    "m.seek(-1)",
    "m.read('x')",
    "m.read(5)",
    "m.readline()",
    "m.read_byte()",
    "m.write('x')",
    "m.write(b'abc')",
    "m.write_byte(300)",
    "m.move(1, 2)",
    "m.move(-1, 2, 3)",
    "m.move(0, 10, 5)",
    "m.resize('x')",
    "m.resize(-1)",
    "m.madvise(-1)",
    "m[2**70]",
    "m['x']",
    "m[0:5:0]",
    "m[5:0:-2]",
    "m.__setitem__(0, 256)",
    "m.__setitem__(0, b'x')",
    "m.__setitem__(slice(0, 2), b'x')",
    "m.__delitem__(0)",
    "m + m",
    "m * 2",
    "m.foo",
    "setattr(m, 'foo', 1)",
    "b'.' in m",
    "b'x' in m",
    "ord('.') in m",
    "10 in m",
    "list(m)[98:103]",
    "list(reversed(m))[:3]",
    "max(m)",
    "[*map(type, m)][0]",
    "hash(m) == hash(m)",
    "m == m",
    "bool(m)",
    "len(m)",
    "bytes(m)[:5]",
    "m.size()",
    "m.closed",
    "m.__enter__() is m",
    "pickle.dumps(m)",
    "copy.copy(m)",
    "re.search(b'n.edle', m).start()",
    "b''.join([m])[:4]",
    "repr(m)",
]


def outcome(module, call, tmp_path, length):
    path = tmp_path / "file"
    content = bytearray(b"." * length)
    for at in (100, 30000, 60000):
        if at < length:
            content[at : at + 6] = b"needle"
    path.write_bytes(content)
    with open(path, "r+b") as file:
        m = module.mmap(file.fileno(), 0)
    with m:
        try:
            return repr(eval(call)), m.tell(), m[:]
        except Exception as error:
            return type(error), m.tell(), m[:]


@pytest.mark.parametrize("length", [1000, LONG])
@pytest.mark.parametrize("call", CALLS)
def test_calls_have_the_outcome_that_they_have_in_the_standard_module(call, length, tmp_path):
    if sys.version_info < (3, 13) and call == "m.madvise(-1)":
        pytest.skip("another number is another advice there")
    assert outcome(memmap, call, tmp_path, length) == outcome(standard, call, tmp_path, length)


@pytest.mark.parametrize(
    "arguments",
    [
        dict(length=0),
        dict(length=5000),
        dict(length=5001),
        dict(length=-1),
        dict(length="x"),
        dict(length=0, offset=4096),
        dict(length=0, offset=1),
        dict(length=0, offset=-4096),
        dict(length=0, offset=8192),
        dict(length=0, access=7),
        dict(length=0, access=1, prot=1),
        dict(length=0, prot=memmap.PROT_READ),
        dict(length=0, prot=0),
        dict(length=0, flags=memmap.MAP_PRIVATE),
        dict(length=0, flags=0),
        dict(length=100, flags=memmap.MAP_PRIVATE | memmap.MAP_ANONYMOUS),
        dict(length=0, tagname="x"),
        dict(),
    ],
    ids=repr,
)
def test_constructors_take_and_refuse_the_same(arguments, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"." * 5000)

    def made(module):
        with open(path, "r+b") as file:
            try:
                with module.mmap(file.fileno(), **arguments) as mapping:
                    return repr(mapping)
            except Exception as error:
                return type(error), str(error).replace("__new__", "mmap")

    ours, theirs = made(memmap), made(standard)
    assert ours == theirs or ours[0] is theirs[0] is TypeError


def test_descriptors_are_taken_as_the_standard_module_takes_them(tmp_path):
    class Index:
        def __index__(self):
            return file.fileno()

    with open(tmp_path / "file", "w+b") as file:
        file.write(b"." * 100)
        file.flush()
        with memmap.mmap(Index(), Index.__index__(None)) as mapping:
            assert mapping[0] == ord(".")
        for bad in (-2, 10**6):
            with pytest.raises(OSError):
                memmap.mmap(bad, 100)
    with open("/dev/zero", "r+b") as zero, memmap.mmap(zero.fileno(), PAGE) as mapping:
        assert mapping[:] == b"\0" * PAGE


def test_searches_find_what_bytes_find():
    chance = random.Random(1)
    with memmap.mmap(-1, LONG) as mapping:
        content = bytes(chance.choice(b"ab") for _ in range(LONG))
        mapping[:] = content
        for _ in range(300):
            start, end = chance.randrange(-2 * LONG, 2 * LONG), chance.randrange(-2 * LONG, 2 * LONG)
            needle = bytes(chance.choice(b"ab") for _ in range(chance.randrange(1, 15)))
            assert mapping.find(needle, start, end) == content.find(needle, start, end)
            assert mapping.rfind(needle, start, end) == content.rfind(needle, start, end)
            mapping.seek(abs(start) % LONG)
            assert mapping.find(needle) == content.find(needle, mapping.tell())
            assert mapping.rfind(needle) == content.rfind(needle, mapping.tell())


def test_what_is_near_is_found_without_a_call_into_the_library(monkeypatch):
    def refused(*_):
        raise AssertionError("the library is asked")

    with memmap.mmap(-1, LONG) as mapping:
        for at in (0, 100, 1000, LONG - 1100, LONG - 100):
            mapping[at : at + 4] = b"near"
        mapping[LONG // 2 : LONG // 2 + 3] = b"far"
        assert mapping.find(b"far", 0) == mapping.rfind(b"far", 0) == LONG // 2
        monkeypatch.setattr(memmap._library, "find", refused)
        monkeypatch.setattr(memmap._library, "rfind", refused)
        assert [mapping.find(b"near", start) for start in (0, 1, 101, -1100)] == [0, 100, 1000, LONG - 1100]
        assert [mapping.find(b"near", 1, end) for end in (104, LONG, -1)] == [100, 100, 100]
        assert [mapping.rfind(b"near", 0, end) for end in (LONG, -99, 1003, 103)] == [LONG - 100, LONG - 1100, 100, 0]


AFTER_CLOSE = [
    "m[0]", "m[:]", "m.__setitem__(0, 1)", "len(m)", "m.read()", "m.write(b'x')", "m.find(b'x')", "m.rfind(b'x')",
    "m.seek(0)", "m.tell()", "m.flush()", "m.flush(range(1))", "m.resize(1)", "m.move(0, 1, 1)", "m.size()",
    "m.madvise(0)", "m.check()", "m.recover()", "m.prefault()", "m.residency()", "m.set_name('x')", "m.__enter__()",
    "memoryview(m)", "m.readline()", "m.read_byte()", "m.write_byte(1)",
]


@pytest.mark.parametrize("how", [dict(), dict(access=memmap.ACCESS_READ), dict(trackfd=False)], ids=repr)
@pytest.mark.parametrize("call", AFTER_CLOSE)
def test_use_after_close_is_a_valueerror(backing, call, how):
    m = backing.map(**how)
    m.close()
    m.close()
    with pytest.raises(ValueError, match="closed"):
        eval(call)
    assert m.closed and m.fault is None and repr(m) == "<mmap.mmap closed=True>"


@BOTH
def test_exported_buffers_keep_it_open(module, tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 100)
    with open(tmp_path / "file", "r+b") as file:
        mapping = module.mmap(file.fileno(), 0)
    view = memoryview(mapping)
    with pytest.raises(BufferError, match="cannot close exported pointers exist"):
        mapping.close()
    view[0] = ord("y")
    assert mapping[0] == ord("y")
    view.release()
    mapping.close()


def test_a_buffer_outlives_the_name_of_its_mapping(backing):
    view = memoryview(backing.map())
    gc.collect()
    assert bytes(view) == b"x" * (PAGES * PAGE)
    view[0] = ord("y")
    assert backing.path.read_bytes()[:1] == b"y"


def test_numpy_sees_the_bytes_themselves(backing):
    numpy = pytest.importorskip("numpy")
    with backing.map() as mapping:
        array = numpy.frombuffer(mapping, dtype=numpy.uint8)
        array[5] = 7
        assert mapping[5] == 7
        mapping[6] = 8
        assert array[6] == 8
        del array
    with backing.map(access=memmap.ACCESS_READ) as mapping:
        array = numpy.frombuffer(mapping, dtype=numpy.uint8)
        assert not array.flags.writeable
        del array


def test_what_is_dropped_is_closed_and_no_longer_guarded(backing):
    descriptors = len(os.listdir("/proc/self/fd"))
    mapping = backing.map()
    gone = weakref.ref(mapping)
    assert len(os.listdir("/proc/self/fd")) > descriptors
    del mapping
    assert gone() is None
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert str(backing.path) not in open("/proc/self/maps").read()


def test_closing_leaves_no_descriptor(backing):
    descriptors = os.listdir("/proc/self/fd")
    for _ in range(50):
        with backing.map() as mapping:
            mapping.resize(2 * PAGES * PAGE)
        with backing.map(trackfd=False):
            pass
    assert os.listdir("/proc/self/fd") == descriptors


def test_subclasses_have_what_they_add(backing):
    class Named(memmap.mmap):
        def __new__(cls, file, name):
            self = super().__new__(cls, file.fileno(), 0)
            self.name = name
            return self

        def close(self):
            self.name = None
            super().close()

    with open(backing.path, "r+b") as file, Named(file, "n") as mapping:
        assert (mapping.name, mapping[0]) == ("n", ord("x"))
        assert repr(mapping).startswith("<Named closed=False")
    assert mapping.name is None and mapping.closed
    assert isinstance(mapping, standard.mmap)


def test_a_mapping_closed_by_an_index_is_a_valueerror(backing):
    class Closes:
        def __init__(self, mapping):
            self.mapping = mapping

        def __index__(self):
            self.mapping.close()
            return 10

    uses = [
        lambda m: m[Closes(m)],
        lambda m: m[Closes(m) : 20],
        lambda m: m[1 : 20 : Closes(m)],
        lambda m: m.__setitem__(Closes(m), 1),
        lambda m: m.__setitem__(0, Closes(m)),
        lambda m: m.__setitem__(slice(Closes(m), 20), b"x" * 10),
        lambda m: m.read(Closes(m)),
        lambda m: m.write_byte(Closes(m)),
        lambda m: m.move(0, 1, Closes(m)),
        lambda m: m.seek(Closes(m)),
        lambda m: m.madvise(memmap.MADV_NORMAL, 0, Closes(m)),
        lambda m: m.check(0, Closes(m)),
        lambda m: m.residency(0, Closes(m)),
        lambda m: m.find(b"x" * 20000, 0, Closes(m)),
        lambda m: m.rfind(b"y", Closes(m)),
        lambda m: m.flush(0, Closes(m)),
        lambda m: m.prefault(0, Closes(m)),
    ]
    for use in uses:
        with pytest.raises(ValueError, match="closed"):
            use(backing.map())


def test_threads_that_close_and_use_it_get_values_or_valueerrors(backing):
    expected = (ord("x"), b"x" * 100, -1, None, PAGES * PAGE)
    surprises = []

    def use(mapping, call):
        try:
            for _ in range(300):
                result = call(mapping)
                if result not in expected:
                    surprises.append(result)
        except Exception as error:
            if not isinstance(error, ValueError) or "closed" not in str(error):
                surprises.append(error)

    calls = [
        lambda m: m[100],
        lambda m: m[100:200],
        lambda m: m.find(b"y", 0),
        lambda m: m.rfind(b"xy", 0),
        lambda m: m.flush(),
        lambda m: m.prefault(size=100),
        lambda m: m.recover(),
        lambda m: len(m),
    ]
    for _ in range(10):
        mapping = backing.map()
        threads = [threading.Thread(target=use, args=(mapping, call)) for call in calls]
        for thread in threads:
            thread.start()
        while not mapping.closed:
            try:
                mapping.close()
            except BufferError:
                pass
        for thread in threads:
            thread.join()
    assert not surprises


@BOTH
def test_it_is_not_pickled_or_copied(module):
    with module.mmap(-1, 10) as mapping:
        for copied in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                copied(mapping)


def test_what_is_open_when_the_interpreter_ends_ends_quietly(program):
    ended = program("""
        import memmap, mmap
        file = open("file", "w+b")
        file.truncate(8192)
        left = memmap.mmap(file.fileno(), 0)
        class Cycle: pass
        cycle = Cycle()
        cycle.itself, cycle.left = cycle, memmap.mmap(file.fileno(), 0)
        view = memoryview(memmap.mmap(file.fileno(), 0))
        guard = memmap.guard(mmap.mmap(file.fileno(), 0), file)
    """)
    assert (ended.returncode, ended.stderr) == (0, "")


@BOTH
def test_a_closed_mapping_says_so_whatever_it_is_asked_for(module):
    m = module.mmap(-1, 10)
    m.close()
    with pytest.raises(ValueError):
        m.resize("x")
    with pytest.raises(ValueError):
        m.flush(0, 2**63)


@BOTH
def test_what_is_shared_with_validation_is_flushed_as_what_is_shared(module, tmp_path):
    shared_validate = 3  # It includes the bit of MAP_PRIVATE.
    path = tmp_path / "file"
    path.write_bytes(bytes(2 * PAGE))
    with open(path, "r+b") as file, module.mmap(file.fileno(), 0, flags=shared_validate) as m:
        m[PAGE] = 1
        m.flush()
        with pytest.raises(OSError):
            m.flush(1, 5)
