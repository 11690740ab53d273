"""Fenced blocks of the documentation, and how a page's blocks are run in the order in which they stand.

A block's info string is its language, then maybe one word: ` ```sh `, ` ```python `, ` ```toml file=NAME `
(written to that file before what follows), ` ```sh torch ` (needs the extra `torch`), ` ```sh setup `
(what has been done before a page is run: installing and `make demo`).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

__all__ = ["ROOT", "Block", "blocks_of", "run_page"]

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w+)(?: ([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RUN = ("sh", "python")


class Block(NamedTuple):
    """One fenced block."""

    language: str
    word: str
    text: str


def blocks_of(page: str) -> list[Block]:
    """Every fenced block of a page, named relative to the repository."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [Block(*found) for found in _BLOCK.findall(text)]


def run_page(page: str, folder: Path, *, words: Collection[str] = ("",)) -> int:
    """Run the blocks of a page in a folder and give how many were run.

    Args:
        page: Name relative to the repository.
        folder: Holds `demo/`, as `make demo` leaves it.
        words: Words of the info strings that are run; `""` stands for none.
    """
    commands = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    ran = 0
    for block in blocks_of(page):
        if block.word.startswith("file="):
            (folder / block.word.removeprefix("file=")).write_text(block.text, encoding="utf-8")
        if block.language not in _RUN or block.word not in words:
            continue
        if block.language == "python":
            command = [sys.executable, "-W", "error", "-c", block.text]
        else:
            command = ["bash", "-euo", "pipefail", "-c", block.text]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{page}:\n{block.text}\n{done.stdout}\n{done.stderr}"
        ran += 1
    return ran
