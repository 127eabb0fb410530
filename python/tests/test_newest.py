"""Features of the standard module of 3.13 and 3.15 on this version, and features that it does not have."""

import mmap as standard
import os

import pytest

import memmap
from conftest import PAGE, PAGES


def test_seekable_and_seek_are_those_of_3_13(backing):
    with backing.map() as mapping:
        assert mapping.seekable() is True
        assert mapping.seek(10) == 10
        assert mapping.seek(5, os.SEEK_CUR) == 15
        assert mapping.seek(-1, os.SEEK_END) == PAGES * PAGE - 1
        with pytest.raises(ValueError):
            mapping.seek(1, os.SEEK_END)


@pytest.mark.parametrize("how", [dict(), dict(access=memmap.ACCESS_READ), dict(access=memmap.ACCESS_COPY),
                                 dict(flags=memmap.MAP_PRIVATE)], ids=repr)
def test_without_trackfd_no_descriptor_is_kept(backing, how):
    descriptors = os.listdir("/proc/self/fd")
    with backing.map(trackfd=False, **how) as mapping:
        assert os.listdir("/proc/self/fd") == descriptors
        with backing.map(**how) as tracked:
            assert repr(mapping) == repr(tracked)
        assert mapping[:] == b"x" * (PAGES * PAGE)
        with pytest.raises((OSError, ValueError)):  # ValueError since 3.15.
            mapping.size()
        if how.get("access") != memmap.ACCESS_READ:
            mapping[0] = ord("y")
    shared = not how
    assert backing.path.read_bytes()[:1] == (b"y" if shared else b"x")


@pytest.mark.parametrize("length, offset", [(PAGES * PAGE + 1, 0), (0, PAGES * PAGE), (10, 1)])
def test_without_trackfd_the_same_is_refused(backing, length, offset):
    with open(backing.path, "r+b") as file:
        with pytest.raises((ValueError, OSError)):
            memmap.mmap(file.fileno(), length, offset=offset, trackfd=False)


def test_without_trackfd_a_window_is_mapped_at_its_offset(backing):
    with open(backing.path, "r+b") as file:
        file.seek(PAGE)
        file.write(b"here")
        file.flush()
        with memmap.mmap(file.fileno(), 10, offset=PAGE, trackfd=False) as window:
            assert window[:4] == b"here"


def test_anonymous_memory_without_trackfd():
    with memmap.mmap(-1, 64, trackfd=False) as mapping:
        mapping[0] = 1
        assert mapping[0] == 1
        with pytest.raises((OSError, ValueError)):  # ValueError since 3.15.
            mapping.size()
        with pytest.raises(ValueError):
            mapping.resize(32)


def test_flush_takes_flags_and_an_offset_alone(backing):
    with backing.map() as mapping:
        for flags in (memmap.MS_SYNC, memmap.MS_ASYNC, memmap.MS_INVALIDATE,
                      memmap.MS_SYNC | memmap.MS_INVALIDATE):
            assert mapping.flush(flags=flags) is None
            assert mapping.flush(PAGE, PAGE, flags=flags) is None
        assert mapping.flush(2 * PAGE) is None
        for flags in (memmap.MS_SYNC | memmap.MS_ASYNC, 64):
            with pytest.raises(OSError):
                mapping.flush(flags=flags)


def test_flush_of_a_range_needs_no_alignment(backing):
    with backing.map() as mapping:
        mapping[100:111] = b"Hello, mmap"
        assert mapping.flush(range(100, 111)) is None
        assert mapping.flush(range(0)) is None
        for wrong in (range(0, 10, 2), range(-1, 5), range(0, PAGES * PAGE + 1)):
            with pytest.raises((TypeError, ValueError)):
                mapping.flush(wrong)
        with pytest.raises(TypeError):
            mapping.flush(range(5), 5)


def test_a_disk_that_is_full_raises_and_the_flush_tells(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    folder = tmp_path / "small"
    folder.mkdir()
    if os.system(f"mount -t tmpfs -o size=64k none {folder} 2>/dev/null") != 0:
        pytest.skip("nothing can be mounted here")
    try:
        with open(folder / "file", "w+b") as file:
            file.truncate(1 << 20)
            with memmap.mmap(file.fileno(), 0) as mapping:
                with pytest.raises(memmap.FaultError) as caught:
                    for at in range(0, 1 << 20, PAGE):
                        mapping[at] = 1
                assert caught.value.causes == memmap.Causes.IO
                with pytest.raises(memmap.FaultError):
                    mapping.flush()
    finally:
        os.system(f"umount --lazy {folder}")


def test_set_name_shows_in_the_list_of_regions():
    with memmap.mmap(-1, PAGE, flags=memmap.MAP_PRIVATE | memmap.MAP_ANONYMOUS) as mapping:
        try:
            mapping.set_name("a name")
        except OSError as error:
            pytest.skip(f"this kernel names no memory (CONFIG_ANON_VMA_NAME): {error}")
        assert "[anon:cpython:mmap:a name]" in open("/proc/self/maps").read()


def test_set_name_refuses_what_has_no_name(backing):
    with memmap.mmap(-1, PAGE) as mapping:
        with pytest.raises(ValueError, match="too long"):
            mapping.set_name("n" * 67)
        with pytest.raises(ValueError, match="null"):
            mapping.set_name("a\0b")
        with pytest.raises(TypeError):
            mapping.set_name(b"bytes")
    with backing.map() as mapping, pytest.raises(ValueError, match="non-anonymous"):
        mapping.set_name("n")


def test_constants_of_the_standard_module_are_here_unchanged():
    for name in dir(standard):
        if name.isupper():
            assert getattr(memmap, name) == getattr(standard, name)
    assert memmap.error is OSError


def test_advice_that_the_kernel_has_can_be_given(backing):
    with backing.map() as mapping:
        for name in ("MADV_COLD", "MADV_PAGEOUT", "MADV_POPULATE_READ", "MADV_POPULATE_WRITE"):
            if not hasattr(memmap, name):
                pytest.skip(f"this kernel has no {name}")
            assert mapping.madvise(getattr(memmap, name)) is None
        with pytest.raises(OSError):
            mapping.madvise(99)


def test_the_size_of_memory_without_a_file_is_its_length(backing):
    with memmap.mmap(-1, 100) as mapping:
        assert mapping.size() == 100
    with backing.map() as mapping:
        mapping.resize(PAGE)
        assert mapping.size() == PAGE
    with pytest.raises(ValueError, match="closed"):
        mapping.size()


def test_memory_shared_without_a_file_cannot_grow():
    with memmap.mmap(-1, PAGE) as mapping:
        with pytest.raises(ValueError, match="can't expand"):
            mapping.resize(2 * PAGE)
        mapping.resize(PAGE)


def test_private_memory_grows_and_keeps_its_bytes():
    with memmap.mmap(-1, PAGE, flags=memmap.MAP_PRIVATE | memmap.MAP_ANONYMOUS) as mapping:
        mapping[:4] = b"kept"
        assert mapping.find(b"kept", 0) == 0
        mapping.resize(1000 * PAGE)
        assert mapping[:4] == b"kept" and mapping[-1] == 0
        mapping[-4:] = b"last"
        assert mapping.rfind(b"last", 0) == 1000 * PAGE - 4


def test_residency_counts_pages_and_prefault_brings_them_in():
    with memmap.mmap(-1, PAGES * PAGE, flags=memmap.MAP_PRIVATE | memmap.MAP_ANONYMOUS) as mapping:
        assert mapping.residency() == bytes(PAGES)
        mapping[2 * PAGE] = 1
        assert mapping.residency() == bytes([0, 0, 1, 0, 0, 0, 0, 0])
        assert mapping.residency(2 * PAGE - 1, 2) == bytes([0, 1])
        assert mapping.residency(0, 0) == b""
        mapping.prefault(4 * PAGE, prot=memmap.PROT_WRITE)
        assert sum(mapping.residency()) == 5
        mapping.prefault(prot=memmap.PROT_WRITE)
        assert mapping.residency() == b"\1" * PAGES


def test_ranges_outside_are_refused(backing):
    with backing.map() as mapping:
        for call in (mapping.check, mapping.prefault, mapping.residency):
            for offset, size in ((-1, 1), (0, PAGES * PAGE + 1), (PAGES * PAGE + 1, 0), (1, -1)):
                with pytest.raises(ValueError):
                    call(offset, size)


def test_prefault_for_writing_is_refused_on_a_read_only_mapping(backing):
    with backing.map(access=memmap.ACCESS_READ) as mapping, pytest.raises(TypeError):
        mapping.prefault(prot=memmap.PROT_WRITE)


def test_a_mapping_that_cannot_be_read_is_left_to_the_standard_module(backing):
    with backing.map(prot=0) as mapping:
        assert len(mapping) == PAGES * PAGE
        with pytest.raises(TypeError, match="PROT_READ"):
            mapping.prefault()
