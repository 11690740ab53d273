"""Examples as a table: where each one is, its class, its group and its split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.values import InputError, Medium, Span
from vifex.values.registry import near

__all__ = ["SCHEMA", "Examples", "joined", "with_classes"]

SCHEMA: Final = pa.schema(
    [
        ("name", pa.string()),
        ("uri", pa.string()),
        ("kind", pa.string()),
        ("size_bytes", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("t_start_s", pa.float64()),
        ("t_end_s", pa.float64()),
        ("image", pa.large_binary()),
        ("label", pa.string()),
        ("group", pa.string()),
        ("split", pa.string()),
    ]
)
"""`uri` names a file, or `image` holds the bytes of one. A column `features` may stand beside them."""


@dataclass(frozen=True, slots=True)
class Examples:
    """A table of `SCHEMA` and the names of the classes."""

    table: pa.Table
    classes: tuple[str, ...] = ()
    """Sorted; `labels` counts in them."""
    problems: tuple[tuple[str, str], ...] = ()
    """Name and reason of what a source lists and that cannot be tried."""

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Class of each example `[N]`; -1 where it has no label."""
        places = {name: place for place, name in enumerate(self.classes)}
        return np.array([places.get(v, -1) for v in self.table["label"].to_pylist()], dtype=np.int64)

    def column(self, name: str) -> list[Any]:
        """Return a column as a list of N values."""
        return list(self.table[name].to_pylist())

    def take(self, rows: npt.NDArray[Any] | Sequence[int]) -> Examples:
        """Return some of the examples, in the order of `rows`."""
        return replace(self, table=self.table.take(pa.array(np.asarray(rows, dtype=np.int64))))

    def medium(self, row: int) -> Medium:
        """Return an example as a medium; its file must be named by `uri`."""
        value = {name: self.table[name][row].as_py() for name in SCHEMA.names if name != "image"}
        has_span = value["t_start_s"] is not None or value["t_end_s"] is not None
        return Medium(
            uri=value["uri"],
            name=value["name"],
            kind=value["kind"],
            size_bytes=value["size_bytes"],
            mtime_ns=value["mtime_ns"],
            span=Span(value["t_start_s"], value["t_end_s"]) if has_span else None,
        )


def joined(parts: Sequence[Examples]) -> Examples:
    """Put the examples of several sources behind each other."""
    return Examples(
        pa.concat_tables([p.table for p in parts], promote_options="default"),
        problems=tuple(problem for p in parts for problem in p.problems),
    )


def with_classes(examples: Examples, classes: Sequence[str] | None = None, *, of: str = "") -> Examples:
    """Give examples the names of their classes.

    Args:
        examples: Those without a label stay without one.
        classes: The names; by default every label that occurs, sorted, numbers by their value.
        of: What the examples are, for a message.

    Raises:
        InputError: If a label is not among the classes; the message offers similar names.
    """
    found = {label for label in examples.table["label"].to_pylist() if label is not None}
    if classes is None:
        return replace(examples, classes=tuple(sorted(found, key=_natural)))
    unknown = sorted(found - set(classes), key=_natural)
    if unknown:
        raise InputError(
            f"{len(unknown)} of its labels do not occur in the training examples: {', '.join(unknown[:3])}"
            f"{', ...' if len(unknown) > 3 else ''}.",
            of=of,
            todo=f"{near(unknown[0], list(classes))}Correct the labels, or add training examples of them.",
        )
    return replace(examples, classes=tuple(classes))


def _natural(label: str) -> tuple[int, int, str]:
    return (0, int(label), "") if label.isdecimal() else (1, 0, label)
