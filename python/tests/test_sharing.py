"""Sharing by name and by descriptor, range locks and cells."""

import multiprocessing
import os
import threading
import uuid

import pytest

import memmap
from conftest import PAGE, PAGES
from test_fork import in_child

forking = multiprocessing.get_context("fork")


@pytest.fixture
def name():
    name = f"memmap-test-{uuid.uuid4()}"
    yield name
    try:
        memmap.unlink_shared_memory(name)
    except FileNotFoundError:
        pass


def test_shared_memory_is_shared_by_its_name(name):
    with memmap.shared_memory(name, 1000) as mapping:
        assert len(mapping) == 1000 and mapping[:] == bytes(1000)
        mapping[:5] = b"hello"
        with memmap.shared_memory(name) as other, memmap.shared_memory(name, 5000) as third:
            assert other[:5] == b"hello" and len(third) == 1000
        with memmap.shared_memory(name, access=memmap.ACCESS_READ) as reader:
            assert reader[:5] == b"hello"
            with pytest.raises(TypeError):
                reader[0] = 1
        mode = os.stat(f"/dev/shm/{name}").st_mode & 0o777
        assert mode == 0o600
        with pytest.raises(FileExistsError):
            memmap.shared_memory(name, 1000, exist_ok=False)
        memmap.unlink_shared_memory(name)
        assert mapping[:5] == b"hello"


def test_shared_memory_that_is_not_there_is_not_found(name):
    for call in (memmap.shared_memory, memmap.unlink_shared_memory):
        with pytest.raises(FileNotFoundError):
            call(name)
    for wrong in ("a/b", "", "a\0b"):
        with pytest.raises(ValueError):
            memmap.shared_memory(wrong, 10)
    with pytest.raises(ValueError):
        memmap.shared_memory(name, -1)


def test_shared_memory_can_be_resized_and_is_guarded(name):
    with memmap.shared_memory(name, PAGE) as mapping:
        mapping.resize(8 * PAGE)
        assert mapping[-1] == 0
        os.truncate(f"/dev/shm/{name}", PAGE)
        with pytest.raises(memmap.FaultError):
            mapping[-1]


def test_a_memfd_is_shared_by_its_descriptor():
    before = os.listdir("/proc/self/fd")
    with memmap.memfd("test", 100) as mapping:
        descriptor = mapping.descriptor()
        with memmap.mmap(descriptor, 0) as other:
            other[0] = 7
        os.close(descriptor)
        assert mapping[0] == 7
        reading = mapping.descriptor(memmap.ACCESS_READ)
        with pytest.raises(PermissionError):
            memmap.mmap(reading, 0)
        with memmap.mmap(reading, 0, access=memmap.ACCESS_READ) as other:
            assert other[0] == 7
        os.close(reading)
        mapping.resize(20 * PAGE)
        assert mapping.size() == 20 * PAGE
    assert os.listdir("/proc/self/fd") == before


def test_seals_bind_everybody():
    with memmap.memfd("test", PAGE) as mapping:
        assert mapping.seals == 0
        mapping.seal(memmap.Seals.SHRINK | memmap.Seals.GROW)
        assert mapping.seals == memmap.Seals.SHRINK | memmap.Seals.GROW
        for size in (1, 2 * PAGE):
            with pytest.raises(PermissionError):
                mapping.resize(size)
        assert len(mapping) == PAGE and mapping[-1] == 0
        with pytest.raises(ValueError):
            mapping.seal(1 << 20)


def test_what_has_no_descriptor_gives_none(backing):
    with memmap.mmap(-1, 10) as anonymous, backing.map(trackfd=False) as untracked:
        for mapping in (anonymous, untracked):
            for call in (mapping.descriptor, lambda: mapping.seals, mapping.lock().acquire):
                with pytest.raises(OSError):
                    call()


def test_a_locked_range_is_refused_to_others_until_it_is_given_back(backing):
    with backing.map() as mapping, backing.map() as other:
        with mapping.lock(0, 10) as lock:
            assert lock.locked
            with pytest.raises(TimeoutError):
                other.lock(9, 1, timeout=0).acquire()
            with pytest.raises(TimeoutError):
                other.lock_shared(0, 1, timeout=0.01).acquire()
            with other.lock(10, 1, timeout=0):
                pass
        assert not lock.locked
        with other.lock(timeout=0):
            pass


def test_shared_locks_go_together(backing):
    with backing.map(access=memmap.ACCESS_READ) as mapping, backing.map() as other:
        with mapping.lock_shared(), other.lock_shared(timeout=0):
            with pytest.raises(TimeoutError):
                other.lock(timeout=0).acquire()


def test_locks_are_used_once_at_a_time(backing):
    with backing.map() as mapping:
        lock = mapping.lock(0, 1)
        with pytest.raises(ValueError):
            lock.release()
        with lock, pytest.raises(ValueError):
            lock.acquire()
        with lock:
            pass
        with pytest.raises(ValueError):
            mapping.lock(0, PAGES * PAGE + 1)
        with pytest.raises(ValueError):
            mapping.lock(timeout=-1)


def test_a_locked_mapping_is_not_resized_and_closing_gives_back(backing):
    mapping = backing.map()
    lock = mapping.lock()
    with lock:
        with pytest.raises(BufferError, match="locked"):
            mapping.resize(PAGE)
        mapping.close()
        with backing.map() as other, other.lock(timeout=0):
            pass
    with pytest.raises(ValueError, match="closed"):
        lock.acquire()


def test_another_process_is_kept_out_and_let_in(backing):
    def tries():
        with backing.map() as mine:
            mine.lock(0, 1, timeout=0).acquire()
            return "got it"

    with backing.map() as mapping:
        with mapping.lock(0, 1):
            with pytest.raises(TimeoutError):
                in_child(tries)
        assert in_child(tries) == "got it"


def test_a_wait_ends_when_the_range_is_given_back(backing):
    with backing.map() as mapping, backing.map() as other:
        lock, order = mapping.lock(), []
        lock.acquire()

        def waits():
            with other.lock():
                order.append("second")

        thread = threading.Thread(target=waits)
        thread.start()
        order.append("first")
        lock.release()
        thread.join()
        assert order == ["first", "second"]


@pytest.mark.parametrize("ends", ["release", "close"])
def test_threads_of_one_mapping_exclude_each_other_until_it_is_closed(backing, ends):
    mapping, results = backing.map(), []
    lock = mapping.lock(0, 10)
    lock.acquire()

    def waits():
        try:
            with mapping.lock(5, 10):
                results.append("got it")
        except ValueError as error:
            results.append(str(error))

    thread = threading.Thread(target=waits)
    thread.start()
    assert not results
    lock.release() if ends == "release" else mapping.close()
    thread.join(60)
    assert results == ["got it" if ends == "release" else "mmap closed or invalid"]
    mapping.close()


def test_ctrl_c_ends_a_wait(program):
    ended = program("""
        import memmap, os, signal, threading
        signal.signal(signal.SIGINT, signal.default_int_handler)  # Even if the parent ignores it.
        with open("file", "w+b") as file:
            file.truncate(100)
            one, two = memmap.mmap(file.fileno(), 0), memmap.mmap(file.fileno(), 0)
        with one.lock():
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                two.lock().acquire()
            except KeyboardInterrupt:
                print("interrupted")
    """)
    assert ended.stdout == "interrupted\n", ended.stderr


def test_a_cell_gives_the_newest_value(backing):
    backing.path.write_bytes(bytes(PAGES * PAGE))
    with backing.map() as mapping, backing.map(access=memmap.ACCESS_READ) as reader:
        with pytest.raises(ValueError):
            memmap.Cell(reader, 64)
        cell = memmap.Cell(mapping, 64, capacity=100)
        view = memmap.Cell(reader, 64)
        assert (view.capacity, view.sequence, view.read()) == (100, 0, None)
        for sequence, value in enumerate((b"one", bytearray(b"two"), b"", b"x" * 100), start=1):
            cell.publish(value)
            assert (view.read(), view.sequence) == (bytes(value), sequence)
        with pytest.raises(ValueError):
            cell.publish(b"x" * 101)
        with pytest.raises(TypeError):
            view.publish(b"x")
        assert memmap.Cell(mapping, 64, capacity=100).read() == b"x" * 100
        assert memmap.Cell.size(100) >= 400
    with pytest.raises(ValueError, match="closed"):
        cell.read()


def test_cells_are_refused_where_they_cannot_be(backing):
    backing.path.write_bytes(bytes(PAGES * PAGE))
    with backing.map() as mapping:
        for offset, capacity in ((1, 10), (0, 0), (PAGES * PAGE - 8, 10), (-8, 10), (0, -1)):
            with pytest.raises(ValueError):
                memmap.Cell(mapping, offset, capacity=capacity)


def test_readers_in_other_processes_get_whole_values():
    size = memmap.Cell.size(1000)
    with memmap.memfd("cell", size) as mapping:
        cell = memmap.Cell(mapping, capacity=1000)
        cell.publish(bytes(1000))

        def read():
            seen = {memmap.Cell(mapping).read() for _ in range(3000)}
            return all(len(value) == 1000 and len(set(value)) == 1 for value in seen)

        done = threading.Event()

        def write():
            number = 0
            while not done.is_set():
                number = (number + 1) % 256
                cell.publish(bytes([number]) * 1000)

        writer = threading.Thread(target=write)
        results = forking.SimpleQueue()
        child = forking.Process(target=lambda: results.put(read()))
        child.start()
        writer.start()
        assert results.get() is True
        done.set()
        writer.join()
        child.join()


def test_what_a_cell_claims_takes_no_memory(program):
    ended = program("""
        import os, resource, memmap

        LONG = 1 << 30
        descriptor = os.memfd_create("cell")
        os.ftruncate(descriptor, memmap.Cell.size(LONG))
        mapping = memmap.mmap(descriptor, 0)
        memmap.Cell(mapping, capacity=LONG)  # The capacity that the writer stored.
        cell = memmap.Cell(mapping)
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * memmap.PAGESIZE + (512 << 20),) * 2)

        def claim(length):
            slot = 128 + (24 + LONG + 63) // 64 * 64
            for at, word in ((slot, 1), (slot + 8, length), (64, 1)):
                mapping[at : at + 8] = word.to_bytes(8, "little")

        cell.publish(b"short")
        assert cell.read() == b"short" and cell.capacity == LONG
        cell.publish(b"long" * 10_000)
        assert cell.read() == memmap.Cell(mapping, limit=40_000).read() == b"long" * 10_000
        claim(LONG)
        for found in (cell, memmap.Cell(mapping, limit=0), memmap.Cell(mapping, limit=39_999)):
            try:
                print(found.read())
            except ValueError as error:
                assert "limit" in str(error)
        """)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
