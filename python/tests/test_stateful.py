"""Random sequences of operations, which have the same results and exceptions with the standard class and with this one.

Hypothesis generates the sequences and shrinks one that differs.
"""

import mmap as standard
import os

import pytest

import memmap

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, settings, strategies as st  # noqa: E402
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule  # noqa: E402

PAGE = memmap.PAGESIZE
ACCESSES = [standard.ACCESS_DEFAULT, standard.ACCESS_READ, standard.ACCESS_WRITE, standard.ACCESS_COPY]
LONG = 5 * PAGE  # Long enough that the library searches, and not the standard module.

places = st.one_of(
    st.integers(-3, 70),
    st.integers(-LONG - 2, LONG + 2),
    st.sampled_from([PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, -PAGE, 2**31, 2**63 - 1, 2**63, -(2**63), 2**70]),
)
numbers = st.one_of(places, st.none(), st.just(1.5), st.just("x"), st.booleans())
contents = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"", b"needle", b"x" * 5000, "text", bytearray(b"ne"), None, 7]),
)
items = st.one_of(numbers, st.builds(slice, numbers, numbers, st.sampled_from([None, 1, 2, -1, -3, 0])))


def outcome(call, m):
    """Return what a call returns, or the type and errno of its exception."""
    try:
        got = call(m)
    except Exception as error:
        # Compare the built-in base class: messages differ between versions of Python.
        kind = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
        return kind, getattr(error, "errno", None)
    if isinstance(got, memoryview):
        return bytes(got)
    return None if isinstance(got, standard.mmap) else got


class Both(RuleBasedStateMachine):
    """A mapping of each class, over two files with the same contents."""

    def __init__(self):
        super().__init__()
        self.maps = []
        self.views = [[], []]

    @initialize(
        size=st.sampled_from([1, 50, PAGE - 1, PAGE, 3 * PAGE, LONG]),
        access=st.sampled_from(ACCESSES),
        anonymous=st.booleans(),
    )
    def make(self, size, access, anonymous):
        content = (b"." * 30 + b"needle\n") * (size // 37 + 1)
        self.files = []
        for number, module in enumerate([standard, memmap]):
            if anonymous:
                m = module.mmap(-1, size, access=access)
                if access != standard.ACCESS_READ:
                    m[:] = content[:size]
            else:
                file = os.memfd_create(f"file{number}")
                os.write(file, content[:size])
                self.files.append(file)
                m = module.mmap(file, 0, access=access)
            self.maps.append(m)

    def both(self, call):
        one, other = (outcome(call, m) for m in self.maps)
        assert one == other

    @rule(sub=contents, bounds=st.lists(numbers, max_size=3), last=st.booleans())
    def find(self, sub, bounds, last):
        self.both(lambda m: (m.rfind if last else m.find)(sub, *bounds))

    @rule(count=st.one_of(numbers, st.just(...)))
    def read(self, count):
        self.both(lambda m: m.read() if count is ... else m.read(count))

    @rule(line=st.booleans())
    def read_one(self, line):
        self.both(lambda m: m.readline() if line else m.read_byte())

    @rule(data=contents)
    def write(self, data):
        self.both(lambda m: m.write(data))

    @rule(byte=st.one_of(st.integers(-1, 256), numbers))
    def write_byte(self, byte):
        self.both(lambda m: m.write_byte(byte))

    @rule(to=numbers, start=numbers, count=numbers)
    def move(self, to, start, count):
        self.both(lambda m: m.move(to, start, count))

    @rule(at=numbers, whence=st.sampled_from([0, 1, 2, 3, None]))
    def seek(self, at, whence):
        # The result is not compared: seek returns the position since Python 3.13, and here on every version.
        def call(m):
            m.seek(at) if whence is None else m.seek(at, whence)

        self.both(call)

    @rule(key=items)
    def get(self, key):
        self.both(lambda m: m[key])

    @rule(key=items, value=st.one_of(contents, st.integers(-1, 256)))
    def set(self, key, value):
        self.both(lambda m: m.__setitem__(key, value))

    @rule(byte=st.one_of(st.integers(0, 300), contents))
    def contains(self, byte):
        self.both(lambda m: byte in m)

    @rule(at=st.sampled_from([0, 1, -1, PAGE, 2 * PAGE]), count=places)
    def flush(self, at, count):
        self.both(lambda m: m.flush(at, count))

    @rule()
    def flush_all(self):
        self.both(lambda m: m.flush())

    @rule(size=st.one_of(st.integers(-2, 6 * PAGE), st.sampled_from([0, "x", 1.5])))
    def resize(self, size):
        length = 0 if self.maps[0].closed else len(self.maps[0])
        if length and (size == 0 or not self.files and isinstance(size, int) and size > length):
            # The standard module truncates the file and then fails to map it, or maps memory behind the end, where
            # an access is SIGBUS. This class raises; see test_fault.py and test_newest.py.
            return
        self.both(lambda m: m.resize(size))

    @rule(advice=st.sampled_from([standard.MADV_NORMAL, standard.MADV_WILLNEED, -1]), at=places, count=places)
    def advise(self, advice, at, count):
        self.both(lambda m: m.madvise(advice, at, count))

    @rule(name=st.sampled_from(["tell", "size", "__len__", "__bool__", "__enter__"]))
    def ask(self, name):
        if name == "size" and not self.files:
            return  # It works for anonymous memory since Python 3.15, and here on every version.
        if name == "__bool__":
            return self.both(bool)
        self.both(lambda m: getattr(m, name)())

    @rule()
    def view(self):
        for views, m in zip(self.views, self.maps):
            if not m.closed:
                views.append(memoryview(m))

    @rule()
    def release(self):
        for views in self.views:
            if views:
                views.pop().release()

    @rule(seldom=st.integers(0, 5))
    def close(self, seldom):
        if seldom == 0:
            self.both(lambda m: m.close())

    @invariant()
    def same_bytes(self):
        if self.maps:
            one, other = self.maps
            assert one.closed == other.closed
            if not one.closed:
                assert one[:] == other[:]
                assert one.tell() == other.tell()

    @invariant()
    def same_files(self):
        if self.maps and self.files:
            one, other = (os.pread(file, 8 * PAGE, 0) for file in self.files)
            assert one == other

    def teardown(self):
        for views in self.views:
            for view in views:
                view.release()
        for m in self.maps:
            m.close()
        for file in getattr(self, "files", []):
            os.close(file)


# MEMMAP_EXAMPLES is the number of sequences.
Both.TestCase.settings = settings(
    max_examples=int(os.environ.get("MEMMAP_EXAMPLES", "8")),
    stateful_step_count=40,
    deadline=None,
    derandomize="MEMMAP_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestBoth = Both.TestCase
