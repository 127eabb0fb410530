"""Children of fork, as multiprocessing creates them."""

import multiprocessing

import pytest

import memmap
from conftest import PAGE, PAGES

forking = multiprocessing.get_context("fork")


def in_child(function, *arguments):
    """Run a function in a child process; return what it returns or raise what it raises."""

    def run(sender):
        try:
            sender.send(function(*arguments))
        except Exception as error:
            sender.send(error)

    receiver, sender = forking.Pipe(duplex=False)
    child = forking.Process(target=run, args=(sender,))
    child.start()
    sender.close()
    try:
        result = receiver.recv()
    except EOFError:
        result = None
    child.join(60)
    assert child.exitcode == 0
    if isinstance(result, Exception):
        raise result
    return result


@pytest.mark.parametrize("how", [dict(), dict(trackfd=False)])
def test_a_child_shares_the_file(backing, how):
    def write():
        mapping[0] = ord("c")
        mapping.close()
        return True

    with backing.map(**how) as mapping:
        assert in_child(write)
        assert mapping[0] == ord("c")
        assert mapping.find(b"c", 0) == 0


def test_memory_without_a_file_is_shared_unless_private():
    for flags, seen in ((memmap.MAP_SHARED, 7), (memmap.MAP_PRIVATE, 0)):
        with memmap.mmap(-1, PAGE, flags=flags | memmap.MAP_ANONYMOUS) as mapping:
            in_child(mapping.__setitem__, 0, 7)
            assert mapping[0] == seen


def test_a_child_survives_a_cut_file_and_recovers_for_itself(backing):
    def meets_it():
        with pytest.raises(memmap.FaultError):
            mapping[3 * PAGE]
        backing.cut(PAGES * PAGE)
        mapping.recover()
        return mapping[3 * PAGE]

    with backing.map() as mapping:
        backing.cut(PAGE)
        assert in_child(meets_it) == 0
        assert mapping.fault is None


def test_the_error_of_a_child_arrives_whole(backing):
    with backing.map() as mapping:
        backing.cut(PAGE)
        with pytest.raises(memmap.FaultError) as caught:
            in_child(mapping.__getitem__, 3 * PAGE)
        assert caught.value.offset == PAGE
        assert caught.value.causes == memmap.Causes.TRUNCATED


def test_a_child_resizes_and_maps_anew(backing):
    def change():
        mapping.resize(2 * PAGE)
        with backing.map() as other:
            return len(other)

    with backing.map() as mapping:
        assert in_child(change) == 2 * PAGE
        mapping.check(0, PAGE)
