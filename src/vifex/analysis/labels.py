"""Labels of media: a column of the rows, the folder of each medium, or a file of names and labels."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.values import InputError
from vifex.values.media import path_to_uri
from vifex.values.registry import near

if TYPE_CHECKING:
    from vifex.analysis.rows import MediumFacts

__all__ = ["FOLDER", "label_media"]

FOLDER: Final = "folder"
"""The word for the first folder of each medium's name as its label."""
_COLUMNS: Final = ("label", "split")
_NAMES: Final = ("name", "path", "uri", "file_name", "filename", "file", "id", "medium_id")
_MANY: Final = 10_000


def label_media(
    media: Sequence[MediumFacts], labels: str | os.PathLike[str] | None, *, value: str = "label"
) -> list[str | None]:
    """Return the label of each medium; `None` for one that has none.

    Args:
        media: The media.
        labels: `label` or `split` for that column of the rows; `folder` for the first folder of the name;
            else a CSV, TSV, JSONL or Parquet file with a column `name` (a name, path or address) and a column
            `label`. `None` takes the label column, or the folders where no medium has a label.
        value: The column of the file that is read.

    Raises:
        InputError: If the file cannot be read, or no medium gets a label.
    """
    if labels is None:
        stated = [medium.label for medium in media]
        found = stated if any(label is not None for label in stated) else _folders(media)
    elif os.fspath(labels) in _COLUMNS and not Path(labels).is_file():
        found = [getattr(medium, os.fspath(labels)) for medium in media]
    elif os.fspath(labels) == FOLDER:
        found = _folders(media)
    else:
        return _of_file(media, os.fspath(labels), value)
    if not any(label is not None for label in found):
        raise InputError(
            "no medium has a label.",
            todo="Give a file with the columns name and label as `labels=`, or extract from a manifest with "
            "labels.",
        )
    return found


def _folders(media: Sequence[MediumFacts]) -> list[str | None]:
    return [folder if slash else None for folder, slash, _ in (m.name.partition("/") for m in media)]


def _of_file(media: Sequence[MediumFacts], path: str, value: str) -> list[str | None]:
    if not Path(path).is_file():
        known = [*_COLUMNS, FOLDER]
        raise InputError(
            "there is no such file, and no such column of labels.",
            of=path,
            todo=f"{near(path, known)}Give a file, or one of {', '.join(known)}.",
        )
    folder = Path(path).resolve().parent
    found: dict[str, str] = {}
    for name, label in _rows(path, value):
        found[name] = label
        if "://" not in name:
            found.setdefault(path_to_uri(str(folder / name)), label)
    labels = [next((found[key] for key in (m.name, m.uri, m.medium_id) if key in found), None) for m in media]
    if not any(label is not None for label in labels):
        name = next(iter(found), "")
        raise InputError(
            f"none of its {len(found)} names is a medium of the store.",
            of=path,
            todo=f"{near(name, [m.name for m in media[:_MANY]])}The first name of the file is {name!r}, that "
            f"of the store {media[0].name!r}.",
        )
    return labels


def _rows(path: str, value: str) -> Iterator[tuple[str, str]]:
    """Yield names and labels of a file; rows without a label are left out."""
    rows = list(_read(path))
    columns = list(rows[0]) if rows else []
    name = next((column for column in _NAMES if column in columns), None)
    if name is None or value not in columns:
        wanted = "name" if name is None else value
        raise InputError(
            f"the file has no column {wanted!r}.",
            of=path,
            todo=f"{near(wanted, columns)}It has: {', '.join(columns) or 'none'}.",
        )
    for row in rows:
        label = row.get(value)
        if row.get(name) is not None and label is not None and str(label) != "":
            yield str(row[name]), str(label)


def _read(path: str) -> Iterator[Mapping[str, Any]]:
    suffix = Path(path).suffix.lower()
    try:
        if suffix == ".parquet":
            import pyarrow.parquet as pq

            yield from pq.read_table(path).to_pylist()
        elif suffix in (".jsonl", ".ndjson"):
            with Path(path).open(encoding="utf-8") as file:
                yield from (json.loads(line) for line in file if line.strip())
        elif suffix in (".csv", ".tsv"):
            with Path(path).open(encoding="utf-8-sig", newline="") as file:
                yield from csv.DictReader(file, delimiter="\t" if suffix == ".tsv" else ",")
        else:
            raise InputError(
                "labels are read from .csv, .tsv, .jsonl and .parquet files.",
                of=path,
                todo="Write them as CSV with the columns name and label.",
            )
    except (OSError, ValueError, csv.Error) as exc:
        if isinstance(exc, InputError):
            raise
        raise InputError(f"the file cannot be read: {' '.join(str(exc).split())}.", of=path) from exc
