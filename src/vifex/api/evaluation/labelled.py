"""Labelled media: folders by class, manifests, and Parquet files that hold images as bytes."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.evaluation.tables import classes_of
from vifex.media.sources import find
from vifex.media.sources.entries import entry_of
from vifex.media.sources.rows import json_rows, table_rows
from vifex.values import InputError, Medium, Outcome, Span
from vifex.values.media import path_to_uri
from vifex.values.registry import near

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Labelled", "LabelledMedia", "labelled_media"]

_MANIFESTS: Final = {".csv": table_rows, ".tsv": table_rows, ".jsonl": json_rows}
_KEPT: Final = re.compile(r": the fields? .* kept as (an )?extra columns?\.")
_SIDE_PX: Final = 240
_ROWS: Final = 256
_IMAGES: Final = ("image", "bytes", "jpg", "png")
_NAMES: Final = ("name", "path", "file_name", "filename", "id")


@dataclass(frozen=True, slots=True)
class Labelled:
    """What is known of a medium beside its pixels."""

    name: str
    label: str | None
    columns: Mapping[str, str]
    """Values of further columns, and `split` where it is stated."""


@dataclass(slots=True)
class LabelledMedia:
    """A source of labelled media, and what was listed of it so far."""

    source: str
    classes: tuple[str, ...] | None = None
    """Names of the classes that the source states, by the numbers of its labels."""
    known: dict[str, Labelled] = field(default_factory=dict)
    """By `medium_id`, in the order of the source."""

    def media(self, on_notice: Callable[[str], None]) -> Iterator[Medium | Outcome]:
        """Yield the media, and the outcomes of those that cannot be tried."""
        columns = _manifest_columns(self.source)
        is_folder = Path(self.source).is_dir()

        def notice(text: str) -> None:
            # Fields that extraction keeps as extra columns are groups here.
            if not (columns and _KEPT.search(text)):
                on_notice(text)

        for found in find(self.source, on_notice=notice):
            if isinstance(found, Medium):
                label = found.label
                if label is None and is_folder:
                    folder, slash, _ = found.name.partition("/")
                    label = folder if slash else None
                more = dict(columns.get((found.uri, found.span), {}))
                if found.split is not None:
                    more["split"] = found.split
                self.known[found.medium_id] = Labelled(_name(found), label, more)
            yield found

    def settled(self, outcome: Outcome) -> None:
        """Take note that a medium is finished."""

    def image(self, place: int, medium: Medium, t_s: float | None) -> Image | None:
        """Return a small image of a medium; `None` if it can no longer be read."""
        from vifex.media.read import Skip, thumbnail

        try:
            return thumbnail(medium.uri, t_s, None, _SIDE_PX)
        except Skip:
            return None

    def close(self) -> None:
        """Remove what was written for the decoders."""


def labelled_media(source: str | os.PathLike[str]) -> LabelledMedia:
    """Return the labelled media of a source.

    Args:
        source: A folder with a folder for each class; a manifest with labels; or a Parquet file with a
            column of images as bytes and a column `label`.

    Raises:
        InputError: If a Parquet file cannot be read or lacks a column.
    """
    path = os.fspath(source)
    return _ParquetMedia(path) if Path(path).suffix.lower() == ".parquet" else LabelledMedia(path)


class _ParquetMedia(LabelledMedia):
    """Images that a Parquet file holds: each is written to a temporary file until it is decoded."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self._file = pq.ParquetFile(source)
        except FileNotFoundError as exc:
            raise InputError("there is no such file.", of=source) from exc
        except (OSError, pa.ArrowException) as exc:
            text = " ".join(str(exc).split())
            raise InputError(f"the Parquet file cannot be read: {text}.", of=source) from exc
        schema = self._file.schema_arrow
        self.classes = classes_of((schema.metadata or {}).get(b"classes"))
        self._image = self._column(schema, _IMAGES, "image")
        self._label = self._column(schema, ("label",), "label")
        self._name = next((name for name in _NAMES if name in schema.names), None)
        self._others = [
            one.name
            for one in schema
            if one.name not in (self._image, self._label, self._name)
            and not pa.types.is_nested(one.type)
            and not pa.types.is_binary(one.type)
            and not pa.types.is_large_binary(one.type)
        ]
        self._folder = tempfile.TemporaryDirectory(prefix="vifex-evaluate-")

    def media(self, on_notice: Callable[[str], None]) -> Iterator[Medium | Outcome]:
        columns = [self._image, self._label, *([self._name] if self._name else []), *self._others]
        places = itertools.count()
        for batch in self._file.iter_batches(_ROWS, columns=columns):
            for row in batch.to_pylist():
                yield self._medium(next(places), row)

    def settled(self, outcome: Outcome) -> None:
        place = Path(outcome.medium.uri).name
        with suppress(OSError):
            (Path(self._folder.name) / place).unlink()

    def image(self, place: int, medium: Medium, t_s: float | None) -> Image | None:
        import io

        from PIL import Image as Pillow

        passed = 0
        for batch in self._file.iter_batches(_ROWS, columns=[self._image]):
            if place < passed + len(batch):
                data = _bytes(batch.column(0)[place - passed].as_py())
                return Pillow.open(io.BytesIO(data)).convert("RGB")
            passed += len(batch)
        return None

    def close(self) -> None:
        self._folder.cleanup()

    def _medium(self, place: int, row: Mapping[str, Any]) -> Medium | Outcome:
        path = Path(self._folder.name) / str(place)
        data = _bytes(row[self._image])
        name = str(row[self._name]) if self._name else str(place)
        medium = Medium(path_to_uri(path), name, "image", len(data), 0)
        label = self._label_of(row[self._label])
        more = {one: "" if row[one] is None else str(row[one]) for one in self._others}
        self.known[medium.medium_id] = Labelled(name, label, more)
        if not data:
            return Outcome(medium, "failed", "it has no bytes")
        path.write_bytes(data)
        stat = path.stat()
        return Medium(medium.uri, name, "image", stat.st_size, stat.st_mtime_ns)

    def _label_of(self, value: object) -> str | None:
        """Return a label as text; a number is the name of the class that the file's metadata has there.

        A model may have the same classes in another order.
        """
        if isinstance(value, int) and self.classes and 0 <= value < len(self.classes):
            return self.classes[value]
        return None if value is None else str(value)

    def _column(self, schema: Any, names: tuple[str, ...], what: str) -> str:
        found = next((name for name in names if name in schema.names), None)
        if found is None:
            known = ", ".join(schema.names)
            raise InputError(
                f"there is no column {what}.",
                of=self.source,
                todo=f"{near(what, schema.names)}It has {known}.",
            )
        return found


def _bytes(value: Any) -> bytes:
    """Return the bytes of a cell; the image type of Hugging Face's `datasets` keeps them in a struct."""
    data = value.get("bytes") if isinstance(value, Mapping) else value
    return data if isinstance(data, bytes) else b""


def _name(medium: Medium) -> str:
    """Return a medium's name, with its span where it has one, so that spans of one file differ."""
    if medium.span is None:
        return medium.name
    start, end = medium.span.t_start_s, medium.span.t_end_s
    return f"{medium.name}@{'' if start is None else f'{start:g}'}-{'' if end is None else f'{end:g}'}"


def _manifest_columns(source: str) -> dict[tuple[str, Span | None], dict[str, str]]:
    """Return the columns of a manifest that Vifex gives no meaning, by medium: its address and span."""
    rows = _MANIFESTS.get(Path(source).suffix.lower())
    if rows is None or not Path(source).is_file():
        return {}
    folder = os.path.dirname(os.path.abspath(source))  # noqa: PTH100, PTH120 - links stay
    found: dict[tuple[str, Span | None], dict[str, str]] = {}
    for row in rows(source):
        entry = entry_of(row, folder)
        if entry.uri:
            more = {name: str(value) for name, value in row.extra.items() if name}
            found.setdefault(entry.key, more)
    return found
