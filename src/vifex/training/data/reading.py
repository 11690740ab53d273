"""Sources become examples: folders by class, manifests, Parquet files with images, and stores."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from vifex.media.sources import find
from vifex.training.config import Data
from vifex.training.data.examples import SCHEMA, Examples, joined
from vifex.values import InputError, Medium, Outcome
from vifex.values.media import path_to_uri
from vifex.values.registry import near

__all__ = ["is_store", "read_examples"]

_MANIFESTS: Final = (".csv", ".tsv", ".jsonl")


def read_examples(sources: Sequence[str], data: Data) -> Examples:
    """List the examples of several sources.

    Args:
        sources: Folders, whose sub-folders are the classes; manifests; Parquet files with a column of images;
            or stores, whose rows are features.
        data: Names of the columns.

    Raises:
        InputError: If a source is missing, empty or lacks a column.
    """
    found = joined([_read(source, data) for source in sources])
    if not (data.groups and data.group):
        return found
    groups = _groups(Path(data.groups), data.group)
    column = [groups.get(uri) for uri in found.column("uri")]
    place = found.table.schema.get_field_index("group")
    return replace(found, table=found.table.set_column(place, "group", pa.array(column, pa.string())))


def is_store(source: str) -> bool:
    """Return whether a source is a store of Vifex."""
    return (Path(source) / "STORE.json").is_file()


def _read(source: str, data: Data) -> Examples:
    if Path(source).suffix.lower() == ".parquet":
        return _from_parquet(Path(source), data)
    if is_store(source):
        from vifex.training.data.features import from_store

        return from_store(Path(source), data)
    return _from_media(source, data)


def _from_parquet(path: Path, data: Data) -> Examples:
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as exc:
        raise InputError(f"the Parquet file cannot be read: {exc}.", of=str(path)) from exc
    known = list(schema.names)
    wanted = [data.image, data.label, *([data.group] if data.group else [])]
    for name in wanted:
        if name not in known:
            raise InputError(
                f"the file has no column {name!r}.",
                of=str(path),
                todo=f"{near(name, known)}It has {', '.join(known)}; data.image, data.label and data.group "
                "name them.",
            )
    names = [n for n in ("name", "split") if n in known and n not in wanted]
    table = pq.read_table(path, columns=[*wanted, *names])
    count = table.num_rows
    stem = path.name
    labels = _label_names(table[data.label], schema.metadata or {})
    columns: dict[str, Any] = {
        "name": table["name"].cast(pa.string()) if "name" in names else [f"{stem}#{i}" for i in range(count)],
        "image": table[data.image].cast(pa.large_binary()),
        "label": labels,
        "group": table[data.group].cast(pa.string()) if data.group else pa.nulls(count, pa.string()),
        "split": table["split"].cast(pa.string()) if "split" in names else pa.nulls(count, pa.string()),
    }
    return Examples(_table(columns, count))


def _label_names(column: Any, metadata: dict[bytes, bytes]) -> list[str | None]:
    """Return labels as text; numbers become names where the file's metadata has `classes`."""
    values = column.to_pylist()
    classes = json.loads(metadata[b"classes"]) if b"classes" in metadata else None
    if isinstance(classes, list) and all(isinstance(v, int) for v in values):
        words = [c if isinstance(c, str) else " ".join(map(str, c)) for c in classes]
        return [words[v] if 0 <= v < len(words) else str(v) for v in values]
    return [None if v is None else str(v) for v in values]


def _table(columns: dict[str, Any], count: int) -> pa.Table:
    arrays = [
        pa.chunked_array([pa.nulls(count, field.type)]) if field.name not in columns
        else columns[field.name] if isinstance(columns[field.name], pa.ChunkedArray)
        else pa.array(columns[field.name], field.type)
        for field in SCHEMA
    ]  # fmt: skip
    return pa.table(arrays, schema=SCHEMA)


def _from_media(source: str, data: Data) -> Examples:
    is_manifest = Path(source).suffix.lower() in _MANIFESTS
    groups = _groups(Path(source), data.group) if is_manifest and data.group else {}
    media: list[Medium] = []
    problems: list[tuple[str, str]] = []
    for found in find(source):
        if isinstance(found, Outcome):
            if found.status == "failed":
                problems.append((found.medium.name, found.reason))
        else:
            media.append(found)
    by_folder = not is_manifest and Path(source).is_dir()
    labels = [_folder_of(m.name) if by_folder else m.label for m in media]
    if by_folder and media and all(label is None for label in labels):
        raise InputError(
            "the folder has no sub-folders, and their names would be the classes.",
            of=source,
            todo="Put the images of each class into a folder of its name, or give a manifest with labels.",
        )
    columns = {
        "name": [m.name for m in media],
        "uri": [m.uri for m in media],
        "kind": [m.kind for m in media],
        "size_bytes": [m.size_bytes for m in media],
        "mtime_ns": [m.mtime_ns for m in media],
        "t_start_s": [m.span.t_start_s if m.span else None for m in media],
        "t_end_s": [m.span.t_end_s if m.span else None for m in media],
        "label": labels,
        "group": [groups.get(m.uri) for m in media],
        "split": [m.split for m in media],
    }
    return Examples(_table(columns, len(media)), problems=tuple(problems))


def _folder_of(name: str) -> str | None:
    """Return the first folder in a medium's name, which is its class."""
    folder, slash, _ = name.partition("/")
    return folder if slash else None


def _groups(manifest: Path, column: str) -> dict[str, str]:
    """Return the address of each medium of a manifest, and its value in a column.

    Raises:
        InputError: If the manifest has no such column.
    """
    if manifest.suffix.lower() == ".jsonl":
        rows = [json.loads(line) for line in manifest.read_text("utf-8").splitlines() if line.strip()]
    else:
        with manifest.open(encoding="utf-8-sig", newline="") as file:
            tabs = "\t" if manifest.suffix.lower() == ".tsv" else ","
            rows = list(csv.DictReader(file, delimiter=tabs))
    known = sorted({name for row in rows for name in row if name})
    if column not in known:
        raise InputError(
            f"the manifest has no column {column!r}.",
            of=str(manifest),
            todo=f"{near(column, known)}It has {', '.join(known)}.",
        )
    folder = manifest.absolute().parent
    found = {}
    for row in rows:
        given, value = str(row.get("uri") or row.get("path") or ""), row.get(column)
        if value not in (None, ""):
            uri = given if given.startswith("file://") else path_to_uri(os.path.join(folder, given))  # noqa: PTH118
            found[uri] = str(value)
    return found
