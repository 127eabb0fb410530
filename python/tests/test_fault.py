"""Files that are truncated under a mapping."""

import pickle
import signal

import pytest

import memmap
from conftest import PAGE, PAGES

READS = {
    "item": lambda m: m[3 * PAGE],
    "negative item": lambda m: m[-1],
    "slice": lambda m: m[PAGE : 4 * PAGE],
    "slice with a step": lambda m: m[4 * PAGE :: 100],
    "slice backwards": lambda m: m[: 2 * PAGE : -1],
    "read": lambda m: m.read(),
    "read_byte": lambda m: (m.seek(5 * PAGE), m.read_byte()),
    "readline": lambda m: m.readline(),
    "find": lambda m: m.find(b"y", 0),
    "rfind": lambda m: m.rfind(b"y", 0),
    "iteration": lambda m: list(m),
    "in": lambda m: b"y" in m,
    "reversed": lambda m: list(reversed(m)),
    "prefault": lambda m: m.prefault(),
}
WRITES = {
    "item": lambda m: m.__setitem__(3 * PAGE, 1),
    "slice": lambda m: m.__setitem__(slice(PAGE, 4 * PAGE), b"y" * 3 * PAGE),
    "write": lambda m: (m.seek(PAGE), m.write(b"y" * 2 * PAGE)),
    "write_byte": lambda m: (m.seek(5 * PAGE), m.write_byte(1)),
    "move from": lambda m: m.move(0, 4 * PAGE, 10),
    "move to": lambda m: m.move(4 * PAGE, 0, 10),
}
CALLS = {**{"reading: " + name: call for name, call in READS.items()},
         **{"writing: " + name: call for name, call in WRITES.items()}}


@pytest.mark.parametrize("name", CALLS)
def test_what_meets_a_lost_byte_raises(backing, name):
    with backing.map() as mapping:
        backing.cut(PAGE)
        with pytest.raises(memmap.FaultError):
            CALLS[name](mapping)
        with pytest.raises(memmap.FaultError):
            CALLS[name](mapping)


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("access", [memmap.ACCESS_READ, memmap.ACCESS_COPY])
def test_other_accesses_raise_too(backing, access, name):
    with backing.map(access=access) as mapping:
        backing.cut(PAGE)
        with pytest.raises(memmap.FaultError):
            READS[name](mapping)


def test_what_is_whole_can_be_used_on(backing):
    with backing.map() as mapping:
        backing.cut(PAGE)
        with pytest.raises(memmap.FaultError):
            mapping[PAGE]
        assert mapping[:PAGE] == b"x" * PAGE
        assert mapping.read(PAGE) == b"x" * PAGE
        mapping[0] = ord("y")
        assert mapping.find(b"y", 0) == 0
        assert mapping[3:3] == b""
        mapping.check(0, PAGE)


def test_the_error_is_an_oserror_that_says_what_and_why(backing):
    with backing.map() as mapping:
        assert mapping.fault is None
        backing.cut(PAGE + 10)
        with pytest.raises(OSError) as caught:
            mapping[3 * PAGE]
        error = caught.value
        assert type(error) is memmap.FaultError
        assert (error.offset, error.length) == (PAGE + 10, (PAGES - 1) * PAGE - 10)
        assert error.causes == memmap.Causes.TRUNCATED
        assert "truncated" in str(error)
        assert mapping.fault.length == error.length


def test_the_error_goes_to_other_processes():
    error = pickle.loads(pickle.dumps(memmap.FaultError(1, 2, memmap.Causes.IO)))
    assert (error.offset, error.length, error.causes) == (1, 2, memmap.Causes.IO)
    assert "bytes 1 to 2 of" in str(error)


def test_a_read_that_fails_leaves_the_position(backing):
    with backing.map() as mapping:
        backing.cut(2 * PAGE)
        mapping.seek(PAGE)
        with pytest.raises(memmap.FaultError):
            mapping.read()
        assert mapping.tell() == PAGE
        with pytest.raises(memmap.FaultError):
            mapping.write(b"y" * 2 * PAGE)
        assert mapping.tell() == PAGE


def test_check_reports_what_was_lost(backing):
    with backing.map() as mapping:
        backing.cut(PAGE)
        mapping.check()
        with pytest.raises(memmap.FaultError):
            bytes(mapping)
        mapping.check(0, PAGE)
        with pytest.raises(memmap.FaultError):
            mapping.check()


def test_flush_and_resize_report_a_loss(backing):
    with backing.map() as mapping:
        backing.cut(PAGE)
        with pytest.raises(memmap.FaultError):
            mapping[PAGE]
        with pytest.raises(memmap.FaultError):
            mapping.flush()
        with pytest.raises(memmap.FaultError):
            mapping.resize(PAGE)
        assert len(mapping) == PAGES * PAGE


@pytest.mark.parametrize("access", [memmap.ACCESS_READ, memmap.ACCESS_COPY])
def test_flush_of_what_is_not_written_back_reports_a_loss(backing, access):
    with backing.map(access=access) as mapping:
        assert mapping.flush() is None
        backing.cut(PAGE)
        with pytest.raises(memmap.FaultError):
            mapping[PAGE]
        with pytest.raises(memmap.FaultError):
            mapping.flush()


def test_recover_brings_the_file_back(backing):
    with backing.map() as mapping:
        backing.cut(PAGE)
        with pytest.raises(memmap.FaultError):
            mapping[3 * PAGE] = 1
        with pytest.raises(memmap.FaultError):
            mapping.recover()
        backing.path.write_bytes(b"n" * (PAGES * PAGE))
        mapping.recover()
        assert mapping.fault is None
        assert mapping[:] == b"n" * (PAGES * PAGE)
        mapping[3 * PAGE] = ord("w")
        mapping.flush()
        assert backing.path.read_bytes()[3 * PAGE] == ord("w")


def test_recover_of_what_is_whole_does_nothing(backing):
    with backing.map() as mapping, memmap.mmap(-1, PAGE) as anonymous:
        mapping.recover()
        anonymous.recover()


def test_without_a_descriptor_it_is_survived_and_not_recovered(backing):
    with backing.map(trackfd=False) as mapping:
        backing.cut(PAGE)
        with pytest.raises(memmap.FaultError) as caught:
            mapping[PAGE]
        assert caught.value.causes == memmap.Causes.UNKNOWN
        with pytest.raises(OSError):
            mapping.recover()


def test_it_is_guarded_after_a_resize(backing):
    with backing.map() as mapping:
        mapping.resize(1000 * PAGE)
        assert mapping[: PAGES * PAGE] == b"x" * (PAGES * PAGE)
        assert mapping[-1] == 0
        backing.cut(PAGE)
        with pytest.raises(memmap.FaultError) as caught:
            mapping[900 * PAGE]
        assert caught.value.causes == memmap.Causes.TRUNCATED


def test_it_is_guarded_after_a_close_that_was_refused(backing):
    mapping = backing.map()
    with memoryview(mapping):
        with pytest.raises(BufferError):
            mapping.close()
        with pytest.raises(BufferError):
            mapping.resize(PAGE)
        backing.cut(PAGE)
        with pytest.raises(memmap.FaultError) as caught:
            mapping[3 * PAGE]
        assert caught.value.causes == memmap.Causes.TRUNCATED
    mapping.close()


def test_a_window_is_guarded_at_its_offset(backing):
    with open(backing.path, "r+b") as file:
        window = memmap.mmap(file.fileno(), 2 * PAGE, offset=4 * PAGE)
    with window:
        backing.cut(5 * PAGE)
        assert window[0] == ord("x")
        with pytest.raises(memmap.FaultError) as caught:
            window[PAGE]
        assert (caught.value.offset, caught.value.length) == (PAGE, PAGE)


TRUNCATES = """
    import os, {module} as mmap
    with open("file", "w+b") as file:
        file.write(b"x" * 65536)
        file.flush()
        mapping = mmap.mmap(file.fileno(), 0)
        file.truncate(0)
        try:
            mapping[40000]
        except OSError as error:
            print(type(error).__name__)
"""


def test_the_standard_module_dies_where_this_one_raises(program):
    died = program(TRUNCATES.format(module="mmap"))
    assert died.returncode == -signal.SIGBUS
    survived = program(TRUNCATES.format(module="memmap"))
    assert (survived.returncode, survived.stdout) == (0, "FaultError\n"), survived.stderr


def test_the_guard_can_be_left_out(program):
    assert program(TRUNCATES.format(module="memmap"), MEMMAP_GUARD="off").returncode == -signal.SIGBUS


def test_faulthandler_before_it_still_reports_what_is_not_a_mapping(program):
    ended = program("""
        import faulthandler, os, memmap, signal
        faulthandler.enable()
        with open("file", "w+b") as file:
            file.truncate(65536)
            mapping = memmap.mmap(file.fileno(), 0)
            file.truncate(0)
        try:
            mapping[40000]
        except memmap.FaultError:
            print("survived", flush=True)
        os.kill(os.getpid(), signal.SIGBUS)
    """)
    assert (ended.returncode, ended.stdout) == (-signal.SIGBUS, "survived\n")
    assert "Fatal Python error: Bus error" in ended.stderr


def test_without_descriptors_left_it_is_guarded_all_the_same(program):
    ended = program("""
        import memmap, os, resource
        file = open("file", "w+b")
        file.truncate(65536)
        with memmap.mmap(file.fileno(), 0):
            pass
        # One more can be opened, which is the standard module's own duplicate.
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")), 4096))
        mapping = memmap.mmap(file.fileno(), 0)
        file.truncate(0)
        try:
            mapping[40000]
        except memmap.FaultError as error:
            print(int(error.causes))
    """)
    assert (ended.returncode, ended.stdout) == (0, "4\n"), ended.stderr
