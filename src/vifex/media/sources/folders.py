"""Folders, read recursively: every file, in an order that is the same on every machine.

Names are sorted by their bytes, folder by folder, so only the names of the folders on the current path are
held in memory. Links are followed. A link to a folder waits until the real tree has been read, and a folder
is read once: loops end, and a file with a path without links keeps that path.
"""

from __future__ import annotations

import os
import stat as modes
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from vifex.media.sources.files import found_file
from vifex.media.sources.source import Found, failed, printable, skipped, why

__all__ = ["HIDDEN", "VANISHED", "Verdict", "is_store", "look_at", "walk"]

Verdict = Literal["no", "on the way", "match", "inside"]
"""How a path in a walk relates to a pattern: not wanted; a folder that may contain matches; a match by its
own name; below a matching folder."""

HIDDEN = "hidden: its name starts with a dot; name the file itself to read it"
READ_ALREADY = "a folder that is already read under another name"
VANISHED = "it disappeared after its folder was listed"


@dataclass(slots=True)
class _Walk:
    """The state of one walk."""

    waiting: deque[tuple[str, str]]
    """Folders still to read, as paths to open and paths from the root."""
    wants: Callable[[str, bool], Verdict] | None
    """Matches a path from the root and whether it is a folder; `None` matches everything."""
    read: set[tuple[int, int]] = field(default_factory=set)
    """Device and inode of each folder that was opened."""


def walk(folder: str, wants: Callable[[str, bool], Verdict] | None = None) -> Iterator[Found]:
    """Yield every file below a folder, or every wanted one; `name` is the path from that folder."""
    state = _Walk(deque([(folder, "")]), wants)
    while state.waiting:
        path, below = state.waiting.popleft()
        yield from _tree(state, path, below)


def look_at(folder: str, path: str) -> Iterator[Found]:
    """Yield what `walk` finds of a folder at a path in it: a file, or every file below a folder.

    Args:
        folder: As `walk` is given it.
        path: Begins with `folder`. What walks pass over above it is for the caller.
    """
    state = _Walk(deque(), None)
    below = os.path.relpath(path, folder)
    found = _look(state, path, below, os.path.basename(path))  # noqa: PTH119
    if isinstance(found, str):
        yield from _tree(state, path, below)
    elif found is not None:
        yield found


def is_store(folder: str) -> bool:
    """Return whether a folder is a Vifex store, which is never searched for media."""
    if folder.rstrip(os.sep).lower().endswith(".vifex"):
        return True
    return os.path.isfile(os.path.join(folder, "STORE.json")) and os.path.isdir(  # noqa: PTH112, PTH113, PTH118
        os.path.join(folder, "views")  # noqa: PTH118
    )


def _tree(state: _Walk, top: str, below: str) -> Iterator[Found]:
    """Read one folder and the real folders in it, without recursion, because trees may be deep."""
    stack: list[tuple[str, str, Iterator[str]]] = []
    entered = _enter(state, top, below)
    if not isinstance(entered, list):
        yield entered
        return
    stack.append((top, below, iter(entered)))
    while stack:
        folder, prefix, rest = stack[-1]
        entry = next(rest, None)
        if entry is None:
            stack.pop()
            continue
        path, inner = os.path.join(folder, entry), os.path.join(prefix, entry)  # noqa: PTH118
        found = _look(state, path, inner, entry)
        if isinstance(found, str):
            entered = _enter(state, path, inner)
            if isinstance(entered, list):
                stack.append((path, inner, iter(entered)))
            else:
                yield entered
        elif found is not None:
            yield found


def _enter(state: _Walk, path: str, below: str) -> list[str] | Found:
    """Return the sorted entries of a folder, or an outcome that says why it is not read."""
    try:
        stat = os.stat(path)  # noqa: PTH116
        if (stat.st_dev, stat.st_ino) in state.read:
            return skipped(path, printable(below), READ_ALREADY, stat)
        names = sorted(os.listdir(path), key=os.fsencode)  # noqa: PTH208
    except (OSError, ValueError) as exc:
        return failed(path, printable(below) or printable(path), f"the folder cannot be listed: {why(exc)}")
    state.read.add((stat.st_dev, stat.st_ino))
    return names


def _look(state: _Walk, path: str, below: str, entry: str) -> Found | Literal["enter"] | None:
    """Classify one entry of a folder: `"enter"` for a real folder, `None` for one to ignore."""
    name = printable(below)
    if state.wants and state.wants(below, True) == "no":
        return None
    try:
        stat = os.lstat(path)
        is_link = modes.S_ISLNK(stat.st_mode)
        if is_link:
            stat = os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return failed(path, name, "a link that leads nowhere" if os.path.islink(path) else VANISHED)  # noqa: PTH114
    except (OSError, ValueError) as exc:
        return failed(path, name, why(exc))
    is_folder = modes.S_ISDIR(stat.st_mode)
    verdict = state.wants(below, is_folder) if state.wants else "inside"
    if verdict == "no" or (is_folder and is_store(path)):
        return None
    if entry.startswith(".") and verdict == "inside":
        return skipped(path, name, HIDDEN, stat)
    if not is_folder:
        return found_file(path, name, stat)
    if is_link:
        state.waiting.append((path, below))
        return None
    return "enter"
