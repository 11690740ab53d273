"""Lets the tests of the store import their maker, wherever pytest was started."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "store"))
sys.path.insert(0, str(Path(__file__).parent))

from vifex.store.commit import checkpoints, maintenance


@pytest.fixture
def eager_maintenance(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Maintenance after a few commits, so that a short run goes through it several times."""
    monkeypatch.setattr(maintenance, "EVERY_COMMITS", 5)
    monkeypatch.setattr(maintenance, "AT_END_COMMITS", 2)
    yield
    checkpoints.listen(None)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where the system has one: what is tested is the order of syncs, not their cost."""
    memory = Path("/dev/shm")
    where = str(memory) if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="vifex-test-", dir=where) as name:
        yield Path(name)
