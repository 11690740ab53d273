"""Files of arrays: each array has a row for each row, all in one order (npy, npz, HDF5, safetensors)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vifex.importing.features import (
    Feature,
    FeatureFile,
    as_column,
    check_width,
    chosen,
    damaged,
    rows_per_batch,
)
from vifex.importing.recipes import layers_of
from vifex.values import InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowArray", "array_file", "facts_of"]

Array = npt.NDArray[Any]

_ABSENT: Final = np.iinfo(np.int64).min
"""What an export of Vifex writes where a whole number is absent."""


@dataclass(frozen=True, slots=True)
class RowArray:
    """An array of a file, read in the order of its first axis."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None
    """`None` for texts that are read as lists."""
    open: Callable[[ExitStack], Callable[[int], Any]]
    """Begins at row 0; what it returns gives the next so many rows: an array, or a list of texts. What it
    opens is closed with the stack."""

    @property
    def is_feature(self) -> bool:
        """Whether it may be a column of vectors."""
        return len(self.shape) >= 2 and self.dtype is not None and self.dtype.kind in "fiu"

    @property
    def is_fact(self) -> bool:
        """Whether it may be a column with one value for each row, or with the corners of boxes."""
        return len(self.shape) == 1 and (self.dtype is None or self.dtype.kind in "fiuSUOb")


def array_file(
    path: Path,
    form: str,
    arrays: Mapping[str, RowArray],
    wanted: Sequence[str] = (),
    *,
    recipe: Mapping[str, Any] | None = None,
    names: Mapping[str, str] | None = None,
    stamp: tuple[int, int],
) -> FeatureFile:
    """Return a file of arrays as one of features.

    Args:
        path: Of the file.
        form: Name of the format.
        arrays: All arrays by name.
        wanted: Feature columns to read; by default all that there are.
        recipe: Of the view that was exported.
        names: Other names of arrays, for what is read.
        stamp: Of the file.

    Raises:
        InputError: If there are no vectors, or the arrays do not have as many rows.
    """
    import pyarrow as pa

    called = names or {}
    own = layers_of(recipe)
    features = [name for name, one in arrays.items() if one.is_feature]
    exported = [name for name in features if called.get(name, name) in own]
    picked = chosen(exported or features, wanted, path)
    lengths = {arrays[name].shape[0] for name in picked}
    n_rows = max(lengths)
    if len(lengths) > 1:
        said = ", ".join(f"{name} {arrays[name].shape[0]}" for name in picked)
        raise InputError(
            f"the arrays have different numbers of rows: {said}.",
            of=str(path),
            todo="Name one of them as the column.",
        )
    facts = {
        called.get(name, name): one
        for name, one in arrays.items()
        if name not in picked and one.is_fact and one.shape[0] == n_rows
    }
    stated = tuple(_feature(called.get(name, name), arrays[name]) for name in picked)
    check_width(stated, path)
    sources = {feature.name: arrays[name] for feature, name in zip(stated, picked, strict=True)}
    schema = pa.schema([(name, _kind(one)) for name, one in facts.items()])

    def read(fact_names: Sequence[str], feature_names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        by_name = {feature.name: feature for feature in stated}
        step = rows_per_batch([by_name[name] for name in feature_names])
        yield from _batches(
            path,
            {name: facts[name] for name in fact_names},
            {name: (by_name[name], sources[name]) for name in feature_names},
            schema,
            n_rows,
            step,
        )

    return FeatureFile(path, form, stated, schema, read, n_rows, recipe, stamp=stamp)


def _batches(
    path: Path,
    facts: Mapping[str, RowArray],
    features: Mapping[str, tuple[Feature, RowArray]],
    schema: pa.Schema,
    n_rows: int,
    step: int,
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    with ExitStack() as stack:
        try:
            plain = {name: one.open(stack) for name, one in facts.items()}
            wide = {name: (feature, one.open(stack)) for name, (feature, one) in features.items()}
        except (OSError, EOFError, ValueError) as exc:
            raise damaged(path, exc, "arrays") from exc
        for start in range(0, n_rows, step):
            count = min(step, n_rows - start)
            try:
                columns = {n: facts_of(take(count), schema.field(n).type) for n, take in plain.items()}
                columns |= {n: as_column(take(count), feature) for n, (feature, take) in wide.items()}
            except (OSError, EOFError, ValueError) as exc:
                raise damaged(path, exc, "arrays") from exc
            yield pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def facts_of(values: Any, kind: pa.DataType) -> pa.Array:
    """Return values as a column in which nothing stands for what is absent."""
    import pyarrow as pa

    if pa.types.is_string(kind):
        return pa.array([_text(value) for value in values], kind)
    array = np.asarray(values)
    if pa.types.is_floating(kind):
        return pa.array(array.astype(np.float64), kind, mask=np.isnan(array))
    whole = array.astype(np.int64)
    return pa.array(whole, kind, mask=whole == _ABSENT)


def _text(value: Any) -> str | None:
    text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
    return text or None


def _kind(one: RowArray) -> pa.DataType:
    import pyarrow as pa

    if one.dtype is None or one.dtype.kind in "SUO":
        return pa.string()
    return pa.float64() if one.dtype.kind == "f" else pa.int64()


def _feature(name: str, one: RowArray) -> Feature:
    half = one.dtype == np.float16
    return Feature(name, one.shape[1:], "float16" if half else "float32", str(one.dtype))
