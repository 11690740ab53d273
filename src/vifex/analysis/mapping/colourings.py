"""What the points of a map are coloured by: categories, or numbers on a gradient."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vifex.analysis.rows import FeatureRows
from vifex.values import InputError
from vifex.values.registry import near

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Colouring", "colourings_of", "read_colourings"]

_MOST_CATEGORIES: Final = 65_000
_MOST_WHOLE_CATEGORIES: Final = 256
"""Whole numbers with more values than this are a range, not categories."""
_OTHERS: Final = "(others)"
_NO_NUMBER: Final = 65_535
_OF_ROWS: Final = frozenset(
    {"key", "medium_id", "uri", "name", "ordinal", "frame_index", "pts", "time_base", "t_s", "t_start_s"}
    | {"t_end_s", "x0", "y0", "x1", "y1", "label", "split"}
)
"""Columns of a table that say which row is meant, and no value of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Colouring:
    """One value for each row, as small numbers."""

    name: str
    codes: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    """`[N]`: places in `values`; of numbers 0 to 65,534 from `low` to `high`, and 65,535 for none."""
    values: tuple[str | None, ...] | None
    """The categories, the most frequent first; `None` among them is a row without a value. Without it the
    codes are numbers."""
    low: float = 0.0
    high: float = 0.0
    unit: str | None = None

    def facts(self) -> dict[str, Any]:
        """Return what the page must know beside the codes."""
        if self.values is not None:
            return {"name": self.name, "kind": "category", "values": list(self.values)}
        return {"name": self.name, "kind": "number", "min": self.low, "max": self.high, "unit": self.unit}


def colourings_of(rows: FeatureRows) -> list[Colouring]:
    """Return what the store knows of its rows: label, split, folder, medium and time, where they differ."""
    media = rows.media
    folders = [Path(medium.name).parent.as_posix() for medium in media]
    known: list[tuple[str, Sequence[str | None]]] = [
        ("label", [medium.label for medium in media]),
        ("split", [medium.split for medium in media]),
        ("folder", folders),
    ]
    if 1 < len(media) < len(rows):
        known.append(("medium", [medium.name for medium in media]))
    found = [
        _categories(name, values, rows.medium)
        for name, values in known
        if len(set(values)) > 1 or values[0] not in (None, ".")
    ]
    if np.isfinite(rows.t_s).any():
        found.append(_numbers("time", rows.t_s, "s"))
    return found or [_categories("none", [None], np.zeros(len(rows), np.int32))]


def read_colourings(path: str | os.PathLike[str], rows: FeatureRows) -> tuple[list[Colouring], list[str]]:
    """Read a value for each row from a table.

    Args:
        path: A `.csv`, `.tsv` or `.parquet` file with a column `key` (of rows) or `name` (of media). Every
            other column that does not describe the row itself becomes a colouring.
        rows: The rows of the map.

    Returns:
        The colourings, and a sentence if some rows of the map are not in the table.

    Raises:
        InputError: If the file cannot be read, has no such column, or none of its rows is on the map.
    """
    table = _table(path)
    by = next((name for name in ("key", "name") if name in table.column_names), None)
    columns = [name for name in table.column_names if name not in _OF_ROWS]
    if by is None or not columns:
        raise InputError(
            f"it has the columns {', '.join(table.column_names)}.",
            of=os.fspath(path),
            todo="A table of values needs a column key or name, and one with the values.",
        )
    places, note = _places(table.column(by).to_pylist(), by, rows, path)
    return [_colouring(name, table.column(name), places) for name in columns], [note] if note else []


def _table(path: str | os.PathLike[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    text = os.fspath(path)
    kind = Path(text).suffix.lower()
    try:
        if kind == ".parquet":
            return pyarrow.parquet.read_table(text)
        if kind in (".csv", ".tsv"):
            parse = pyarrow.csv.ParseOptions(
                delimiter="\t" if kind == ".tsv" else ",", newlines_in_values=True
            )
            as_text = pyarrow.csv.ConvertOptions(column_types={"key": pa.string(), "name": pa.string()})
            return pyarrow.csv.read_csv(text, parse_options=parse, convert_options=as_text)
    except FileNotFoundError as exc:
        raise InputError("there is no such file.", of=text) from exc
    except (OSError, pa.ArrowException) as exc:
        raise InputError(f"the table cannot be read: {' '.join(str(exc).split())}.", of=text) from exc
    raise InputError(
        f"a table of this kind ({kind or 'without an ending'}) is not read.",
        of=text,
        todo="Take a .csv, .tsv or .parquet file.",
    )


def _places(
    names: Sequence[str | None], by: str, rows: FeatureRows, path: str | os.PathLike[str]
) -> tuple[npt.NDArray[np.int64], str | None]:
    """Return for each row of the map its row of the table, or -1, and a sentence if some have none."""
    place = {name: number for number, name in enumerate(names)}
    if by == "key":
        wanted = rows.keys()
        found = np.array([place.get(key, -1) for key in wanted], np.int64)
    else:
        wanted = [medium.name for medium in rows.media]
        found = np.array([place.get(name, -1) for name in wanted], np.int64)[rows.medium]
    have = int(np.count_nonzero(found >= 0))
    if not have:
        first = next((str(name) for name in names if name), "")
        raise InputError(
            f"no {by} in it is one of the map, e.g. {first!r}.",
            of=os.fspath(path),
            todo=f"{near(first, list(dict.fromkeys(wanted[:10_000])))}A map has keys such as "
            f"{rows.keys()[0]!r} and names such as {rows.media[0].name!r}.",
        )
    missing = len(rows) - have
    note = f"{os.fspath(path)} has no value for {missing} of the {len(rows)} rows of the map."
    return found, note if missing else None


def _colouring(name: str, column: pa.ChunkedArray, places: npt.NDArray[np.int64]) -> Colouring:
    import pyarrow as pa

    has_value = places >= 0
    of_row = np.where(has_value, places, len(column))
    if pa.types.is_floating(column.type) or (
        pa.types.is_integer(column.type) and len(column.unique()) > _MOST_WHOLE_CATEGORIES
    ):
        numbers = column.cast(pa.float64()).to_numpy()
        return _numbers(name, np.append(numbers, np.nan)[of_row], None)
    texts = [None if value is None else str(value) for value in column.to_pylist()]
    return _categories(name, [*texts, None], of_row)


def _categories(name: str, values: Sequence[str | None], of_row: npt.NDArray[Any]) -> Colouring:
    """Number the categories by their frequency among the rows.

    Args:
        name: The name of the colouring.
        values: The value of each medium, or of each row of a table.
        of_row: `[N]`: place in `values` of each row.
    """
    sizes = np.bincount(of_row, minlength=len(values)).tolist()
    counts: Counter[str] = Counter()
    for value, size in zip(values, sizes, strict=True):
        if value is not None and size:
            counts[value] += size
    kept = sorted(counts, key=lambda value: (-counts[value], value))
    if len(kept) > _MOST_CATEGORIES:
        kept = [*kept[: _MOST_CATEGORIES - 1], _OTHERS]
    code: dict[str | None, int] = {value: number for number, value in enumerate(kept)}
    code[None] = len(kept)
    codes = np.array([code.get(value, len(kept) - 1) for value in values])[of_row]
    listed: list[str | None] = [*kept]
    if (codes == len(kept)).any():
        listed.append(None)
    return Colouring(name, codes.astype(np.uint8 if len(listed) <= 256 else np.uint16), tuple(listed))


def _numbers(name: str, values: npt.NDArray[np.float64], unit: str | None) -> Colouring:
    finite = np.isfinite(values)
    low, high = (float(values[finite].min()), float(values[finite].max())) if finite.any() else (0.0, 0.0)
    codes = np.full(len(values), _NO_NUMBER, np.uint16)
    span = high - low
    codes[finite] = np.rint((values[finite] - low) / span * (_NO_NUMBER - 1)) if span > 0 else 0
    return Colouring(name, codes, None, low, high, unit)
