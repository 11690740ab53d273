"""Predictions from files that Vifex or another tool wrote: Parquet, CSV and NumPy's `.npz`.

A table has a column `label`, and its scores either in a list column (`probabilities`, `logits` or `scores`)
or in a column for each class. A column `name` names the rows; all others are groups.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.evaluation.predictions import Predictions, ScoreKind, make_predictions
from vifex.values import InputError
from vifex.values.registry import near

__all__ = ["classes_of", "read_predictions"]

_SCORES: Final[Mapping[str, ScoreKind]] = {
    "probabilities": "probabilities",
    "logits": "logits",
    "scores": "auto",
    "score": "auto",
}
"""Column of scores to what they are; `score` is the score of the second of two classes."""
_PREFIXES: Final[Mapping[str, ScoreKind]] = {
    "probability_": "probabilities",
    "prob_": "probabilities",
    "logit_": "logits",
    "score_": "auto",
}
"""What a column for one class begins with; the rest is the name of the class."""
_NAMES: Final = ("name", "path", "uri", "file", "id")
_LABELS: Final = ("label", "labels")
_OWN: Final = ("predicted", "correct", "confidence")
"""Columns that `predictions_table` derives from the scores."""
_FORM: Final = "A table needs label, and scores in one list column or in columns score_CLASS."


@dataclass(frozen=True, slots=True)
class _Columns:
    """Columns of a file, each with a value for each row."""

    columns: Mapping[str, Any]
    classes: tuple[str, ...] | None
    path: str

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def read_predictions(
    path: str | os.PathLike[str], *, classes: Sequence[str] | None = None, scores: ScoreKind = "auto"
) -> tuple[Predictions, tuple[str, ...]]:
    """Read predictions from a file.

    Args:
        path: A file that ends in `.parquet`, `.csv`, `.tsv` or `.npz`.
        classes: Names of the classes in the order of the scores; by default those of the file.
        scores: What the scores are, where the names of the columns do not say it.

    Returns:
        The predictions, and sentences on rows that were left out.

    Raises:
        InputError: If the file cannot be read, a column is missing, or a score or label cannot be used.
    """
    given = Path(path)
    found = _read(given)
    label = next((name for name in _LABELS if name in found.columns), None)
    if label is None:
        raise _missing("label", found)
    values, kind, named = _scores(found, classes)
    names = tuple(classes) if classes is not None else named or found.classes
    kind = kind if scores == "auto" else scores
    used = {label, *_OWN}
    row_name = next((name for name in _NAMES if name in found.columns), None)
    groups = {
        name: column
        for name, column in found.columns.items()
        if name not in used and name != row_name and not _is_score(name, names) and _is_flat(column)
    }
    labels = list(found.columns[label])
    kept = np.array([i for i, value in enumerate(labels) if value is not None and value == value], np.int64)
    notes: tuple[str, ...] = ()
    if len(kept) < len(labels):
        notes = (f"{len(labels) - len(kept)} of {len(labels)} rows have no label and were left out.",)
    try:
        made = make_predictions(
            np.asarray(values)[kept],
            [_label(labels[i]) for i in kept],
            classes=names,
            names=None if row_name is None else [str(found.columns[row_name][i]) for i in kept],
            groups={name: [_text(column[i]) for i in kept] for name, column in groups.items()},
            kind=kind,
        )
    except InputError as exc:
        raise InputError(exc.what, of=str(path), todo=exc.todo) from exc
    return made, notes


def _read(path: Path) -> _Columns:
    import pyarrow as pa

    readers = {".parquet": _parquet, ".csv": _csv, ".tsv": _csv, ".npz": _npz}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            "predictions are not read from a file of this kind.",
            of=str(path),
            todo=f"Known: {', '.join(readers)}.",
        )
    if not path.is_file():
        raise InputError("there is no such file.", of=str(path))
    try:
        return reader(path)
    except (OSError, ValueError, pa.ArrowException, zipfile.BadZipFile) as exc:
        raise InputError(f"the file cannot be read: {' '.join(str(exc).split())}.", of=str(path)) from exc


def _parquet(path: Path) -> _Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    classes = classes_of((table.schema.metadata or {}).get(b"classes"))
    list_kinds = (pa.types.is_fixed_size_list, pa.types.is_list, pa.types.is_large_list)
    columns: dict[str, Any] = {}
    for field in table.schema:
        column = table[field.name].combine_chunks()
        if any(is_list(field.type) for is_list in list_kinds):
            columns[field.name] = _lists(column, path, field.name)
        elif pa.types.is_floating(field.type):
            columns[field.name] = column.to_numpy(zero_copy_only=False)
        elif not pa.types.is_nested(field.type) and not pa.types.is_binary(field.type):
            columns[field.name] = column.to_pylist()
    return _Columns(columns, classes, str(path))


def _lists(column: Any, path: Path, name: str) -> npt.NDArray[Any]:
    """Return a list column as an array `[N, C]`."""
    if column.null_count:
        raise InputError(f"{column.null_count} rows have no {name}.", of=str(path))
    sizes = set(column.value_lengths().to_pylist()) if len(column) else {0}
    if len(sizes) > 1:
        raise InputError(f"the lists of {name} have {min(sizes)} to {max(sizes)} numbers.", of=str(path))
    flat = column.flatten().to_numpy(zero_copy_only=False)
    array: npt.NDArray[Any] = flat.reshape(len(column), -1) if len(column) else np.zeros((0, 1))
    return array


def _csv(path: Path) -> _Columns:
    from pyarrow import csv

    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=delimiter))
    return _Columns({name: table[name].to_pylist() for name in table.column_names}, None, str(path))


def _npz(path: Path) -> _Columns:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    classes = arrays.pop("classes", None)
    columns = {name: array if array.ndim > 1 else array.tolist() for name, array in arrays.items()}
    return _Columns(columns, None if classes is None else tuple(map(str, classes.tolist())), str(path))


def classes_of(text: bytes | None) -> tuple[str, ...] | None:
    """Read the names of classes from the metadata of a file: a JSON list of names, or of lists of words."""
    if text is None:
        return None
    try:
        names = json.loads(text)
    except ValueError:
        return None
    if not isinstance(names, list):
        return None
    return tuple(" ".join(map(str, name)) if isinstance(name, list) else str(name) for name in names)


def _scores(found: _Columns, classes: Sequence[str] | None) -> tuple[Any, ScoreKind, tuple[str, ...] | None]:
    """Return the scores, what they are, and the classes that their columns name."""
    for name, kind in _SCORES.items():
        if name in found.columns:
            return np.asarray(found.columns[name], dtype=None if len(found) else float), kind, None
    for prefix, kind in _PREFIXES.items():
        named = [name.removeprefix(prefix) for name in found.columns if name.startswith(prefix)]
        if named:
            order = list(classes) if classes is not None else named
            return _side_by_side(found, [prefix + name for name in order]), kind, tuple(order)
    if classes is not None:
        return _side_by_side(found, list(classes)), "auto", tuple(classes)
    raise _missing("probabilities, logits or scores", found)


def _side_by_side(found: _Columns, names: Sequence[str]) -> npt.NDArray[np.float64]:
    for name in names:
        if name not in found.columns:
            raise _missing(name, found)
    try:
        columns = [np.array([np.nan if v is None else v for v in found.columns[n]], float) for n in names]
    except ValueError as exc:
        raise InputError(f"a score is not a number: {exc}.", of=found.path) from exc
    return np.stack(columns, axis=1)


def _missing(name: str, found: _Columns) -> InputError:
    known = sorted(found.columns)
    return InputError(
        f"there is no column {name}.",
        of=found.path,
        todo=f"{near(name, known)}It has {', '.join(known) or 'no column'}. {_FORM}",
    )


def _is_score(name: str, classes: Sequence[str] | None) -> bool:
    return name in _SCORES or name.startswith(tuple(_PREFIXES)) or name in (classes or ())


def _is_flat(column: Any) -> bool:
    return not isinstance(column, np.ndarray) or column.ndim == 1


def _label(value: Any) -> str:
    """Return a label as text; a whole number that a column with gaps made a float is written as one."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
