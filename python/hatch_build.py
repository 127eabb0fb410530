"""Add the library to the wheel and tag the wheel with the platform, for any version of Python 3."""

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
        # MEMMAP_PLATFORM names the machine when the wheel is built for another one.
        machine = os.environ.get("MEMMAP_PLATFORM") or platform.machine()
        # auditwheel replaces this tag by one that names the glibc version.
        build_data["tag"] = f"py3-none-linux_{machine}"
