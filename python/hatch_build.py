"""Puts the library into the wheel, whose tag is that of the platform and of no Python version."""

import os
import platform
from pathlib import Path
from typing import Any, Dict

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LibraryHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: Dict[str, Any]) -> None:
        library = Path(os.environ["MEMMAP_LIBRARY"]).resolve()
        build_data["force_include"][str(library)] = "memmap/libmemmap.so.0"
        build_data["pure_python"] = False
        # Of another machine where it is built for one.
        machine = os.environ.get("MEMMAP_PLATFORM") or platform.machine()
        # What glibc it takes is for auditwheel to say.
        build_data["tag"] = f"py3-none-linux_{machine}"
