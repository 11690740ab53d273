"""The columns of a row before its vectors: the one list from which schemas, hits and collectors derive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["BOX_SIDES", "OF_MEDIUM", "OF_SAMPLE", "ROW_COLUMNS", "ROW_NAMES", "RowColumn"]


@dataclass(frozen=True, slots=True)
class RowColumn:
    """A column that the rows of every view have."""

    name: str
    type: Literal["string", "int64", "float64", "float32"]
    of: Literal["row", "medium", "sample", "box"]
    """What the value belongs to: `Medium`, `Sample` and `Box` have a field of the same name."""
    required: bool = False
    """Whether every row has a value."""


ROW_COLUMNS: Final = (
    RowColumn("key", "string", "row", required=True),
    RowColumn("medium_id", "string", "medium", required=True),
    RowColumn("uri", "string", "medium", required=True),
    RowColumn("name", "string", "medium", required=True),
    RowColumn("time_base", "string", "sample"),
    RowColumn("label", "string", "medium"),
    RowColumn("split", "string", "medium"),
    RowColumn("ordinal", "int64", "sample", required=True),
    RowColumn("frame_index", "int64", "sample"),
    RowColumn("pts", "int64", "sample"),
    RowColumn("t_s", "float64", "sample"),
    RowColumn("t_start_s", "float64", "sample"),
    RowColumn("t_end_s", "float64", "sample"),
    RowColumn("x0", "float32", "box"),
    RowColumn("y0", "float32", "box"),
    RowColumn("x1", "float32", "box"),
    RowColumn("y1", "float32", "box"),
)
"""In the order of the store's columns; docs/store-format.md says what each one means."""

ROW_NAMES: Final = tuple(c.name for c in ROW_COLUMNS)
OF_MEDIUM: Final = tuple(c.name for c in ROW_COLUMNS if c.of == "medium")
"""Columns that all rows of a medium share."""
OF_SAMPLE: Final = tuple(c.name for c in ROW_COLUMNS if c.of == "sample")
"""Columns that come with each sample."""
BOX_SIDES: Final = tuple(c.name for c in ROW_COLUMNS if c.of == "box")
"""Columns of a row's box."""
