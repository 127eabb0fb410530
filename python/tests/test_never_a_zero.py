"""No value that was computed from lost bytes is taken for a good one; see never_a_zero.py."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import memmap

PROGRAM = Path(__file__).with_name("never_a_zero.py")


@pytest.fixture
def folder():
    """A folder on tmpfs: ext4 shows zeros while a file is truncated, and no signal reports them (docs/faults.md)."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield name


def run(seconds, folder, **environment):
    root = Path(memmap.__file__).parents[1]
    return subprocess.run(
        [sys.executable, PROGRAM, str(seconds), folder],
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        capture_output=True,
        text=True,
        timeout=float(seconds) + 100,
    )


def test_no_good_value_is_computed_from_lost_bytes(folder):
    ran = run(os.environ.get("MEMMAP_TIME", "2"), folder)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr
    assert " 0 of them wrong" in ran.stdout


def test_values_from_lost_bytes_are_seen(folder):
    ran = run(2, folder, MEMMAP_RAISE="off")
    assert ran.returncode == 1 and "wrong: " in ran.stdout, ran.stdout[-2000:] + ran.stderr
