"""Temporary folders in the cache; the next run removes those that a killed process left."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from vifex.engines.cache import cache_folder
from vifex.engines.cache_maintenance import remove_leftovers, taken_lock

__all__ = ["scratch_folder"]


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a folder that is removed afterwards.

    It is in the cache, not among the system's temporary files, so that a later run recognises it. Its lock
    ends with this process, however that ends.
    """
    try:
        parent = cache_folder() / "scratch"
        parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(parent.parent)
        path = Path(tempfile.mkdtemp(dir=parent, prefix="vifex-"))
    except (OSError, RuntimeError):  # no home folder, or one that cannot be written
        path = Path(tempfile.mkdtemp(prefix="vifex-"))
    try:
        with taken_lock(path):
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
