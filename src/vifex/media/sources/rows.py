"""The lines of a manifest as written: their fields and line numbers, without their meaning.

A table (`.csv`, `.tsv`) has a header line; each line of a `.jsonl` file is an object.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TextIO

from vifex.media.places import open_buffered, open_text
from vifex.media.sources.fields import FORM, Reading, reading_of
from vifex.media.sources.source import printable, unreadable
from vifex.values.errors import InputError

__all__ = ["Row", "Rows", "json_rows", "table_rows"]

Rows = Callable[[str], Iterator["Row"]]
"""Reads the lines of a manifest at a path."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: its fields, or the reason why it cannot be read."""

    number: int
    """Number of the line in its file, from 1."""
    fields: Mapping[str, Any]
    """By our own names; those that are not read keep theirs."""
    problem: str | None = None
    ignored: tuple[str, ...] = ()
    """Names of fields with a value that are not read."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields that have no meaning here, and are kept as extra columns."""
    has_cells: bool = False
    """Whether all its values are texts of cells, which may be numbers."""
    note: str | None = None
    """What the user should know about how the file is read."""
    where: str = ""
    """What the row is in its file, where that has no lines, e.g. `annotation 7`."""
    name: str | None = None
    """What its medium is called, where that is not the path."""
    is_relative: bool = False
    """Whether the corners of its box are parts of the image's sides."""


def table_rows(path: str) -> Iterator[Row]:
    """Read a table whose first line names the fields, split by commas, semicolons or tabs.

    Raises:
        InputError: If it cannot be read, does not name files, or has a misspelt field.
    """
    delimiter = _delimiter(path)
    with _open(path) as file:
        lines = _cells(csv.reader(file, delimiter=delimiter, strict=True))
        _, head, problem = next(lines, (0, [], None))
        if not head and not problem:
            return
        head = [name.strip() for name in head]
        reading = reading_of(head)
        problem = problem or reading.problem or (None if "uri" in reading.named else "it has no column uri")
        if problem:
            raise InputError(f"{problem}.", of=f"{printable(path)}, head line", todo=FORM)
        for number, cells, problem in lines:
            if len(cells) > len(head):
                problem = (
                    f"it has {len(cells)} cells and the head {len(head)}; put quotes around one with a comma"
                )
            given = {k: v for k, v in zip(head, cells, strict=False) if v != ""}
            yield replace(_row(number, given, reading, problem), has_cells=True)


def _row(number: int, given: Mapping[str, Any], reading: Reading, problem: str | None) -> Row:
    """Read one line."""
    try:
        fields: Mapping[str, Any] = reading.apply(given)
    except ValueError as exc:
        fields, problem = {**given, "uri": given.get(reading.named.get("uri", ""))}, problem or str(exc)
    extra = {name: given[name] for name in reading.ignored if name in given}
    return Row(number, fields, problem or reading.problem, extra=extra, note=reading.sentence())


def json_rows(path: str) -> Iterator[Row]:
    """Read a manifest of one JSON object per line.

    Raises:
        InputError: If it cannot be read, or its first object has a misspelt field.
    """
    with _open(path) as file:
        first = True
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            row = _json_row(number, line)
            if first and row.problem and row.fields:
                raise InputError(f"{row.problem}.", of=printable(path), todo=FORM)
            first = False
            yield row


def _json_row(number: int, line: str) -> Row:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return Row(number, {}, "it is not JSON")
    if not isinstance(value, dict):
        return Row(number, {}, "it is not a JSON object")
    fields = {name: cell for name, cell in value.items() if cell is not None and cell != ""}
    return _row(number, fields, reading_of(list(fields)), reading_of(list(value)).problem)


def _open(path: str) -> TextIO:
    """Open a manifest as UTF-8; other bytes become surrogates, because they may be parts of names."""
    try:
        with open_buffered(path) as file:
            start = file.read(4096)
    except OSError as exc:
        raise unreadable(path, exc, "manifest") from exc
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in start:
        raise InputError("this manifest is not UTF-8 text.", of=printable(path), todo="Save it as UTF-8.")
    return open_text(path, newline="")


def _delimiter(path: str) -> str:
    """Choose the separator with which a cell of the head line names the file, else the most frequent one."""
    with _open(path) as file:
        line = next((line for line in file if line.strip()), "")
    heads = {d: [cell.strip() for cell in next(csv.reader([line], delimiter=d), [])] for d in ",;\t"}
    return max(heads, key=lambda d: ("uri" in reading_of(heads[d]).named, len(heads[d])))


def _cells(reader: Any) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield each line that is not blank, with its number; a line with broken quoting is a problem."""
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as exc:
            yield number, [], f"its quotes do not pair up ({exc})"
            continue
        if cells is None:
            return
        if cells:
            yield number, cells, None
