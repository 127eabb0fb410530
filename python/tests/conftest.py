"""Shared fixtures: files that lose pages, and programs that may die of it."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import memmap

PAGE = memmap.PAGESIZE
PAGES = 8


class Backing:
    """A file of PAGES pages, each byte ``x``."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(b"x" * (PAGES * PAGE))

    def map(self, **how):
        with open(self.path, "r+b") as file:
            return memmap.mmap(file.fileno(), 0, **how)

    def cut(self, size):
        os.truncate(self.path, size)


def pytest_runtest_logreport(report):
    """Report a skipped test to `make test`, which counts them."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _count_skipped(report)


def pytest_collectreport(report):
    if report.skipped:
        _count_skipped(report)


def _count_skipped(report):
    name = os.environ.get("MEMMAP_SKIPPED")
    if name:
        why = report.longrepr[2].partition("Skipped: ")[2]
        with open(name, "a", encoding="utf-8") as file:
            file.write(f"skipped: {why}: {report.nodeid}\n")


@pytest.fixture
def backing(tmp_path):
    return Backing(tmp_path / "file")


@pytest.fixture
def program(tmp_path):
    """Run a Python program in a temporary folder; return the CompletedProcess."""

    def run(text, python=sys.executable, **environment):
        root = Path(memmap.__file__).parents[1]
        return subprocess.run(
            [python, "-c", textwrap.dedent(text)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(root), **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
