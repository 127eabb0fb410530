"""Environment variables: read in an ordinary program, ignored in a privileged or isolated one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import memmap
from memmap import _library

ROOT = Path(memmap.__file__).parents[1]
# Prints which library the package loads and whether it wants the guard.
ASKS = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from memmap import _library, _install
print(_library.path(), _install.wanted())
"""


@pytest.fixture
def others(tmp_path):
    """A copy of the library under another name, and an environment in which only that copy can be loaded."""
    library = tmp_path / "other.so"
    shutil.copy(_library.path(), library)
    os.symlink(Path(_library.path()).resolve(), tmp_path / _library.SONAME)
    return library, {"MEMMAP_LIBRARY": str(library), "MEMMAP_GUARD": "off", "LD_LIBRARY_PATH": str(tmp_path)}


def asked(environment, *options, python=sys.executable, **how):
    done = subprocess.run(
        [python, *options, "-B", "-c", ASKS], env=environment, capture_output=True, text=True, cwd="/", timeout=60, **how
    )
    return (done.stdout or done.stderr).split()


def test_the_environment_names_the_library(others):
    library, environment = others
    assert asked(environment) == [str(library), "False"]


def test_a_name_in_an_error_forges_no_line():
    for name in ("a\nb", "\x1b[2J", "\udcff"):
        done = subprocess.run(
            [sys.executable, "-B", "-c", ASKS], env={"MEMMAP_LIBRARY": f"/none/{name}"}, capture_output=True, timeout=60
        )
        last = done.stderr.splitlines()[-1]
        assert last.startswith(b"ImportError: ") and b"MEMMAP_LIBRARY" in last and last.isascii()
        assert b"\x1b" not in last
        with pytest.raises(OSError) as raised:
            open(f"/none/{name}")  # The standard library escapes names in the same way.
        assert str(raised.value).isprintable()


@pytest.mark.parametrize("option", ["-I", "-E"])
def test_isolated_it_does_not(others, option):
    library, environment = others
    assert asked(environment, option)[1:] == ["True"] and asked(environment, option)[0] != str(library)


@pytest.fixture
def privileged(tmp_path):
    """A set-user-ID interpreter of root."""
    if os.geteuid() != 0:
        pytest.skip("it takes root")
    if os.statvfs(tmp_path).f_flag & (os.ST_NOSUID | os.ST_NOEXEC):
        pytest.skip("the temporary folder doesn't heed the set-user-ID bit")
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    real = Path(sys.executable).resolve()
    (tmp_path / "pyvenv.cfg").write_text(f"home = {real.parent}\n")
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin/python3"
    shutil.copy(real, python)
    python.chmod(0o4755)
    return python


def test_a_privileged_interpreter_ignores_the_environment(others, privileged):
    library, environment = others
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    rights = subprocess.run(
        [privileged, "-I", "-c", "import os; print(os.getuid(), os.geteuid())"],
        capture_output=True, text=True, timeout=60, **nobody,
    )
    if rights.stdout.split() != ["65534", "0"]:
        pytest.skip(f"no program gets more rights here, or no interpreter: {rights.stderr}")
    for options in ([], ["-I"]):
        # If it finds no library, the error names the variable.
        said = asked(environment, *options, python=privileged, **nobody)
        assert str(library) not in said and "False" not in said
        assert "True" in said or "MEMMAP_LIBRARY," in said
