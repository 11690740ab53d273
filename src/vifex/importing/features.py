"""A file of features as it is read: feature columns, other columns, and batches of rows in their order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from vifex.values import InputError
from vifex.values.registry import near

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "BATCH_BYTES",
    "Feature",
    "FeatureFile",
    "as_column",
    "check_width",
    "chosen",
    "damaged",
    "rows_per_batch",
    "stamp_of",
]

BATCH_BYTES: Final = 2 << 20
_MAX_BATCH_ROWS: Final = 16_384
_MOST_NUMBERS: Final = 1 << 26


@dataclass(frozen=True, slots=True)
class Feature:
    """A column of arrays of numbers."""

    name: str
    """As the file calls it."""
    shape: tuple[int, ...]
    """Of the array of one row."""
    dtype: Literal["float32", "float16"]
    """In which it is stored."""
    stated: str
    """The type that the file has, e.g. `float64`."""

    @property
    def size(self) -> int:
        """Numbers in a row."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class FeatureFile:
    """A file, or a folder that is one, which is open for reading."""

    path: Path
    format: str
    features: tuple[Feature, ...]
    facts: pa.Schema
    """The other columns."""
    read: Callable[[Sequence[str], Sequence[str]], Iterator[pa.RecordBatch]]
    """`(names of facts, names of features) -> batches`, features as lists of fixed size in their `dtype`."""
    n_rows: int | None = None
    """`None` where only reading to the end tells it."""
    recipe: Mapping[str, Any] | None = None
    """The recipe of the view that was exported."""
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The names of classes that a column numbers."""
    model: str | None = None
    """The name of the model, where the names of files say it."""
    beside: Path | None = None
    """The folder where relative paths start; by default that of the file."""
    split: str | None = None
    """The split of all rows, where the name of the file says it."""
    stamp: tuple[int, int] = (0, 0)
    """Bytes and time of change of the file: another pair is another file."""


def rows_per_batch(features: Sequence[Feature]) -> int:
    """Return the number of rows of a batch of about 2 MiB."""
    width = sum(4 * feature.size for feature in features)
    return max(1, min(_MAX_BATCH_ROWS, BATCH_BYTES // max(1, width)))


def as_column(matrix: npt.NDArray[Any], feature: Feature) -> pa.FixedSizeListArray:
    """Return an array `[n, ...]` as a column of lists in the type of the store."""
    import pyarrow as pa

    flat = np.ascontiguousarray(matrix, dtype=feature.dtype).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), feature.size)


def chosen(names: Sequence[str], wanted: Sequence[str], of: Path) -> list[str]:
    """Return the feature columns that are read: those that are wanted, else all.

    Raises:
        InputError: If the file has none, or not a wanted one.
    """
    for name in wanted:
        if name not in names:
            raise InputError(
                f"the file has no column of vectors {name!r}.",
                of=str(of),
                todo=f"{near(name, list(names))}It has: {', '.join(names) or 'none'}.",
            )
    if not names:
        raise InputError(
            "the file has no array with a vector for each row.",
            of=str(of),
            todo="Give a file with vectors of one length: N x D numbers.",
        )
    return list(wanted) or list(names)


def check_width(features: Sequence[Feature], of: Path) -> None:
    """Refuse rows that do not fit in memory.

    Raises:
        InputError: If a vector has more than 67 million numbers.
    """
    for feature in features:
        if feature.size > _MOST_NUMBERS or not feature.size:
            raise InputError(
                f"a row of {feature.name!r} has {feature.size:,} numbers.",
                of=str(of),
                todo="Give a vector, tokens or a map for each row, of 1 to 67 million numbers.",
            )


def damaged(path: Path, why: object, kind: str) -> InputError:
    """Return the error of a file that cannot be read as what it should be."""
    return InputError(
        f"this cannot be read as {kind}: {str(why).strip().splitlines()[0].rstrip('.')[:160]}.",
        of=str(path),
        todo="Get a fresh copy of it.",
    )


def stamp_of(*paths: Path) -> tuple[int, int]:
    """Return the bytes and the newest time of change of some files."""
    stats = [path.stat() for path in paths]
    return sum(stat.st_size for stat in stats), max((stat.st_mtime_ns for stat in stats), default=0)
