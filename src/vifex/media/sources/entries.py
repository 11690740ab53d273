"""The meaning of one line of a manifest."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from vifex.media.places import is_remote
from vifex.media.remote.addresses import address_of, join, public
from vifex.media.sources.paths import not_yet
from vifex.media.sources.rows import Row
from vifex.media.sources.source import local_path, printable, remote
from vifex.values.media import Box, Span, path_to_uri

__all__ = ["Entry", "entry_of"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line, parsed as far as possible."""

    number: int
    """Rises from line to line."""
    uri: str = ""
    """Empty if the line does not name a medium."""
    path: str = ""
    """Path of its file, or the address by which it is read; empty if it cannot be."""
    name: str = ""
    span: Span | None = None
    box: Box | None = None
    t_s: float | None = None
    """The moment of a video that is meant, in seconds."""
    frame: int | None = None
    """The same as the number of a frame from 0."""
    sample_fps: float | None = None
    """Samples per second that are taken of the medium, in place of the command's sampling."""
    sample_every: int | None = None
    """The same as each N-th frame."""
    max_frames: int | None = None
    """Samples of the medium at most."""
    label: str | None = None
    split: str | None = None
    ignored: tuple[str, ...] = ()
    """Fields with a value that are not read."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields that have no meaning here, and are kept as extra columns."""
    has_cells: bool = False
    """Whether all its values are texts of cells, which may be numbers."""
    note: str | None = None
    """What the user should know about how the file is read."""
    where: str = ""
    """Where it stands in its file: `line 7`."""
    problem: str | None = None
    """Why the line cannot be used. A line with an invalid span counts as one for the whole medium."""

    @property
    def key(self) -> tuple[str, Span | None]:
        """The key that lines of one medium share."""
        return self.uri, self.span


def entry_of(row: Row, folder: str) -> Entry:
    """Parse a line; relative paths start at `folder`, the manifest's own, or beside its remote address."""
    where = row.where or f"line {row.number}"
    said: dict[str, Any] = {"ignored": row.ignored, "extra": row.extra, "has_cells": row.has_cells}
    entry = replace(_place(row, folder), **said, note=row.note, where=where)
    if row.problem or not entry.uri:
        return replace(entry, problem=row.problem or entry.problem)
    problems = [entry.problem] if entry.problem else []
    readers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "span": _span,
        "box": _box,
        "t_s": _time,
        "frame": _frame,
        "sample_fps": _rate,
        "sample_every": partial(_count, name="sample_every"),
        "max_frames": partial(_count, name="max_frames"),
        "label": _label,
        "split": _split,
    }
    said = {}
    for what, reader in readers.items():
        try:
            said[what] = reader(row.fields)
        except ValueError as exc:
            problems.append(str(exc))
    if said.get("sample_fps") is not None and said.get("sample_every") is not None:
        problems.append("it has sample_fps and sample_every, which are two ways of sampling")
    if row.is_relative and said.get("box") is not None:
        said["box"] = replace(said["box"], is_relative=True)
    return replace(entry, **said, problem=problems[0] if problems else None)


def _place(row: Row, folder: str) -> Entry:
    given = row.fields.get("uri")
    if given is None or (isinstance(given, str) and not given.strip()):
        return Entry(row.number, problem="it has no uri")
    if not isinstance(given, str):
        return Entry(row.number, problem=f"uri must be text, got {given!r}")
    scheme = remote(given)
    try:
        if scheme or is_remote(folder):
            return _remote_place(row, given, folder)
        path = local_path(os.fsdecode(given.encode("utf-8", "surrogateescape")))
        absolute = os.path.join(folder, path)  # noqa: PTH118
        name = printable(path if row.name is None else row.name)
        return Entry(row.number, uri=path_to_uri(absolute), path=absolute, name=name)
    except UnicodeError:
        return Entry(row.number, problem="uri holds a character that no name can have")
    except ValueError as exc:
        what = "an address that can be read" if scheme or is_remote(folder) else "the address of a local file"
        return Entry(row.number, problem=f"uri is not {what}: {exc}")


def _remote_place(row: Row, given: str, folder: str) -> Entry:
    """Read an address, or a name in a manifest at a remote address.

    Raises:
        ValueError: If it cannot be an address.
    """
    given.encode()
    scheme = remote(given)
    if scheme and not is_remote(given):
        return Entry(row.number, uri=public(given), name=public(given), problem=not_yet(scheme))
    if not scheme and given.lower().startswith("file:"):
        raise ValueError("a manifest at a remote address cannot name a file of this machine")
    address = address_of(given if scheme else join(folder, given))
    name = printable(given if row.name is None else row.name)
    return Entry(row.number, uri=address.uri, path=address.access, name=name)


def _span(fields: Mapping[str, Any]) -> Span | None:
    start, end = _number(fields, "t_start_s"), _number(fields, "t_end_s")
    return None if start is None and end is None else Span(start, end)


def _time(fields: Mapping[str, Any]) -> float | None:
    value = _number(fields, "t_s")
    if value is not None and value < 0:
        raise ValueError(f"t_s must be at least 0, got {value:g}")
    return value


def _frame(fields: Mapping[str, Any]) -> int | None:
    value = _number(fields, "frame")
    if value is None:
        return None
    if value < 0 or value != int(value):
        raise ValueError(f"frame must be a whole number from 0, got {value:g}")
    return int(value)


def _rate(fields: Mapping[str, Any]) -> float | None:
    value = _number(fields, "sample_fps")
    if value is not None and value <= 0:
        raise ValueError(f"sample_fps must be above 0, got {value:g}")
    return value


def _count(fields: Mapping[str, Any], name: str) -> int | None:
    value = _number(fields, name)
    if value is None:
        return None
    if value < 1 or value != int(value):
        raise ValueError(f"{name} must be a whole number from 1, got {value:g}")
    return int(value)


def _box(fields: Mapping[str, Any]) -> Box | None:
    corners = [_number(fields, name) for name in ("x0", "y0", "x1", "y1")]
    if all(corner is None for corner in corners):
        return None
    x0, y0, x1, y1 = corners
    if x0 is None or y0 is None or x1 is None or y1 is None:
        raise ValueError("a box needs all four of x0, y0, x1, y1")
    return Box(x0, y0, x1, y1)


def _number(fields: Mapping[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, str) and "_" not in value:
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, got {value!r}")  # noqa: TRY004 - of the file, not a call
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return number


def _label(fields: Mapping[str, Any]) -> str | None:
    return _text(fields, "label")


def _split(fields: Mapping[str, Any]) -> str | None:
    return _text(fields, "split")


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} must be text, got {value!r}")
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} is not UTF-8; save the manifest as UTF-8") from None
    return value
