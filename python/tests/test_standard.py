"""CPython's own tests, run by each interpreter that is installed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import memmap

SUITE = Path(__file__).with_name("standard_suite.py")
NAMES = ["python3", *(f"python3.{minor}" for minor in range(9, 16))]


def interpreters():
    """Return one interpreter of each version: this one, those on the PATH, and those of pyenv."""
    found = {sys.version_info[:2]: sys.executable}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(name) for name in NAMES]
    candidates += sorted(str(python) for python in pyenv.glob("3.*/bin/python3"))
    for candidate in filter(None, candidates):
        asked = subprocess.run(
            [candidate, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True
        )
        version = tuple(map(int, asked.stdout.split()))
        if version >= (3, 9):
            found.setdefault(version, candidate)
    return found


INTERPRETERS = interpreters()


def outcomes(python, module, folder):
    root = Path(memmap.__file__).parents[1]
    ran = subprocess.run(
        [python, str(SUITE), module],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    if "No module named 'test" in ran.stderr or "cannot import name 'test_mmap'" in ran.stderr:
        pytest.skip(f"{python} has no test package (Debian: apt install libpython3-testsuite)")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize("version", sorted(INTERPRETERS), ids="{0[0]}.{0[1]}".format)
def test_cpythons_own_tests_pass_as_with_the_standard_module(version, tmp_path):
    python = INTERPRETERS[version]
    theirs = outcomes(python, "mmap", tmp_path)
    ours = outcomes(python, "memmap", tmp_path)
    assert sum(outcome == "passed" for outcome in theirs.values()) > 30
    assert ours == theirs
