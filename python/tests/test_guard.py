"""The guard of memory that other modules have mapped."""

import mmap as standard

import numpy
import pytest

import memmap
from conftest import PAGE, PAGES


@pytest.fixture
def foreign(backing):
    with open(backing.path, "r+b") as file, standard.mmap(file.fileno(), 0) as mapping:
        yield backing, file, mapping


@pytest.fixture
def not_raising():
    memmap.raise_on_fault(False)
    yield
    memmap.raise_on_fault(True)


def test_an_mmap_of_the_standard_module_survives(foreign):
    backing, file, mapping = foreign
    with memmap.guard(mapping, file) as guard:
        assert guard.fault is None
        guard.check()
        backing.cut(PAGE)
        with pytest.raises(memmap.FaultError):
            bytes(mapping)
        guard.check(0, PAGE)
        with pytest.raises(memmap.FaultError) as caught:
            guard.check(3 * PAGE, 1)
        assert caught.value.causes == memmap.Causes.TRUNCATED
        with pytest.raises(memmap.FaultError):
            guard.recover()
        backing.path.write_bytes(b"n" * (PAGES * PAGE))
        guard.recover()
        assert mapping[3 * PAGE] == ord("n")
    assert guard.closed


def test_the_end_of_the_block_reports_a_loss(foreign):
    backing, file, mapping = foreign
    with pytest.raises(memmap.FaultError):
        with memmap.guard(mapping, file):
            backing.cut(PAGE)
            mapping[3 * PAGE]


def test_the_end_of_the_block_does_not_hide_another_error(foreign, not_raising):
    backing, _, mapping = foreign
    with pytest.raises(KeyError):
        with memmap.guard(mapping):
            backing.cut(PAGE)
            mapping[3 * PAGE]
            raise KeyError


def test_while_guarded_it_cannot_be_closed(foreign):
    _, _, mapping = foreign
    guard = memmap.guard(mapping)
    with pytest.raises(BufferError):
        mapping.close()
    guard.close()
    guard.close()
    mapping.close()
    for call in (guard.check, guard.recover, guard.__enter__):
        with pytest.raises(ValueError, match="closed"):
            call()


def test_a_guard_that_is_dropped_has_ended(foreign):
    _, _, mapping = foreign
    memmap.guard(mapping)
    mapping.close()


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_numpy_memmap_survives_and_recovers_by_its_own_file(backing, mode):
    array = numpy.memmap(backing.path, dtype=numpy.uint8, mode=mode)
    with memmap.guard(array) as guard:
        backing.cut(PAGE)
        with pytest.raises(memmap.FaultError):
            array.sum()
        assert guard.fault.causes == memmap.Causes.TRUNCATED
        backing.cut(PAGES * PAGE)
        guard.recover()
        assert guard.fault is None
        backing.cut(PAGE)
        for _ in range(3):
            with pytest.raises(memmap.FaultError) as caught:
                array.sum()
            assert caught.value.filename == str(backing.path)
        backing.cut(PAGES * PAGE)
        guard.recover()


def test_a_numpy_memmap_with_an_offset_is_guarded_from_there(backing):
    array = numpy.memmap(backing.path, dtype=numpy.uint8, mode="r+", offset=PAGE + 100, shape=(3 * PAGE,))
    with memmap.guard(array) as guard:
        backing.cut(2 * PAGE)
        for _ in range(3):
            with pytest.raises(memmap.FaultError):
                array.sum()
        assert array[:2 * PAGE - PAGE - 100].sum() == ord("x") * (PAGE - 100)
        assert guard.fault.offset == PAGE - 100
        backing.cut(PAGES * PAGE)
        guard.recover()


def test_a_numpy_memmap_whose_file_was_replaced_is_guarded_without_it(backing):
    array = numpy.memmap(backing.path, dtype=numpy.uint8, mode="r")
    backing.path.unlink()
    backing.path.write_bytes(b"another")
    with memmap.guard(array) as guard:
        guard.check()


def test_a_guarded_page_is_guarded_once(backing, foreign):
    _, _, mapping = foreign
    with memmap.guard(mapping), pytest.raises(BufferError):
        memmap.guard(mapping)
    with backing.map() as own, pytest.raises(BufferError):
        memmap.guard(own)
    with backing.map() as own:
        own.check()


def test_what_is_no_mapping_or_of_another_file_is_refused(foreign, tmp_path):
    _, _, mapping = foreign
    with open(tmp_path / "other", "w+b") as other:
        other.truncate(PAGES * PAGE)
        with pytest.raises(ValueError):
            memmap.guard(mapping, other)
    for wrong in (b"", 5, None):
        with pytest.raises((TypeError, ValueError)):
            memmap.guard(wrong)
    mapping.close()


def test_where_the_guard_is_off_nothing_can_be_guarded(program):
    ended = program(
        """
        import memmap, mmap
        try:
            memmap.guard(mmap.mmap(-1, 10))
        except RuntimeError as error:
            print(error)
        """,
        MEMMAP_GUARD="off",
    )
    assert "the guard is off" in ended.stdout, ended.stderr
