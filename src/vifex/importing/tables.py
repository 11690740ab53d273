"""Arrow tables as files of features: columns of lists are vectors, the others are facts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vifex.importing.features import (
    Feature,
    FeatureFile,
    as_column,
    check_width,
    chosen,
    rows_per_batch,
)
from vifex.importing.recipes import layers_of
from vifex.media.sources.fields import BOX_LISTS, snake
from vifex.media.sources.media_tables import class_names
from vifex.values import InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Batches", "is_vectors", "table_file"]

Batches = Callable[[Sequence[str], int], "Iterator[pa.RecordBatch]"]
"""`(columns, rows of a batch at most) -> batches` in the order of rows."""


def table_file(
    path: Path,
    form: str,
    schema: pa.Schema,
    batches: Batches,
    wanted: Sequence[str] = (),
    *,
    n_rows: int | None,
    stamp: tuple[int, int],
    needs_vectors: bool = True,
) -> FeatureFile:
    """Return a table as a file of features.

    Args:
        path: Of the file.
        form: Name of the format.
        schema: Of the table.
        batches: Reads it.
        wanted: Feature columns to read; by default all that there are.
        n_rows: Of the table, where that is known.
        stamp: Of the file.
        needs_vectors: Whether a table without vectors is refused.

    Raises:
        InputError: If there are no vectors, or they have no rows.
    """
    import pyarrow as pa

    recipe = _recipe(schema)
    own = layers_of(recipe)
    names = [one.name for one in schema if is_vectors(one)]
    exported = [name for name in names if name in own]
    picked = chosen(exported or names, wanted, path) if needs_vectors else []
    sizes = {name: _size(schema.field(name).type) for name in picked}
    if any(size is None for size in sizes.values()):
        sizes |= _sizes_of_first_row([n for n, s in sizes.items() if s is None], batches, path)
    features = tuple(
        _feature(name, schema.field(name).type, sizes[name] or 0, own[name].shape if name in own else None)
        for name in picked
    )
    check_width(features, path)
    facts = [one for one in schema if one.name not in picked and _is_fact(one)]
    by_name = {feature.name: feature for feature in features}

    def read(fact_names: Sequence[str], feature_names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        step = rows_per_batch([by_name[name] for name in feature_names])
        at = 0
        for batch in batches([*fact_names, *feature_names], step):
            columns = [batch.column(name) for name in fact_names]
            columns += [_vectors(batch.column(n), by_name[n], path, at) for n in feature_names]
            at += batch.num_rows
            yield pa.RecordBatch.from_arrays(columns, names=[*fact_names, *feature_names])

    classes = {one.name: found for one in facts if (found := class_names(schema, one.name))}
    return FeatureFile(
        path, form, features, pa.schema(facts), read, n_rows, recipe, classes=classes, stamp=stamp
    )


def is_vectors(field: pa.Field) -> bool:
    """Return whether a column has lists of numbers, which are not the corners of a box."""
    import pyarrow.types as kinds

    kind = field.type
    if not _is_list(kind):
        return False
    while _is_list(kind):
        kind = kind.value_type
    is_number = kinds.is_floating(kind) or kinds.is_integer(kind)
    return bool(is_number) and snake(field.name) not in BOX_LISTS


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind))


def _is_fact(field: pa.Field) -> bool:
    import pyarrow.types as kinds

    kind = field.type
    if snake(field.name) in BOX_LISTS and _is_list(kind):
        return True
    tests = (kinds.is_string, kinds.is_large_string, kinds.is_integer, kinds.is_floating, kinds.is_dictionary)
    return any(test(kind) for test in tests)


def _size(kind: pa.DataType) -> int | None:
    """Return the numbers in a list, where its type says them."""
    import pyarrow.types as kinds

    size = 1
    while _is_list(kind):
        if not kinds.is_fixed_size_list(kind):
            return None
        size, kind = size * kind.list_size, kind.value_type
    return size


def _sizes_of_first_row(names: Sequence[str], batches: Batches, path: Path) -> dict[str, int | None]:
    for batch in batches(names, 1):
        for row in range(min(1, batch.num_rows)):
            return {name: len(_flat(batch.column(name).slice(row, 1))) for name in names}
    raise InputError("the table has no rows.", of=str(path), todo="Give a table with vectors.")


def _feature(name: str, kind: pa.DataType, size: int, shape: tuple[int, ...] | None) -> Feature:
    import pyarrow.types as kinds

    while _is_list(kind):
        kind = kind.value_type
    fits = shape is not None and int(np.prod(shape)) == size
    stated = {"halffloat": "float16", "float": "float32", "double": "float64"}.get(str(kind), str(kind))
    half = kinds.is_float16(kind)
    return Feature(name, shape if fits and shape else (size,), "float16" if half else "float32", stated)


def _flat(column: pa.Array) -> pa.Array:
    """Return the numbers of a column of lists, one behind the other."""
    while _is_list(column.type):
        column = column.flatten()
    return column


def _vectors(column: pa.Array, feature: Feature, path: Path, before: int) -> pa.Array:
    """Return a column of lists as lists of fixed size in the type of the store."""
    import pyarrow.compute as pc

    if column.null_count:
        row = before + pc.index(column.is_null(), True).as_py()
        raise InputError(
            f"row {row} has no vector {feature.name!r}.",
            of=str(path),
            todo="Leave such rows out of the file.",
        )
    flat = _flat(column)
    if len(flat) != len(column) * feature.size:
        sizes = [len(_flat(column.slice(row, 1))) for row in range(len(column))]
        row = next(row for row, size in enumerate(sizes) if size != feature.size)
        raise InputError(
            f"row {before + row} has {sizes[row]} numbers in {feature.name!r}, and the rows before it have "
            f"{feature.size}.",
            of=str(path),
            todo="Give vectors of one length.",
        )
    if flat.null_count:  # JSON has no other word for NaN
        flat = pc.fill_null(flat.cast("float32"), float("nan"))
    matrix = flat.to_numpy(zero_copy_only=False).reshape(len(column), feature.size)
    return as_column(matrix, feature)


def _recipe(schema: pa.Schema) -> Mapping[str, Any] | None:
    text = (schema.metadata or {}).get(b"vifex.recipe")
    try:
        found = None if text is None else json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
