"""No value that was computed from lost bytes is taken for a good one; see never_a_zero.py."""

import os
import subprocess
import sys
from pathlib import Path

import memmap

PROGRAM = Path(__file__).with_name("never_a_zero.py")


def run(seconds, folder, **environment):
    root = Path(memmap.__file__).parents[1]
    return subprocess.run(
        [sys.executable, PROGRAM, str(seconds), folder],
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        capture_output=True,
        text=True,
        timeout=float(seconds) + 100,
    )


def test_no_good_value_is_computed_from_lost_bytes(tmp_path):
    ran = run(os.environ.get("MEMMAP_TIME", "2"), tmp_path)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr
    assert " 0 of them wrong" in ran.stdout


def test_values_from_lost_bytes_are_seen(tmp_path):
    ran = run(2, tmp_path, MEMMAP_RAISE="off")
    assert ran.returncode == 1 and "wrong: " in ran.stdout, ran.stdout[-2000:] + ran.stderr
