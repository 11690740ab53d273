"""Media as bytes in a column of a Parquet or Arrow file or a Lance table, with names, labels and splits.

Hugging Face's `datasets` keeps them as structures of `bytes` and `path`, and the names of its classes in the
metadata; a list of names under `classes` is read too. The split is the column of that name, else what the
file is called after: `train-00000-of-00005.parquet`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, BinaryIO, Final

from vifex.media.members.opening import is_table
from vifex.media.members.tables import MediaColumn, Table
from vifex.media.places import base_name, file_of, is_remote, stat_place, uri_of
from vifex.media.sources import kinds
from vifex.media.sources.extras import ExtraFields
from vifex.media.sources.fields import reading_of, split_of
from vifex.media.sources.ignored import told_fields
from vifex.media.sources.source import (
    FileStat,
    Found,
    NothingHere,
    Notice,
    Source,
    failed,
    file_test,
    medium_of,
    place_given,
    printable,
    skipped,
    why,
)
from vifex.values.media import Kind, member_uri

__all__ = ["TABLE", "class_names"]

_NAMES: Final = ("name", "file_name", "filename", "path", "file", "uri", "url", "id", "__key__")
_KINDS: Final[Mapping[str, Kind]] = {"image": "image", "video": "video", "audio": "audio", "mp4": "video"}


def _read(given: str, stdin: BinaryIO | None) -> Iterator[Found | Notice]:
    """Yield the values of a table's first column of media.

    Raises:
        NothingHere: If it cannot be read, has no column of bytes, or no rows.
    """
    path = place_given(given)
    try:
        stat = stat_place(path, is_fresh=True)
        table = Table(path)
    except OSError as exc:
        raise NothingHere(failed(path, printable(path), why(exc)), todo="Get a fresh copy of it.") from exc
    columns = table.media_columns()
    if not columns:
        raise NothingHere(
            skipped(path, printable(path), "the table has no column with the bytes of media"),
            todo=f"It has {', '.join(table.schema.names[:8])}. Save a table of paths as CSV.",
        )
    if not table.n_rows:
        raise NothingHere(
            skipped(path, printable(path), "there is no row in this table"), todo="Name a table with rows."
        )
    yield from _Listing(path, stat, table, columns[0]).read()


class _Listing:
    """One table as it is listed."""

    def __init__(self, path: str, stat: FileStat, table: Table, column: MediaColumn) -> None:
        self._path, self._table, self._column = path, table, column
        self._stat, self._uri = stat, uri_of(path)
        plain = [name for name in table.schema.names if name != column.top]
        self._name = next((name for name in _NAMES if name in plain), None)
        reading = reading_of([name for name in plain if name != self._name])
        self._said = {ours: name for ours, name in reading.named.items() if ours in ("label", "split")}
        read = {self._name, *self._said.values()}
        others = [name for name in plain if name not in read]
        self._extra = [name for name in others if _is_single(table.schema.field(name).type)]
        self._ignored = [name for name in others if name not in self._extra]
        self._extras = ExtraFields()
        self._classes = {name: class_names(table.schema, name) for name in self._said.values()}
        self._split = split_of(base_name(path))

    def read(self) -> Iterator[Found | Notice]:
        self._look()
        told = told_fields(printable(self._path), self._extras, self._ignored, has_moments=True)
        if told is not None:
            yield told
        extra = [name for name in self._extra if name in self._extras.names]
        names = list(dict.fromkeys(n for n in (self._name, *self._said.values(), *extra) if n))
        if self._column.of_names and not self._name:
            names.append(self._column.top)
        words = self._words(names)
        for row, size in enumerate(self._table.sizes(self._column)):
            yield self._medium(row, size, next(words) if names else {})

    def _look(self) -> None:
        """Take note of the extra columns: of texts also how long they are, which takes a pass over them."""
        self._extras.look(dict.fromkeys(self._extra, 0))
        texts = [name for name in self._extra if _is_text(self._table.schema.field(name).type)]
        for words in self._words(texts) if texts else ():
            self._extras.look({name: text for name, text in words.items() if text is not None})

    def _words(self, names: list[str]) -> Iterator[Mapping[str, Any]]:
        """Yield what a row says beside its medium; the bytes of a structure are not made into objects."""
        import pyarrow.compute as pc

        for batch in self._table.columns(names):
            columns: dict[str, list[Any]] = {}
            for name, column in zip(names, batch.columns, strict=True):
                if name == self._column.top:
                    column = pc.struct_field(column, self._column.of_names)
                columns[name] = column.to_pylist()
            yield from (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))

    def _medium(self, row: int, size: int | None, words: Mapping[str, Any]) -> Found:
        uri = member_uri(self._uri, f"{self._column.name}:{row}")
        given = words.get(self._name or self._column.top)
        stem = printable(base_name(self._path))
        name = str(given) if given not in (None, "") else f"{stem}#{row}"
        if size is None:
            return failed(self._path, name, "the table has no bytes in this row", uri=uri)
        said = {ours: self._text(column, words.get(column)) for ours, column in self._said.items()}
        kind = kinds.by_name(name) or _KINDS.get(self._column.top, "unknown")
        made = medium_of(uri, name, kind, self._stat, place=self._path)
        split = said.get("split") or self._split
        extra = self._extras.text({name: words[name] for name in self._extra if name in words})
        return replace(made, size_bytes=size, label=said.get("label"), split=split, extra=extra)

    def _text(self, column: str, value: Any) -> str | None:
        classes = self._classes[column]
        if isinstance(value, int) and not isinstance(value, bool):
            return classes[value] if 0 <= value < len(classes) else str(value)
        return value if isinstance(value, str) and value else None


def class_names(schema: Any, column: str) -> list[str]:
    """Return the names of the classes of a column; empty where there are none."""
    metadata = schema.metadata or {}
    try:
        if b"huggingface" in metadata:
            features = json.loads(metadata[b"huggingface"])["info"]["features"]
            names = features[column].get("names") if isinstance(features[column], dict) else None
        else:
            names = json.loads(metadata.get(b"classes", b"[]"))
    except (ValueError, KeyError, TypeError):
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return []
    return names


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_single(kind: Any) -> bool:
    """Whether a column has a single value in each row that JSON can hold: a number, a text, a date."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        return _is_single(kind.value_type)
    return bool(
        _is_text(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_decimal(kind)
        or types.is_temporal(kind)
    )


_is_file: Final = file_test(is_table)


def _takes(given: str) -> bool:
    """Whether a path is one of a table: a file, or a folder that is a Lance table."""
    if _is_file(given):
        return True
    try:
        place = place_given(given)
    except ValueError:
        return False
    return not is_remote(place) and file_of(place) != place


TABLE = Source(takes=_takes, read=_read, rank=lambda given: 0)
