"""Memory that was freed goes back to the system."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

CHILD = """
from pathlib import Path
from vifex.store.files.memory import release_freed_memory

def held_kib():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

blocks = [bytearray(b"x" * 4000) for _ in range(10_000)]
kept = blocks[::16]
del blocks
before = held_kib()
release_freed_memory()
print(before - held_kib())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")
def test_what_lies_between_living_blocks_is_given_back() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("the C library gives memory back by itself")
    said = subprocess.run([sys.executable, "-c", CHILD], check=True, capture_output=True, text=True)
    assert int(said.stdout) > 20_000, "of 40,000 KiB 37,500 were freed"
