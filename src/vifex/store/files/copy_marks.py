"""What people said of pairs of copies: a small JSON file beside the views, which belongs to no view.

It is written like every file of a store: by one process at a time, aside, synced and renamed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from vifex.store.files.faults import explained
from vifex.store.files.layout import read_store
from vifex.store.files.lock import FileLock
from vifex.store.files.places.place import local, place_of
from vifex.store.files.sync import write_aside
from vifex.values import InputError, StoreError

__all__ = ["CopyMark", "MarkWord", "keep_marks", "marks_from", "read_marks"]

MarkWord = Literal["confirmed", "wrong"]
_NAME: Final = "copies.json"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class CopyMark:
    """What a person said of one pair."""

    kind: str
    """`image` or `segment`."""
    a: str
    """Of images the key of a row. Of segments the medium and its seconds: `MEDIUM@START-END`."""
    b: str
    mark: MarkWord
    other: str | None = None
    """Id of the store that `b` is of; `None` for the store that keeps the mark."""

    @property
    def pair(self) -> tuple[str, str, str, str | None]:
        """What it is about; a newer mark of the same pair replaces it."""
        a, b = (self.a, self.b) if self.other is not None else sorted((self.a, self.b))
        return self.kind, a, b, self.other


def read_marks(store: str | os.PathLike[str]) -> list[CopyMark]:
    """Read the marks that a store keeps, the oldest first.

    Raises:
        StoreError: If their file cannot be read.
    """
    path = place_of(store) / _NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as exc:
        raise StoreError("the marks of copies cannot be read.", of=str(path), todo=f"{exc}.") from exc
    try:
        return marks_from(text, of=str(path))
    except InputError as exc:
        raise StoreError(exc.what, of=str(path), todo="Restore it from a copy, or remove it.") from exc


def keep_marks(store: str | os.PathLike[str], marks: Iterable[CopyMark]) -> list[CopyMark]:
    """Add marks to those that a store keeps; a newer mark of a pair replaces the older one.

    Returns:
        All marks.

    Raises:
        StoreError: If the store cannot be written.
    """
    folder = Path(store)
    with explained(folder):
        info = read_store(folder)
        lock = FileLock.take(local(info.lock))
        if lock is None:
            raise StoreError(
                "another process is writing to this store.",
                of=str(folder),
                todo="Wait for it to end; reading is possible meanwhile.",
            )
        try:
            kept = {mark.pair: mark for mark in read_marks(folder)}
            kept |= {mark.pair: mark for mark in marks}
            data = {"vifex_copies": _FORMAT, "marks": [asdict(mark) for mark in kept.values()]}
            write_aside(folder / _NAME, json.dumps(data, indent=1) + "\n")
        finally:
            lock.free()
    return list(kept.values())


def marks_from(text: str, *, of: str) -> list[CopyMark]:
    """Read marks as the page of copies saves them.

    Args:
        text: The content of a file.
        of: The file, for messages.

    Raises:
        InputError: If the file holds something else.
    """
    todo = "Save marks in the page that `vifex copies` writes."
    try:
        data = json.loads(text)
        version = data["vifex_copies"]
        marks = [_mark(entry) for entry in data["marks"]]
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise InputError("this is no file of marks of copies.", of=of, todo=todo) from exc
    if version != _FORMAT:
        raise InputError(f"the marks have format {version!r}, and this Vifex reads {_FORMAT}.", of=of)
    return marks


def _mark(entry: dict[str, Any]) -> CopyMark:
    found = CopyMark(entry["kind"], entry["a"], entry["b"], entry["mark"], entry.get("other"))
    texts = (found.kind, found.a, found.b, found.mark, found.other or "")
    if not all(isinstance(text, str) for text in texts) or found.mark not in get_args(MarkWord):
        raise ValueError("not a mark")
    return found
