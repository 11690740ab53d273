"""Rows of media between the engine and the store: slices of batches, laid out in columns at the end.

A batch's rows stay together in one chunk. What a medium has is a list of slices of chunks, so that no object
is made for each row, and neighbours that are stored together are one slice again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.extraction.pipeline.row_extras import extras_of
from vifex.values import InputError, Medium, Recipe
from vifex.values.extra import EXTRA
from vifex.values.sample_facts import BOX_NUMBER, Records, fact_column

__all__ = ["MediumRows", "Part", "RowChunk", "build_rows", "in_order"]


@dataclass(frozen=True, slots=True, eq=False)
class RowChunk:
    """Rows of one batch."""

    records: Records
    """`[N]` of `FACT_DTYPE`."""
    vectors: Mapping[str, npt.NDArray[Any]]
    """Column name to `[N, *shape]`, in the dtype of the store."""


Part = tuple[RowChunk, int, int]
"""Rows `[start, stop)` of a chunk."""


class MediumRows(NamedTuple):
    """Rows of one medium, ordered by ordinal."""

    medium: Medium
    parts: Sequence[Part]

    def row_count(self) -> int:
        """Count the rows."""
        return sum(stop - start for _, start, stop in self.parts)


def in_order(parts: Sequence[Part]) -> Sequence[Part]:
    """Order the parts of one medium by ordinal: batches come back from the engine in any order."""
    if len(parts) < 2:
        return parts
    return sorted(parts, key=lambda part: int(part[0].records["ordinal"][part[1]]))


def build_rows(media: Sequence[MediumRows], schema: pa.Schema, recipe: Recipe) -> pa.RecordBatch:
    """Lay rows of one medium or several out in the store's columns.

    Args:
        media: Their rows, one medium after the other.
        schema: The view's, from the store.
        recipe: Says the columns' sizes.

    Returns:
        The columns of the schema, and `extra` behind them where a source says more of one of the rows.

    Raises:
        InputError: If a layer has the column `extra`.
    """
    slices = _merged([part for rows in media for part in rows.parts])
    records = _joined([chunk.records[start:stop] for chunk, start, stop in slices])
    owners = [(rows.medium, rows.row_count()) for rows in media]
    columns = _texts(owners, records) | _facts(records, schema)
    extras = extras_of(owners, records)
    if extras is not None:
        schema = _with_extra(schema)
        texts = pa.array(extras, pa.string())
        columns[EXTRA] = pa.ExtensionArray.from_storage(schema.field(EXTRA).type, texts)
    for spec in recipe.layers:
        column = spec.column
        flat = _joined([chunk.vectors[column][start:stop] for chunk, start, stop in slices])
        values = pa.array(np.ascontiguousarray(flat).reshape(-1))
        columns[column] = pa.FixedSizeListArray.from_arrays(values, spec.size)
    cast = [c if c.type == f.type else c.cast(f.type) for f in schema for c in (columns[f.name],)]
    return pa.RecordBatch.from_arrays(cast, schema=schema)


def _with_extra(schema: pa.Schema) -> pa.Schema:
    if EXTRA in schema.names:
        raise InputError(
            f"a layer has the column {EXTRA!r}, which the extra columns of a manifest need.",
            todo="Take the columns that Vifex does not read out of the manifest.",
        )
    return schema.append(pa.field(EXTRA, pa.json_(pa.string())))


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Join parts that follow each other in one chunk."""
    merged: list[Part] = []
    last, first, end = None, 0, 0
    for chunk, start, stop in parts:
        if chunk is last and start == end:
            end = stop
            continue
        if last is not None:
            merged.append((last, first, end))
        last, first, end = chunk, start, stop
    if last is not None:
        merged.append((last, first, end))
    return merged


def _joined(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _texts(owners: Sequence[tuple[Medium, int]], records: Records) -> dict[str, pa.Array]:
    """Columns that say which medium a row is of."""
    if all(count == 1 for _, count in owners):
        media = [medium for medium, _ in owners]
    else:
        media = [medium for medium, count in owners for _ in range(count)]
    ids = [medium.medium_id for medium in media]
    keys = [f"{medium_id}:{n}" for medium_id, n in zip(ids, records["ordinal"].tolist(), strict=True)]
    plain: dict[str, list[str | None]] = {
        "key": keys,  # type: ignore[dict-item]
        "medium_id": ids,  # type: ignore[dict-item]
        "uri": [medium.uri for medium in media],
        "name": [medium.name for medium in media],
        "label": _labels(media, records),
        "split": [medium.split for medium in media],
    }
    return {name: pa.array(values, pa.string()) for name, values in plain.items()}


def _labels(media: Sequence[Medium], records: Records) -> list[str | None]:
    """Give the label of each row: its box's own, else its medium's."""
    numbers = records[BOX_NUMBER]
    if (numbers < 0).all():
        return [medium.label for medium in media]
    pairs = zip(media, numbers.tolist(), strict=True)
    own = ((medium, medium.boxes[number].label if number >= 0 else None) for medium, number in pairs)
    return [medium.label if label is None else label for medium, label in own]


def _facts(records: Records, schema: pa.Schema) -> dict[str, pa.Array]:
    """Columns of the records' fields."""
    columns = {}
    for name in records.dtype.names or ():
        if name == BOX_NUMBER:
            continue
        kind = schema.field(name).type
        values, is_none = fact_column(records, name)
        if is_none.all():
            columns[name] = pa.nulls(len(records), kind)
        elif values.dtype.kind == "S":
            columns[name] = pa.array([text.decode() or None for text in values.tolist()], kind)
        else:
            numbers = np.ascontiguousarray(values, kind.to_pandas_dtype())
            columns[name] = pa.array(numbers, kind, mask=is_none if is_none.any() else None)
    return columns
