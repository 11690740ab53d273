"""The process that reads a damaged ledger: it may take 4 GiB of memory, and its parent ends it in time."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vifex.store.repairing.commits import write_fragments

__all__ = ["main"]

_MEMORY: Final = 4 << 30


def main(words: Sequence[str]) -> None:
    """Write the fragments of a ledger: its folder, version, first fragment, and the folder for the files."""
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    table, version, first, into = words
    write_fragments(Path(table), int(version), int(first), Path(into))
