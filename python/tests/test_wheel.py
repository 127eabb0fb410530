"""The wheel: it is built, installed in an empty environment and imported."""

import io
import platform
import shutil
import subprocess
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    for tool in ("auditwheel", "hatchling", "build"):
        pytest.importorskip(tool)
    if shutil.which("make") is None:
        pytest.skip("there is no make")
    made = subprocess.run(["make", "-s", "wheel"], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    (made_here,) = ROOT.glob(f"target/wheel/*_{platform.machine()}.whl")
    return made_here


def test_its_tag_is_of_the_platform_and_of_every_python_3(wheel):
    assert wheel.name.startswith("memmap-")
    assert "-py3-none-manylinux_2_" in wheel.name


def test_an_install_and_an_import_are_all(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-index", wheel], capture_output=True, text=True
    )
    assert installed.returncode == 0, installed.stderr
    program = "import memmap; m = memmap.mmap(-1, 20000); m[9999] = 1; print(m.find(b'\\1'), memmap.__file__)"
    ran = subprocess.run([python, "-c", program], env={}, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    found, where = ran.stdout.split()
    assert found == "9999" and where.startswith(str(tmp_path))


def test_it_carries_the_licences_and_the_notices_of_what_its_library_is_made_of(wheel):
    with zipfile.ZipFile(wheel) as files:
        for path in ("LICENSE-APACHE", "LICENSE-MIT", "packaging/NOTICES"):
            (name,) = [name for name in files.namelist() if name.endswith(f".dist-info/licenses/{Path(path).name}")]
            assert files.read(name) == (ROOT / path).read_bytes()
        (metadata,) = [name for name in files.namelist() if name.endswith(".dist-info/METADATA")]
        said = files.read(metadata).decode()
    assert "License-Expression: MIT OR Apache-2.0\n" in said
    assert said.count("License-File: ") == 3


def test_its_library_is_hardened(wheel):
    elffile = pytest.importorskip("elftools.elf.elffile")  # auditwheel depends on it.
    with zipfile.ZipFile(wheel) as files:
        (name,) = [name for name in files.namelist() if "libmemmap.so" in name]
        library = elffile.ELFFile(io.BytesIO(files.read(name)))
    segments = {segment.header.p_type: segment.header.p_flags for segment in library.iter_segments()}
    dynamic = {tag.entry.d_tag: tag.entry.d_val for tag in library.get_section_by_name(".dynamic").iter_tags()}
    assert "PT_GNU_RELRO" in segments and dynamic["DT_FLAGS_1"] & 1  # DF_1_NOW: full RELRO.
    assert segments["PT_GNU_STACK"] & 1 == 0  # PF_X
    assert not {"DT_TEXTREL", "DT_RPATH", "DT_RUNPATH"} & dynamic.keys()
    assert all(flags & 3 != 3 for flags in segments.values())  # PF_W and PF_X.


def test_without_the_library_the_import_says_what_to_do(program):
    ran = program("import memmap", MEMMAP_LIBRARY="/nowhere/libmemmap.so")
    assert "ImportError: memmap needs libmemmap.so.0: install the wheel" in ran.stderr
