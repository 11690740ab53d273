"""Arrow without pandas, for commands that start fast."""

from __future__ import annotations

import sys
from typing import Final

__all__ = ["keep_pandas_out", "own_process"]

_PANDAS: Final = "pandas"
_is_own_process = False


class _NoPandas:
    """A finder of modules that refuses pandas."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == _PANDAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def own_process() -> None:
    """Take note that this process does nothing but one command."""
    global _is_own_process
    _is_own_process = True


def keep_pandas_out() -> None:
    """Let Arrow find no pandas now, which it imports for its first scalar where pandas is installed.

    No command needs pandas, and importing it takes 0.3 s. Arrow looks again where it converts a table to a
    data frame or back, but does not know a series until then. So this does nothing in a process that is not
    the command's own.
    """
    if not _is_own_process or _PANDAS in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        import pyarrow as pa

        pa.scalar(0)
    finally:
        sys.meta_path.remove(finder)
