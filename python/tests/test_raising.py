"""FaultErrors that are raised where C code meets a lost byte through a buffer."""

import gc
import hashlib
import io
import os
import re
import signal
import struct
import sys
import textwrap
import threading
import time
import traceback
import zlib

import numpy
import pytest

import memmap
from conftest import PAGE, PAGES
from test_fork import in_child

LOST = 3 * PAGE


def array(mapping):
    return numpy.frombuffer(mapping, dtype=numpy.uint8)


READERS = {
    "bytes": bytes,
    "memoryview": lambda m: memoryview(m).tobytes(),
    "an item of a memoryview": lambda m: abs(memoryview(m)[LOST]),
    "join": lambda m: b"".join([m]),
    "numpy.sum": lambda m: numpy.sum(array(m)),
    "numpy.copy": lambda m: array(m).copy(),
    "numpy.add": lambda m: (array(m) + 1).max(),
    "numpy.save": lambda m: numpy.save(io.BytesIO(), array(m)),
    "hashlib": hashlib.sha256,
    "re": lambda m: re.search(b"y", m),
    "struct": lambda m: struct.unpack_from("<Q", m, LOST),
    "zlib": zlib.crc32,
    "a file's buffer": lambda m: io.BytesIO().write(m),
}


@pytest.fixture
def lost(backing):
    """A mapping whose file was cut after its first page."""
    with backing.map() as mapping:
        backing.cut(PAGE)
        yield mapping


def go_on():
    """Pass many places where the interpreter looks for signals."""
    for _ in range(1000):
        len(str(_))


def error_of(call, *arguments):
    """Return the FaultError of a call, whose frames keep no buffer exported."""
    with pytest.raises(memmap.FaultError) as caught:
        call(*arguments)
    traceback.clear_frames(caught.tb)
    return caught.value


@pytest.mark.parametrize("name", READERS)
def test_c_code_that_reads_lost_bytes_raises_each_time(lost, backing, name):
    for _ in range(3):
        error = error_of(READERS[name], lost)
        assert (error.offset, error.length) == (PAGE, (PAGES - 1) * PAGE)
        assert error.filename == str(backing.path)
        assert str(error) == f"[Errno 5] file was truncated: bytes 4096 to 32767 of the mapping are lost: '{backing.path}'"
        go_on()


@pytest.mark.parametrize("access", [memmap.ACCESS_READ, memmap.ACCESS_COPY])
def test_other_accesses_raise_each_time(backing, access):
    with backing.map(access=access) as mapping:
        backing.cut(PAGE)
        for _ in range(3):
            with pytest.raises(memmap.FaultError):
                bytes(mapping)


def test_a_window_raises_each_time(backing):
    with open(backing.path, "r+b") as file, memmap.mmap(file.fileno(), 0, offset=2 * PAGE) as window:
        backing.cut(4 * PAGE + 10)
        for _ in range(3):
            with pytest.raises(memmap.FaultError) as caught:
                bytes(window)
            assert caught.value.offset == 2 * PAGE + 10
        assert struct.unpack_from("4s", window, 2 * PAGE) == (b"xxxx",)


def test_c_code_that_writes_lost_bytes_raises(lost):
    with pytest.raises(memmap.FaultError):
        struct.pack_into("<Q", lost, LOST, 1)
    with pytest.raises(memmap.FaultError):
        array(lost).fill(1)


def test_whole_bytes_are_read_without_an_error(lost):
    with pytest.raises(memmap.FaultError):
        bytes(lost)
    assert struct.unpack_from("4s", lost, 100) == (b"xxxx",)
    assert lost[:4] == b"xxxx"
    go_on()


@pytest.mark.parametrize("call", [
    lambda m: m[LOST],
    lambda m: m[PAGE:],
    lambda m: m.find(b"y", 0),
    lambda m: m.__setitem__(LOST, 1),
])
def test_what_a_method_has_raised_is_not_raised_again(lost, call):
    for _ in range(3):
        with pytest.raises(memmap.FaultError) as caught:
            call(lost)
        assert caught.value.__context__ is None
        go_on()
    with pytest.raises(memmap.FaultError):
        lost.flush()
    go_on()


def test_after_a_method_has_raised_a_buffer_raises_too(lost):
    with pytest.raises(memmap.FaultError):
        lost[LOST]
    with pytest.raises(memmap.FaultError):
        bytes(lost)


def test_a_loss_after_a_recovery_raises(lost, backing):
    for _ in range(3):
        with pytest.raises(memmap.FaultError):
            bytes(lost)
        backing.path.write_bytes(b"n" * (PAGES * PAGE))
        lost.recover()
        assert bytes(lost) == b"n" * (PAGES * PAGE)
        backing.cut(PAGE)


def test_the_position_stays_where_it_was(lost):
    calls = [lambda: lost.read(), lambda: lost.readline(), lambda: lost.read_byte(), lambda: lost.write(b"y" * 10),
             lambda: lost.write_byte(1)]
    for call in calls:
        lost.seek(PAGE)
        with pytest.raises(memmap.FaultError):
            call()
        assert lost.tell() == PAGE


def test_losses_of_two_mappings_are_both_reported(backing):
    with backing.map() as one, backing.map() as other:
        backing.cut(PAGE)
        with pytest.raises(memmap.FaultError) as caught:
            b"".join([one, other])
        assert isinstance(caught.value.__cause__, memmap.FaultError)
        go_on()


def test_a_block_that_ends_with_a_loss_closes_its_mapping(backing):
    with backing.map() as other:
        view = memoryview(other)
        backing.cut(PAGE)
        maps = []

        def ends():
            with backing.map() as mapping:
                maps.append(mapping)
                view[LOST]

        with pytest.raises(memmap.FaultError):
            ends()
        assert maps[0].closed
        view.release()
        go_on()


def test_a_loss_in_a_block_goes_before_a_buffer_that_its_frames_export(backing):
    def ends():
        with backing.map() as mapping:
            maps.append(mapping)
            view = memoryview(mapping)
            backing.cut(PAGE)
            bytes(view)

    maps = []
    error_of(ends)
    maps[0].close()


def test_a_loss_before_another_error_is_raised_too(backing):
    def ends():
        with backing.map():
            view[LOST]
            raise KeyError

    with backing.map() as other, memoryview(other) as view:
        backing.cut(PAGE)
        raised = False
        try:
            try:
                ends()
            except KeyError:
                go_on()
        except memmap.FaultError:
            raised = True
        assert raised


def test_a_lock_is_not_left_behind(backing):
    def ends():
        with mapping.lock(0, 10):
            taken.append(True)
            view[LOST]

    with backing.map() as mapping, memoryview(mapping) as view:
        taken = []
        for _ in range(3):
            backing.cut(PAGE)
            with pytest.raises(memmap.FaultError):
                ends()
            assert in_child(lambda: mapping.lock(0, 10, timeout=0).acquire()) is None


def test_a_loss_is_not_raised_where_exceptions_are_ignored(lost, recwarn):
    class Reads:
        def __del__(self):
            results.append(struct.unpack_from("<Q", lost, LOST)[0])
            results.append("ran to its end")

    def drops():
        reads = Reads()
        del reads
        end = time.monotonic() + 10  # Python 3.9 raises it when another thread has run.
        while time.monotonic() < end:
            go_on()

    results = []
    with pytest.raises(memmap.FaultError):
        drops()
    assert results == [0, "ran to its end"]


def test_raising_can_be_turned_off_and_on(lost):
    memmap.raise_on_fault(False)
    try:
        assert bytes(lost)[LOST] == 0
        go_on()
        with pytest.raises(memmap.FaultError):
            lost.check()
        with pytest.raises(memmap.FaultError):
            lost[LOST]
    finally:
        memmap.raise_on_fault(True)
    go_on()
    with pytest.raises(memmap.FaultError):
        bytes(lost)


def test_a_child_raises_for_itself(lost):
    def meets_it():
        with pytest.raises(memmap.FaultError):
            bytes(lost)
        go_on()
        return True

    assert in_child(meets_it)
    go_on()
    assert lost.fault is None


# Other threads.


def in_thread(call):
    """Run a function in a thread; return what it returns or raises, and what the main thread raises meanwhile."""
    results = []

    def run():
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    raised = None
    try:
        thread.start()
        thread.join()
        go_on()
    except memmap.FaultError as error:
        raised = error
    thread.join()
    return results[0], raised


def test_a_loss_in_another_thread_raises_in_the_main_thread_that_made_the_mapping(lost):
    result, raised = in_thread(lambda: len(bytes(lost)))
    assert result == PAGES * PAGE and isinstance(raised, memmap.FaultError)
    go_on()


def test_a_method_raises_in_the_thread_that_calls_it(lost):
    result, _ = in_thread(lambda: lost[LOST])
    assert isinstance(result, memmap.FaultError)


def test_the_mapping_of_another_thread_does_not_raise_in_the_main_thread(backing):
    def use():
        with backing.map() as mapping:
            backing.cut(PAGE)
            content = bytes(mapping)
            go_on()
            with pytest.raises(memmap.FaultError):
                mapping.check()
            with pytest.raises(memmap.FaultError):
                mapping[LOST]
            return content[LOST]

    assert in_thread(use) == (0, None)


PROGRAM = """
import os, signal, sys, threading, memmap, mmap as standard
def fresh(module=memmap):
    with open("file", "w+b") as file:
        file.write(b"x" * 65536)
        file.flush()
        return module.mmap(file.fileno(), 0)
def cut():
    os.truncate("file", 0)
def survives(mapping):
    try:
        bytes(mapping)
    except memmap.FaultError:
        print("FaultError", flush=True)
    else:
        print("no error", flush=True)
"""


@pytest.fixture
def run(program):
    """Run a program that begins with PROGRAM."""

    def run(text, **environment):
        return program(PROGRAM + textwrap.dedent(text), **environment)

    return run


def lines(ended):
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split("\n")[:-1]


def test_the_environment_turns_raising_off(run):
    text = "m = fresh(); cut(); survives(m); print(signal.getsignal(signal.SIGBUS) == signal.SIG_DFL)"
    assert lines(run(text, MEMMAP_RAISE="off")) == ["no error", "True"]
    assert lines(run(text)) == ["FaultError", "False"]


def test_the_first_mapping_may_be_made_in_another_thread(run):
    assert lines(run("""
        thread = threading.Thread(target=fresh)
        thread.start()
        thread.join()
        m = fresh()
        cut()
        survives(m)
    """)) == ["FaultError"]


def test_the_import_may_be_made_in_another_thread(program):
    assert lines(program(f"""
        import threading
        def imports():
            exec({PROGRAM!r}, globals())
        thread = threading.Thread(target=imports)
        thread.start()
        thread.join()
        m = fresh()
        cut()
        survives(m)
    """)) == ["FaultError"]


HANDLER = """
        def handler(number, frame):
            print("handler", number, frame is not None, flush=True)
"""
FOREIGN = """
        os.kill(os.getpid(), signal.SIGBUS)
        print("sent", flush=True)
"""


def test_a_handler_that_was_there_gets_what_is_no_loss(run):
    assert lines(run(HANDLER + """
        signal.signal(signal.SIGBUS, handler)
        m = fresh()
        cut()
        survives(m)
    """ + FOREIGN)) == ["FaultError", "handler 7 True", "sent"]


def test_a_handler_that_is_installed_later_gets_what_is_no_loss(run):
    for restores in ("fresh()", "memmap.install_guard()", "m.check()", "m.flush()"):
        assert lines(run(HANDLER + f"""
        m = fresh()
        old = signal.signal(signal.SIGBUS, handler)
        print(memmap.guard_active())
        {restores}
        print(memmap.guard_active())
        cut()
        survives(m)
        """ + FOREIGN)) == ["False", "True", "FaultError", "handler 7 True", "sent"]


def test_a_handler_that_calls_the_one_before_ends(run):
    assert lines(run("""
        def handler(number, frame):
            print("handler", flush=True)
            old(number, frame)
        m = fresh()
        old = signal.signal(signal.SIGBUS, handler)
        memmap.install_guard()
        cut()
        survives(m)
    """ + FOREIGN)) == ["FaultError", "handler", "sent"]


@pytest.mark.parametrize("between", ["", "memmap.install_guard()"])
def test_where_a_handler_was_replaced_for_a_while_a_foreign_fault_ends_the_process(run, between):
    ended = run(HANDLER + f"""
        m = fresh()
        old = signal.signal(signal.SIGBUS, handler)
        {between}
        signal.signal(signal.SIGBUS, old)
        memmap.install_guard()
        cut()
        survives(m)
        theirs = fresh(standard)
        cut()
        theirs[0]
    """)
    assert (ended.returncode, ended.stdout) == (-signal.SIGBUS, "FaultError\n")


@pytest.mark.parametrize("handler", ["SIG_DFL", "SIG_IGN"])
def test_a_later_default_is_respected(run, handler):
    ended = run(f"""
        m = fresh()
        signal.signal(signal.SIGBUS, signal.{handler})
        memmap.install_guard()
        cut()
        survives(m)
    """ + FOREIGN)
    expected = {"SIG_DFL": (-signal.SIGBUS, "FaultError\n"), "SIG_IGN": (0, "FaultError\nsent\n")}
    assert (ended.returncode, ended.stdout) == expected[handler]


def test_without_a_handler_a_foreign_fault_ends_the_process(run):
    ended = run("""
        m = fresh()
        cut()
        survives(m)
        theirs = fresh(standard)
        cut()
        theirs[0]
    """)
    assert (ended.returncode, ended.stdout) == (-signal.SIGBUS, "FaultError\n")


@pytest.mark.parametrize("enable", ["before", "after"])
def test_faulthandler_reports_what_is_no_loss(run, enable):
    ended = run(f"""
        import faulthandler
        if {enable == "before"}:
            faulthandler.enable()
        early = fresh()
        if {enable == "after"}:
            faulthandler.enable()
            print(memmap.guard_active())
        late = fresh()
        print(memmap.guard_active())
        cut()
        survives(early)
        survives(late)
        theirs = fresh(standard)
        cut()
        theirs[0]
    """)
    said = {"before": "", "after": "False\n"}[enable] + "True\nFaultError\nFaultError\n"
    assert (ended.returncode, ended.stdout) == (-signal.SIGBUS, said), ended.stderr
    assert ended.stderr.count("Fatal Python error: Bus error") == 1


def test_the_option_of_the_interpreter_that_enables_faulthandler(run):
    ended = run("m = fresh(); cut(); survives(m)", PYTHONFAULTHANDLER="1")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "FaultError\n", "")


def test_faulthandler_that_is_turned_off_again_takes_nothing_away(run):
    assert lines(run("""
        import faulthandler
        faulthandler.enable()
        m = fresh()
        faulthandler.disable()
        m.check()
        cut()
        survives(m)
    """)) == ["FaultError"]


def test_a_guard_that_is_replaced_too_often_is_a_warning(run):
    ended = run("""
        import faulthandler
        fresh()
        for _ in range(100):
            faulthandler.enable()
            fresh()
            faulthandler.disable()
        m = fresh()
        cut()
        survives(m)
        faulthandler.enable()
        try:
            memmap.install_guard()
        except OSError as error:
            print(error.errno)
    """)
    assert lines(ended) == ["FaultError", "12"]
    assert ended.stderr.count("RuntimeWarning: the guard was replaced too often") == 1


def test_pytest_starts_faulthandler_after_conftest(tmp_path, run):
    (tmp_path / "conftest.py").write_text(PROGRAM + "mapping = fresh()\n")
    (tmp_path / "test_it.py").write_text("""
import conftest, memmap, pytest
def test_it():
    conftest.mapping.check()
    conftest.cut()
    with pytest.raises(memmap.FaultError):
        bytes(conftest.mapping)
""")
    ended = run("""
        import pytest
        sys.exit(pytest.main(["-p", "no:cacheprovider", "test_it.py"]))
    """)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_loss_while_the_interpreter_ends_is_survived(program):
    assert lines(program(f"""
        import atexit
        def ends():
            cut()
            print(len(bytes(m)), signal.getsignal(signal.SIGBUS) == signal.SIG_DFL)
        atexit.register(ends)  # It runs after what the package has registered.
        exec({PROGRAM!r})
        m = fresh()
    """)) == ["65536 True"]


def test_another_interpreter_of_the_process_is_left_alone(run):
    ended = run("""
        try:
            import _interpreters as interpreters
        except ImportError:
            try:
                import _xxsubinterpreters as interpreters
            except ImportError:
                sys.exit("skipped: there is no module for interpreters")
        m = fresh()
        other = interpreters.create()
        failed = interpreters.run_string(other, '''if True:
            import memmap, os
            with open("other", "w+b") as file:
                file.truncate(65536)
                m = memmap.mmap(file.fileno(), 0)
                file.truncate(0)
            bytes(m)
            try:
                m.check()
            except memmap.FaultError:
                print("checked", flush=True)
        ''')
        if failed is not None:
            sys.exit(f"skipped: {failed}")
        cut()
        survives(m)
    """)
    if "skipped" in ended.stderr or "does not support loading in subinterpreters" in ended.stderr:
        pytest.skip(ended.stderr.splitlines()[-1])
    assert lines(ended) == ["checked", "FaultError"]


def test_a_mapping_that_is_dropped_is_forgotten(backing):
    from memmap import _raising

    gc.collect()
    before = len(_raising._watched)
    mapping = backing.map()
    assert len(_raising._watched) == before + 1
    del mapping
    with backing.map():
        pass
    assert len(_raising._watched) == before


def test_system_calls_that_are_given_lost_bytes_fail_and_write_no_zeros(lost, tmp_path):
    with open(tmp_path / "copy", "wb", buffering=0) as copy:
        with pytest.raises(OSError) as caught:
            copy.write(memoryview(lost)[PAGE:])
        assert caught.value.errno == 14 and copy.tell() == 0
        with pytest.raises(memmap.FaultError) as caught:
            lost.prefault()
        assert caught.value.filename == str(tmp_path / "file")
        with pytest.raises(OSError):
            copy.write(memoryview(lost)[PAGE:])
        assert copy.tell() == 0
