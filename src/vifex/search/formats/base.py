"""An export format: a function that writes rows of a view to a file, and facts for listings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["Format", "row_columns"]

Write = Callable[["View", Path, Sequence[str], "str | None"], int]
"""`(view, path, feature columns, where) -> rows written`; `path` is an empty file that may be replaced."""


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write rows and vectors to one file, in memory bounded by a batch of rows."""

    name: str
    """As on the command line, e.g. `npy`."""
    suffix: str
    """Of the files, e.g. `.npy`."""
    one_column: bool
    """Whether a file holds a single feature column."""
    summary: str
    """One sentence for listings."""
    write: Write


def row_columns(view: View) -> list[str]:
    """Return the columns of a view that hold no features: keys, names, times, boxes, labels."""
    features = set(view.columns)
    return [name for name in view.schema.names if name not in features]
