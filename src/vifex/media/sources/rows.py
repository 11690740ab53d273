"""The lines of a manifest as written: their fields and line numbers, without their meaning.

A table (`.csv`, `.tsv`) has a header line; each line of a `.jsonl` file is an object.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, TextIO

from vifex.media.sources.source import printable, why
from vifex.values.errors import InputError

__all__ = ["FIELDS", "Row", "json_rows", "table_rows"]

FIELDS: Final = ("uri", "label", "split", "t_start_s", "t_end_s", "x0", "y0", "x1", "y1")
"""Fields of a manifest. Other fields are ignored, unless they look like one of these."""

_OTHER_WORDS: Final = {
    **dict.fromkeys(["url", "path", "file", "filename", "filepath", "file_name", "image", "video"], "uri"),
    **dict.fromkeys(["start", "start_s", "start_time", "t_start", "t0", "begin"], "t_start_s"),
    **dict.fromkeys(["end", "end_s", "end_time", "t_end", "t1", "stop"], "t_end_s"),
    **{"xmin": "x0", "ymin": "y0", "xmax": "x1", "ymax": "y1", "x2": "x1", "y2": "y1"},
}
"""Names of the same fields in other tools; an error if our own name is absent."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: its fields, or the reason why it cannot be read."""

    number: int
    """Number of the line in its file, from 1."""
    fields: Mapping[str, Any]
    problem: str | None = None


def table_rows(path: str) -> Iterator[Row]:
    """Read a table whose first line names the fields, split by commas, semicolons or tabs.

    Raises:
        InputError: If it cannot be read, has no `uri`, or has a misspelt field.
    """
    delimiter = _delimiter(path)
    with _open(path) as file:
        lines = _cells(csv.reader(file, delimiter=delimiter, strict=True))
        _, head, problem = next(lines, (0, [], None))
        if not head and not problem:
            return
        head = [name.strip() for name in head]
        _check_head(head, path, problem)
        for number, cells, problem in lines:
            if len(cells) > len(head):
                problem = (
                    f"it has {len(cells)} cells and the head {len(head)}; put quotes around one with a comma"
                )
            yield Row(number, {k: v for k, v in zip(head, cells, strict=False) if v != ""}, problem)


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
                raise InputError(f"{row.problem}.", of=printable(path), todo=_FORM)
            first = False
            yield row


_FORM: Final = f"A manifest has uri and, where they apply, {', '.join(FIELDS[1:])}."


def _json_row(number: int, line: str) -> Row:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return Row(number, {}, "it is not JSON")
    if not isinstance(value, dict):
        return Row(number, {}, "it is not a JSON object")
    fields = {name: cell for name, cell in value.items() if cell is not None and cell != ""}
    return Row(number, fields, _misspelt(list(value)))


def _open(path: str) -> TextIO:
    """Open a manifest as UTF-8; other bytes become surrogates, because they may be parts of names."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            start = file.read(4096)
    except OSError as exc:
        raise InputError(
            f"{why(exc)}.", of=printable(path), todo="Give a manifest that can be read."
        ) from exc
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in start:
        raise InputError("this manifest is not UTF-8 text.", of=printable(path), todo="Save it as UTF-8.")
    return open(path, encoding="utf-8-sig", errors="surrogateescape", newline="")  # noqa: PTH123


def _delimiter(path: str) -> str:
    """Choose the separator with which a cell of the head line is `uri`, else the most frequent one."""
    with _open(path) as file:
        line = next((line for line in file if line.strip()), "")
    heads = {d: [cell.strip() for cell in next(csv.reader([line], delimiter=d), [])] for d in ",;\t"}
    return max(heads, key=lambda d: ("uri" in heads[d], len(heads[d])))


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


def _check_head(head: list[str], path: str, problem: str | None) -> None:
    twice = sorted({name for name in head if name in FIELDS and head.count(name) > 1})
    corners = [name for name in FIELDS[5:] if name in head]
    problem = problem or _misspelt(head)
    if not problem and "uri" not in head:
        problem = "it has no column uri"
    if not problem and twice:
        problem = f"it has the column {twice[0]} twice"
    if not problem and corners and len(corners) < 4:
        problem = f"it has {', '.join(corners)} but not all four of x0, y0, x1, y1"
    if problem:
        raise InputError(f"{problem}.", of=f"{printable(path)}, head line", todo=_FORM)


def _misspelt(names: list[str]) -> str | None:
    """Return the problem of a field that looks like a missing one of ours."""
    absent = [name for name in FIELDS if name not in names]
    for name in names:
        if name in FIELDS:
            continue
        small = name.strip().lower().replace(" ", "_").replace("-", "_")
        close = get_close_matches(small, absent, n=1, cutoff=0.8) or [_OTHER_WORDS.get(small, "")]
        if close[0] in absent:
            return f"there is no field {name!r}; did you mean {close[0]}?"
    return None
