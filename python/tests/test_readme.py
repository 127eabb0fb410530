"""The programs in the READMEs."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_readmes_programs_run_one_after_the_other(program):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 3
    ran = program("\n".join(blocks))
    assert ran.returncode == 0, ran.stderr
    message = "[Errno 5] file was truncated: bytes 4096 to 99999 of the mapping are lost"
    name = ran.stdout.removeprefix(message + ": ").strip()
    assert name.startswith("'/") and name.endswith("/data.bin'")
    assert f"# {message}: '/tmp/data.bin'\n" in README.read_text()


def test_the_first_program_of_the_whole_runs(program):
    readme = README.parents[1] / "README.md"
    (block,) = re.findall(r"```python\n(.*?)```", readme.read_text(), re.DOTALL)
    ran = program(block)
    assert ran.returncode == 0, ran.stderr
    greeting, lost = ran.stdout.splitlines()
    assert greeting == "Hello, mmap" and "bytes 0 to 4095 of the mapping are lost" in lost
