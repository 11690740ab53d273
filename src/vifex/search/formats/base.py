"""An export format: a function that writes rows of a view to a file or a folder, and facts for listings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

    from vifex.store import View

__all__ = ["RECIPE", "Format", "recipe_text", "row_columns", "typed_schema"]

RECIPE: Final = "vifex.recipe"
"""Key under which a file keeps the recipe of its view as JSON."""

Write = Callable[["View", Path, Sequence[str], "str | None"], int]
"""`(view, path, feature columns, where) -> rows written`; `path` is an empty file that may be replaced, or an
empty folder where the format is one."""


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write rows and vectors to one file or folder, in memory bounded by a batch of rows."""

    name: str
    """As on the command line, e.g. `npy`."""
    suffix: str
    """Of the files, e.g. `.npy`; empty where folders have any name."""
    one_column: bool
    """Whether a file holds a single feature column, and nothing without one."""
    summary: str
    """One sentence for listings."""
    write: Write
    is_folder: bool = False
    """Whether a folder is written."""
    is_own: Callable[[Path], bool] | None = None
    """Whether a folder is such an export, which may be replaced."""


def row_columns(view: View) -> list[str]:
    """Return the columns of a view that hold no features: keys, names, times, boxes, labels."""
    features = set(view.columns)
    return [name for name in view.schema.names if name not in features]


def recipe_text(view: View) -> str:
    """Return the recipe of a view, and its name, as JSON."""
    return json.dumps({"view": view.name, **view.recipe.to_dict()}, ensure_ascii=False)


def typed_schema(view: View, columns: Sequence[str]) -> pa.Schema:
    """Return the row columns and some feature columns, typed as in the store, with the recipe as metadata."""
    import pyarrow as pa

    return pa.schema(
        [view.schema.field(name) for name in (*row_columns(view), *columns)],
        metadata={**(view.schema.metadata or {}), RECIPE: recipe_text(view)},
    )
