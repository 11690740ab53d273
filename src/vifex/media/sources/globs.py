"""Patterns: `*`, `?` and `[...]` within one part of a path, `**` for any number of folders.

Matches are handled as in a folder: unknown kinds are skipped, matching folders are read recursively, and a
name that starts with a dot is matched only by a part that starts with one. A path that exists is that path,
whatever characters its name contains.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import BinaryIO

from vifex.media.sources.folders import Verdict, walk
from vifex.media.sources.source import Found, NothingHere, Source, failed, printable, remote

__all__ = ["GLOB", "Pattern"]


class Pattern:
    """The parts of a pattern, matched against paths below the folder where it starts."""

    def __init__(self, parts: Sequence[str]) -> None:
        flags = re.IGNORECASE if os.name == "nt" else 0
        self._parts = tuple(parts)
        self._tests = [re.compile(translate(part), flags) for part in parts]
        self._end = len(self._parts)
        self._reached = lru_cache(maxsize=1024)(self._positions)

    def verdict(self, below: str, is_folder: bool) -> Verdict:
        """Match a path below the folder where the pattern starts."""
        parent, entry = os.path.split(below)
        before = self._reached(parent)
        if self._end in before:
            return "inside"
        after = self._step(before, entry)
        if self._end in after:
            return "match"
        return "on the way" if after and is_folder else "no"

    def _positions(self, folder: str) -> frozenset[int]:
        """Return how many parts may be used after a folder is entered."""
        if not folder:
            return self._skip({0})
        parent, entry = os.path.split(folder)
        return self._step(self._reached(parent), entry)

    def _step(self, positions: frozenset[int], entry: str) -> frozenset[int]:
        after: set[int] = set()
        for at in positions:
            if at == self._end or (self._parts[at] == "**" and not entry.startswith(".")):
                after.add(at)
            elif self._matches(at, entry):
                after.add(at + 1)
        return self._skip(after)

    def _skip(self, positions: set[int]) -> frozenset[int]:
        """Add the states in which a `**` matches no folder."""
        for at in sorted(positions):
            while at < self._end and self._parts[at] == "**":
                at += 1
                positions.add(at)
        return frozenset(positions)

    def _matches(self, at: int, entry: str) -> bool:
        part = self._parts[at]
        if part == entry:
            return True
        if part == "**" or (entry.startswith(".") and not part.startswith(".")):
            return False
        return self._tests[at].match(entry) is not None


def _takes(given: str) -> bool:
    if not re.search(r"[*?\[]", given) or os.path.lexists(given):
        return False
    return remote(given) is None and not given.lower().startswith("file://")


def _read(given: str, stdin: BinaryIO | None) -> Iterator[Found]:
    """Yield the matches, in the order of the folders.

    Raises:
        NothingHere: If nothing matches.
    """
    folder, parts = _split(given)
    empty = True
    if os.path.isdir(folder):  # noqa: PTH112
        for found in walk(folder, Pattern(parts).verdict):
            empty = False
            yield found
    if empty:
        outcome = failed(given, printable(given), "no file matches this pattern, and no file has this name")
        raise NothingHere(outcome, todo="Check it; ** stands for any number of folders, * stays within one.")


def _split(given: str) -> tuple[str, list[str]]:
    """Split a pattern into the longest folder that exists and the parts after it."""
    drive, rest = os.path.splitdrive(given)
    root = drive + os.sep if rest[:1] in (os.sep, os.altsep) else drive
    parts = [part for part in re.split(r"[\\/]" if os.name == "nt" else "/", rest) if part]
    folder = root or "."
    while parts[1:]:
        longer = os.path.join(folder, parts[0])  # noqa: PTH118
        if parts[0] == "**" or not os.path.isdir(longer):  # noqa: PTH112
            break
        folder = longer
        parts.pop(0)
    return folder, parts


GLOB = Source(takes=_takes, read=_read)
