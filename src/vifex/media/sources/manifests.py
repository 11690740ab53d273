"""Manifests: what the user states about each medium, one line per medium, span or box.

Lines that share uri and span are one medium with several boxes. They need not be adjacent: the file is read
twice, first to learn which media are scattered, so that only those are held until their last line.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from vifex.media.places import is_remote, open_buffered, stat_place, written
from vifex.media.remote.errors import TransferError
from vifex.media.remote.pool import mapped
from vifex.media.sources.entries import Entry, entry_of
from vifex.media.sources.extras import ExtraFields
from vifex.media.sources.files import named_file
from vifex.media.sources.id_set import IdSet
from vifex.media.sources.ignored import told_fields
from vifex.media.sources.rows import Rows, json_rows, table_rows
from vifex.media.sources.source import (
    Found,
    NothingHere,
    Notice,
    Source,
    failed,
    file_test,
    place_given,
    printable,
    skipped,
    why,
)
from vifex.values.errors import InputError
from vifex.values.media import Medium
from vifex.values.outcomes import Outcome

__all__ = ["CSV", "JSONL", "head_of", "manifest_source"]

_HEAD_BYTES = 1 << 16
_OF_MEDIUM = ("sample_fps", "sample_every", "max_frames")
"""Fields that all lines of a medium share."""
_MOST_FIELDS = 1000
"""Characters of a name that are kept for the notice."""


@dataclass(slots=True)
class _Plan:
    """The results of the first reading."""

    last_line: dict[str, int] = field(default_factory=dict)
    """Number of lines of each medium whose lines are not adjacent."""
    nameless: list[Entry] = field(default_factory=list)
    """The first line that does not name a medium."""
    n_nameless: int = 0
    n_media: int = 0
    ignored: dict[str, None] = field(default_factory=dict)
    """Fields with a value that are not read, in their order."""
    extras: ExtraFields = field(default_factory=ExtraFields)
    note: str | None = None
    """What the user should know about how the file is read."""
    has_boxes: bool = False
    has_moments: bool = False


def _read(given: str, rows: Rows) -> Iterator[Found | Notice]:
    """Yield a notice of the fields that are not read, then the media of a manifest.

    Raises:
        InputError: If no line of it can be used.
        NothingHere: If it has no lines.
    """
    path = place_given(given)
    try:
        if is_remote(path):
            stat_place(path, is_fresh=True)
        plan = _plan(path, rows)
    except TransferError as exc:
        raise NothingHere(failed(path, printable(path), why(exc)), todo="Check the address.") from exc
    if not plan.n_media and not plan.nameless:
        raise NothingHere(
            skipped(path, printable(path), "this manifest names no medium"),
            todo="Write one line per medium below the head.",
        )
    if not plan.n_media:
        first = plan.nameless[0]
        raise InputError(
            f"{first.problem}.", of=f"{printable(path)}, {first.where}", todo="No line could be used."
        )
    if plan.note:
        yield Notice(f"{printable(path)}: {plan.note}.")
    boxes, moments = plan.has_boxes, plan.has_moments
    told = told_fields(printable(path), plan.extras, list(plan.ignored), has_boxes=boxes, has_moments=moments)
    if told is not None:
        yield told
    groups = _groups(path, rows, plan.last_line)
    yield from mapped(
        lambda group: _medium(group, path, plan.extras), groups, lambda group: is_remote(group[0].path)
    )
    if plan.extras.scattered:
        yield Notice(f"{printable(path)}: {plan.extras.scattered}")
    if plan.nameless:
        yield _nameless(plan, path)


def _entries(path: str, rows: Rows) -> Iterator[Entry]:
    folder = path if is_remote(path) else os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120
    return (entry_of(row, folder) for row in rows(path))


def _key(entry: Entry) -> str:
    return hashlib.blake2b(repr(entry.key).encode(), digest_size=16).hexdigest()


def _plan(path: str, rows: Rows) -> _Plan:
    plan, seen, before = _Plan(), IdSet(), ""
    for entry in _entries(path, rows):
        plan.ignored.update(dict.fromkeys(entry.ignored[:_MOST_FIELDS]))
        plan.extras.look(entry.extra)
        plan.note = plan.note or entry.note
        plan.has_boxes = plan.has_boxes or entry.box is not None
        plan.has_moments = plan.has_moments or entry.t_s is not None or entry.frame is not None
        if not entry.uri:
            plan.n_nameless += 1
            plan.nameless = plan.nameless or [entry]
            continue
        plan.n_media += 1
        key = _key(entry)
        if (key != before and not seen.add(key)) or key in plan.last_line:
            plan.last_line[key] = entry.number
        before = key
    return plan


def _groups(path: str, rows: Rows, last_line: dict[str, int]) -> Iterator[list[Entry]]:
    """Yield the lines of each medium: adjacent lines at once, others when the last one has come."""
    held: dict[str, list[Entry]] = {}
    group: list[Entry] = []
    for entry in _entries(path, rows):
        if not entry.uri:
            continue
        key = _key(entry)
        if group and group[0].key != entry.key:
            yield group
            group = []
        if key not in last_line:
            group.append(entry)
            continue
        held.setdefault(key, []).append(entry)
        if entry.number == last_line[key]:
            yield held.pop(key)
    if group:
        yield group
    # A manifest that shrank between the readings leaves some without their last line.
    yield from held.values()


def _medium(group: list[Entry], manifest: str, extras: ExtraFields) -> Found:
    """Make one medium from its lines, or an outcome that says which line is wrong."""
    first = group[0]
    wrong = next((e for e in group if e.problem), None) or _clash(group)
    if wrong:
        reason = f"{printable(manifest)}, {wrong.where}: {wrong.problem}"
        return failed(first.path, first.name, reason, span=first.span, uri=first.uri)
    found = named_file(first.path, first.name)
    if isinstance(found, Outcome):
        reason = f"{found.reason} ({printable(manifest)}, {first.where})"
        return replace(found, medium=replace(found.medium, span=first.span), reason=reason)
    return _with_extras(_with_words(found, group, extras), group, extras)


def _with_extras(medium: Medium, group: list[Entry], extras: ExtraFields) -> Medium:
    """Add the extra columns of a medium without boxes, or of each of its moments where they differ."""
    if medium.boxes or not any(e.extra for e in group):
        return medium
    texts = [extras.text(e.extra, cells=e.has_cells) for e in group]
    if len(set(texts)) == 1:
        return replace(medium, extra=texts[0])
    moments: Sequence[float | int] = medium.frames or medium.times_s
    if not moments:
        return replace(medium, extra=extras.text_of_many([(e.extra, e.has_cells) for e in group]))
    of_moment: dict[float | int | None, str | None] = {}
    for entry, text in zip(group, texts, strict=True):
        of_moment.setdefault(entry.frame if medium.frames else entry.t_s, text)
    return replace(medium, moment_extras=tuple(of_moment.get(moment) for moment in moments))


def _with_words(medium: Medium, group: list[Entry], extras: ExtraFields) -> Medium:
    labels = dict.fromkeys(e.label for e in group if e.label is not None)
    has_own = len(labels) > 1  # only boxes may differ
    # The same box twice counts once.
    boxes = dict.fromkeys(
        replace(
            e.box,
            label=e.label if has_own else None,
            t_s=e.t_s,
            frame=e.frame,
            extra=extras.text(e.extra, cells=e.has_cells),
        )
        for e in group
        if e.box
    )
    return replace(
        medium,
        span=group[0].span,
        boxes=tuple(boxes),
        times_s=tuple(sorted({e.t_s for e in group if e.t_s is not None})),
        frames=tuple(sorted({e.frame for e in group if e.frame is not None})),
        sample_fps=_stated(group, "sample_fps"),
        sample_every=_stated(group, "sample_every"),
        max_frames=_stated(group, "max_frames"),
        label=next(iter(labels)) if len(labels) == 1 else None,
        split=_stated(group, "split"),
    )


def _stated(group: list[Entry], name: str) -> Any:
    """Return what the first line says that says something."""
    return next((value for e in group if (value := getattr(e, name)) is not None), None)


def _clash(group: list[Entry]) -> Entry | None:
    """Find a line that contradicts the ones before it."""
    first = group[0]
    said: dict[str, tuple[Any, str]] = {}
    for entry in group:
        for what in ("box", "t_s", "frame"):
            if (getattr(entry, what) is None) != (getattr(first, what) is None):
                both = f"{first.where} and {entry.where} name this medium, and only one has a {what}"
                return replace(entry, problem=both)
        # Each box may have a label of its own.
        words: list[tuple[str, Any]] = [(name, getattr(entry, name)) for name in ("split", *_OF_MEDIUM)]
        if not entry.box:
            words.append(("label", entry.label))
        for what, value in words:
            if value is None:
                continue
            other, where = said.setdefault(what, (value, entry.where))
            if other != value:
                return replace(entry, problem=f"its {what} is {value!r}, and {where} said {other!r}")
    return None


def _nameless(plan: _Plan, path: str) -> Outcome:
    """Return one outcome for all lines that do not name a medium, under the manifest's name."""
    first = plan.nameless[0]
    more = f" (and {plan.n_nameless - 1} more lines name no medium)" if plan.n_nameless > 1 else ""
    return failed(path, printable(path), f"{printable(path)}, {first.where}: {first.problem}{more}")


def head_of(path: str) -> str:
    """Return the first 64 KiB of a file as text, empty if it cannot be read."""
    try:
        with open_buffered(path) as file:
            return file.read(_HEAD_BYTES).decode("utf-8", "surrogateescape")
    except (OSError, ValueError):
        return ""


def manifest_source(rows: Rows, takes: Callable[[str], bool], *, is_local: bool = True) -> Source:
    """Make a kind of source of a file whose rows name media.

    Args:
        rows: Reads the rows of the file, by our own field names; it is called twice for each file.
        takes: Whether a path or an address is one of such a file.
        is_local: Whether files at remote addresses are not read.
    """

    def read(given: str, stdin: BinaryIO | None) -> Iterator[Found | Notice]:
        return _read(given, rows)

    return Source(takes=file_test(takes, is_local=is_local), read=read, rank=lambda given: 0)


def _ends(*suffixes: str) -> Callable[[str], bool]:
    return lambda place: written(place).lower().endswith(suffixes)


CSV = manifest_source(table_rows, _ends(".csv", ".tsv"), is_local=False)
JSONL = manifest_source(json_rows, _ends(".jsonl", ".ndjson"), is_local=False)
