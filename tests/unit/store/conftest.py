"""Lets the tests of the store import their maker, wherever pytest was started."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where the system has one: the cost of syncs is not what is tested."""
    memory = Path("/dev/shm")
    where = str(memory) if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="vifex-test-", dir=where) as name:
        yield Path(name)
