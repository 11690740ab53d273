"""JSONL: an object for each row; fields with lists of numbers are vectors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.importing.features import FeatureFile, damaged, stamp_of
from vifex.importing.tables import table_file
from vifex.media.sources.fields import BOX_LISTS, snake

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["open_jsonl"]

_LOOKED_AT: Final = 200
"""Lines by which the types of fields are known."""
_LINES: Final = 1024
"""Lines of a batch at most: as objects they take several times their vectors."""


def open_jsonl(path: Path, wanted: Sequence[str], *, needs_vectors: bool = True) -> FeatureFile:
    """Open a file of objects.

    Raises:
        InputError: If it cannot be read or has no vectors.
    """
    schema = _schema(path)

    def batches(columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        part = [schema.field(name) for name in columns]
        with path.open("rb") as file:
            lines = ((number, line) for number, line in enumerate(file, 1) if line.strip())
            while some := list(islice(lines, min(rows, _LINES))):
                yield _batch(some, part, path)

    return table_file(
        path,
        "jsonl",
        schema,
        batches,
        wanted,
        n_rows=None,
        stamp=stamp_of(path),
        needs_vectors=needs_vectors,
    )


def _batch(lines: Sequence[tuple[int, bytes]], fields: Sequence[pa.Field], path: Path) -> pa.RecordBatch:
    import pyarrow as pa

    rows = []
    for number, line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as exc:
            raise damaged(path, f"line {number} is not JSON", "JSONL") from exc
        rows.append(row if isinstance(row, dict) else {})
    columns = []
    for one in fields:
        try:
            # Python's parser reads 1e999 and NaN, which Arrow's refuses.
            columns.append(pa.array([row.get(one.name) for row in rows], one.type))
        except (pa.ArrowException, OverflowError) as exc:
            where = f"lines {lines[0][0]} to {lines[-1][0]}"
            raise damaged(path, f"{one.name!r} is not {one.type} in {where}", "JSONL") from exc
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(list(fields)))


def _schema(path: Path) -> pa.Schema:
    """Return the fields with their types."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {}
    try:
        with path.open("rb") as file:
            for line in islice(file, _LOOKED_AT):
                if line.strip():
                    _note(json.loads(line), types)
    except (OSError, ValueError, RecursionError) as exc:
        raise damaged(path, exc, "JSONL") from exc
    return pa.schema(list(types.items()))


def _note(row: Any, types: dict[str, pa.DataType]) -> None:
    if not isinstance(row, dict):
        raise ValueError("a line is no JSON object")  # noqa: TRY004 - of the file, not a call
    for name, value in row.items():
        kind = _type(name, value)
        if kind is not None:
            known = types.setdefault(name, kind)
            if str(known) == "int64" and str(kind) == "double":
                types[name] = kind


def _type(name: str, value: Any) -> pa.DataType | None:
    import pyarrow as pa

    if isinstance(value, str):
        return pa.string()
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return pa.int64() if isinstance(value, int) else pa.float64()
    if isinstance(value, list) and value:
        if snake(name) in BOX_LISTS:
            return pa.list_(pa.float64())
        inner = next((one for one in value if one is not None), None)
        if isinstance(inner, list):
            kind = _type("", inner)
            return None if kind is None else pa.list_(kind)
        if inner is None or (isinstance(inner, int | float) and not isinstance(inner, bool)):
            return pa.list_(pa.float32())
    return None
