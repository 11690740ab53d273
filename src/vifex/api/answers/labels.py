"""Labels of the media of a store: its own, those of a table beside it, or the folders of the names."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from vifex.analysis.rows import FeatureRows, MediumFacts
from vifex.values import InputError
from vifex.values.media import path_to_uri
from vifex.values.registry import near

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["FOLDER", "LabelSource", "MediaLabels", "labels_of", "media_labels"]

LabelSource: TypeAlias = str | os.PathLike[str] | Mapping[str, str | None]
"""A column of the view, a table (`.csv`, `.tsv`, `.jsonl`, `.parquet`), `folder`, or names to labels."""

FOLDER: Final = "folder"
"""The first folder of each medium's name is its label."""
_TABLES: Final = (".csv", ".tsv", ".jsonl", ".parquet")
_NAMES: Final = ("name", "uri", "path", "file", "file_name", "filename", "medium_id", "id")
_LABELS: Final = ("label", "labels", "class", "category")


@dataclass(frozen=True, slots=True)
class MediaLabels:
    """A label, a split and further columns for each of some media; `None` where none is stated."""

    labels: tuple[str | None, ...]
    splits: tuple[str | None, ...]
    source: str
    """Where the labels are from, for a report."""
    columns: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Sentences on media without a label, and on lines of the table that match no medium."""


def media_labels(rows: FeatureRows, source: LabelSource) -> MediaLabels:
    """Find the labels of the media of rows; see `labels_of`. The source may be any column of the rows."""
    return labels_of(rows.media, source, view=rows.view)


def labels_of(
    media: Sequence[MediumFacts], source: LabelSource | None, *, view: View | None = None
) -> MediaLabels:
    """Find the labels of media.

    Args:
        media: The labels come in their order.
        source: See `LabelSource`. A line of a table names a medium by its name in the store, its path, its
            `file://` address or its id, in a column `name`, `path` or `uri`, and has a column `label`. A
            column `split` replaces the splits of the media. `None` takes the labels of the media, or their
            folders if none has a label.
        view: The view that the media are of, for a column of its rows.

    Raises:
        InputError: If the column or the table cannot be used, no line matches a medium, two lines give a
            medium different labels, or no medium has a label.
    """
    media = tuple(media)
    if source is None:
        source = "label" if any(medium.label is not None for medium in media) else FOLDER
    if isinstance(source, Mapping):
        lines = [{"name": str(name), "label": label} for name, label in source.items()]
        found = _of_lines(media, lines, "labels that were given", None)
    elif _is_table(source):
        path = Path(source)
        found = _of_lines(media, list(_lines(path)), str(path), path.parent)
    elif os.fspath(source) == FOLDER:
        labels = tuple(_folder(medium.name) for medium in media)
        found = MediaLabels(labels, _splits(media), "folders of the names")
    else:
        found = _of_column(media, os.fspath(source), view)
    missing = sum(label is None for label in found.labels)
    if missing == len(found.labels):
        raise InputError(
            "no medium has a label.",
            of=found.source,
            todo='Give a table with `labels="labels.csv"`, or take the folders of the names with '
            '`labels="folder"`.',
        )
    if not missing:
        return found
    note = f"{missing} of {len(found.labels)} media have no label and were left out."
    return MediaLabels(found.labels, found.splits, found.source, found.columns, (*found.notes, note))


def _is_table(source: str | os.PathLike[str]) -> bool:
    path = Path(source)
    if path.suffix.lower() in _TABLES:
        return True
    if path.is_file() or isinstance(source, os.PathLike):
        raise InputError(
            "labels are not read from a file of this kind.",
            of=str(path),
            todo=f"Known: {', '.join(_TABLES)}.",
        )
    return False


def _folder(name: str) -> str | None:
    folder, slash, _ = name.replace(os.sep, "/").partition("/")
    return folder if slash and folder else None


def _splits(media: tuple[MediumFacts, ...]) -> tuple[str | None, ...]:
    return tuple(medium.split for medium in media)


def _of_column(media: tuple[MediumFacts, ...], column: str, view: View | None) -> MediaLabels:
    """Take a column of the rows; the first row of a medium counts for it."""
    own = {"label": tuple(medium.label for medium in media), "split": _splits(media)}
    if column in own:
        return MediaLabels(own[column], own["split"], f"the column {column}")
    known = list(own) if view is None else [n for n in view.schema.names if n not in view.columns]
    if view is None or column not in known:
        raise InputError(
            f"there is no column {column!r} and no table of that name.",
            of=None if view is None else view.name,
            todo=f"{near(column, known)}The columns are {', '.join(known)}; a table ends in "
            f"{', '.join(_TABLES)}.",
        )
    stated: dict[str, str | None] = {}
    for batch in view.batches(["medium_id", column], batch_rows=1 << 16):
        values = zip(batch.column("medium_id").to_pylist(), batch.column(column).to_pylist(), strict=True)
        for medium_id, value in values:
            stated.setdefault(medium_id, _text(value))
    labels = tuple(stated.get(medium.medium_id) for medium in media)
    return MediaLabels(labels, own["split"], f"the column {column}")


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Read the lines of a table as mappings."""
    import pyarrow as pa

    kind = path.suffix.lower()
    try:
        if kind == ".parquet":
            import pyarrow.parquet as pq

            schema = pq.read_schema(path)
            flat = [f.name for f in schema if not (pa.types.is_nested(f.type) or pa.types.is_binary(f.type))]
            yield from pq.read_table(path, columns=flat).to_pylist()
        elif kind == ".jsonl":
            with path.open(encoding="utf-8-sig") as file:
                for line in file:
                    if line.strip():
                        yield json.loads(line)
        else:
            with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
                yield from csv.DictReader(file, delimiter="\t" if kind == ".tsv" else ",")
    except (OSError, ValueError, RecursionError, csv.Error, pa.ArrowException) as exc:
        said = exc.strerror if isinstance(exc, OSError) and exc.strerror else " ".join(str(exc).split())
        raise InputError(f"the table cannot be read: {said}.", of=str(path)) from exc


def _of_lines(
    media: tuple[MediumFacts, ...], lines: Sequence[Mapping[str, Any]], source: str, folder: Path | None
) -> MediaLabels:
    """Match the lines of a table with media."""
    if not lines or not all(isinstance(line, Mapping) for line in lines):
        raise InputError("the table has no lines with a name and a label.", of=source)
    named, label = _column(lines[0], _NAMES, "name", source), _column(lines[0], _LABELS, "label", source)
    places: dict[str, list[int]] = {}
    for place, medium in enumerate(media):
        for key in {medium.name, medium.uri, medium.medium_id}:
            places.setdefault(key, []).append(place)
    more = [name for name in lines[0] if name and name not in (named, label)]
    columns: dict[str, list[str | None]] = {name: [None] * len(media) for name in [*more, label]}
    unmatched: list[str] = []
    for line in lines:
        key = _text(line.get(named)) or ""
        found = places.get(key) or places.get(_uri(key, folder), [])
        if not found:
            unmatched.append(key)
        for place in found:
            _set(columns, place, line, label, key, source)
    if len(unmatched) == len(lines):
        known = [medium.name for medium in media[:2000]]
        raise InputError(
            f"none of the {len(lines)} lines names a medium of the store; the first names {unmatched[0]!r}.",
            of=source,
            todo=f"{near(unmatched[0], known)}A medium of the store is {known[0]!r}.",
        )
    notes = []
    if unmatched:
        hint = near(unmatched[0], [medium.name for medium in media[:2000]]).strip()
        notes.append(
            f"{len(unmatched)} of {len(lines)} lines of the table name no medium of the store, the first "
            f"{unmatched[0]!r}.{f' {hint}' if hint else ''}"
        )
    labels = tuple(columns.pop(label))
    splits = tuple(columns["split"]) if "split" in columns else _splits(media)
    return MediaLabels(labels, splits, source, {n: tuple(v) for n, v in columns.items()}, tuple(notes))


def _set(
    columns: dict[str, list[str | None]],
    place: int,
    line: Mapping[str, Any],
    label: str,
    key: str,
    source: str,
) -> None:
    for name, values in columns.items():
        value = _text(line.get(name))
        if name == label and values[place] not in (None, value):
            raise InputError(
                f"{key!r} has the labels {values[place]!r} and {value!r}.",
                of=source,
                todo="Give each medium one label.",
            )
        values[place] = value


def _column(line: Mapping[str, Any], names: tuple[str, ...], what: str, source: str) -> str:
    found = next((name for name in names if name in line), None)
    if found is None:
        known = [str(name) for name in line]
        raise InputError(
            f"the table has no column {what}.",
            of=source,
            todo=f"{near(what, known)}It has {', '.join(known)}.",
        )
    return found


def _uri(key: str, folder: Path | None) -> str:
    """Return the address of a path that is relative to the table."""
    if not key or "\0" in key or "://" in key:
        return key
    return path_to_uri(Path(os.path.abspath((folder or Path()) / key)))  # noqa: PTH100 - links stay


def _text(value: Any) -> str | None:
    """Return a cell as text; an empty one is none, and 3.0 is the class 3."""
    if value is None or value == "" or value != value:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
