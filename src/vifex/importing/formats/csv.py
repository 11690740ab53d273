"""CSV and TSV with a column for each number: `head_0`, `head_1`, ... or `0`, `1`, ... are a vector."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.importing.features import (
    Feature,
    FeatureFile,
    check_width,
    chosen,
    damaged,
    rows_per_batch,
    stamp_of,
)
from vifex.values import InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["open_csv", "vectors_of"]

_NUMBERED: Final = re.compile(r"^(.*?)[_.\- \[]?(\d+)\]?$", re.DOTALL)
_BOX: Final = ("x0", "y0", "x1", "y1", "x2", "y2", "t0", "t1")
_LEAST: Final = 3
"""Columns that are numbered without a gap are a vector from so many on."""
_BLOCK_BYTES: Final = 4 << 20
_LINE_TIMES: Final = 8


def open_csv(path: Path, wanted: Sequence[str], *, needs_vectors: bool = True) -> FeatureFile:
    """Open a table of text.

    Raises:
        InputError: If it cannot be read or has no vectors.
    """
    import pyarrow as pa

    head, delimiter, line_bytes = _head(path)
    groups = vectors_of(head)
    picked = chosen(list(groups), wanted, path) if needs_vectors else []
    features = tuple(Feature(name, (len(groups[name]),), "float32", "text") for name in picked)
    check_width(features, path)
    numbered = {name for group in groups.values() for name in group}
    facts = [name for name in head if name not in numbered]
    by_name = {feature.name: feature for feature in features}

    def read(fact_names: Sequence[str], feature_names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        columns = {name: groups[name] for name in feature_names}
        step = rows_per_batch([by_name[name] for name in feature_names])
        for batch in _batches(path, delimiter, line_bytes, fact_names, columns):
            for start in range(0, batch.num_rows, step):
                yield _row_batch(batch.slice(start, step), fact_names, columns, path)

    schema = pa.schema([(name, pa.string()) for name in facts])
    return FeatureFile(path, "csv", features, schema, read, stamp=stamp_of(path))


def vectors_of(head: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns of each vector by its name: those that are numbered from 0 or 1 without a gap."""
    found: dict[str, dict[int, str]] = {}
    for name in head:
        match = _NUMBERED.match(name)
        if match is not None and name.strip().lower() not in _BOX:
            found.setdefault(match[1], {})[int(match[2])] = name
    groups: dict[str, list[str]] = {}
    for prefix, columns in found.items():
        first = min(columns)
        whole = len(columns) == max(columns) - first + 1 and first in (0, 1)
        if whole and (len(columns) >= _LEAST or (prefix and f"{prefix}_0" in head)):
            groups[prefix.strip() or "features"] = [columns[number] for number in sorted(columns)]
    return groups


def _head(path: Path) -> tuple[list[str], str, int]:
    """Return the names of the columns, what separates them, and the bytes of the longest line so far."""
    try:
        with path.open("rb") as file:
            lines = [file.readline() for _ in range(3)]
        text = lines[0].decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise damaged(path, exc, "a table of text in UTF-8") from exc
    heads = {d: next(csv.reader([text], delimiter=d), []) for d in ",;\t"}
    delimiter = max(heads, key=lambda d: len(heads[d]))
    head = heads[delimiter]
    doubled = sorted({name for name in head if head.count(name) > 1})
    if not head or doubled:
        why = f"it has the column {doubled[0]} twice" if doubled else "it has no head line"
        raise damaged(path, why, "a table of text")
    return head, delimiter, max(map(len, lines))


def _batches(
    path: Path,
    delimiter: str,
    line_bytes: int,
    facts: Sequence[str],
    columns: Mapping[str, Sequence[str]],
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.csv as pc

    numbers = [name for group in columns.values() for name in group]
    types: dict[str, Any] = {name: pa.string() for name in facts} | {name: pa.float32() for name in numbers}
    with path.open("rb") as file:
        try:
            reader = pc.open_csv(
                file,
                read_options=pc.ReadOptions(
                    block_size=max(_BLOCK_BYTES, _LINE_TIMES * line_bytes), use_threads=False
                ),
                parse_options=pc.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                convert_options=pc.ConvertOptions(
                    column_types=types,
                    include_columns=[*facts, *numbers],
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
            yield from reader
        except pa.ArrowException as exc:
            raise damaged(path, exc, "a table of text") from exc


def _row_batch(
    batch: pa.RecordBatch, facts: Sequence[str], columns: Mapping[str, Sequence[str]], path: Path
) -> pa.RecordBatch:
    """Put the numbers of each vector together."""
    import numpy as np
    import pyarrow as pa

    arrays = [batch.column(name) for name in facts]
    for group in columns.values():
        parts = [batch.column(name) for name in group]
        absent = next((name for name, part in zip(group, parts, strict=True) if part.null_count), None)
        if absent is not None:
            raise InputError(f"the column {absent!r} has empty cells.", of=str(path), todo="Fill them.")
        matrix = np.empty((batch.num_rows, len(group)), np.float32)
        for place, part in enumerate(parts):
            matrix[:, place] = part.to_numpy(zero_copy_only=False)
        arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), len(group)))
    return pa.RecordBatch.from_arrays(arrays, names=[*facts, *columns])
