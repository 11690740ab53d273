"""Media that are finished under another address: renamed, moved and copied files are not computed.

A new medium takes the rows of a finished one if all of this holds:

- the file of the finished one is gone, or something else is at its address now;
- both have the same size, the same content hash, and the same ending of the name;
- both have the same span, boxes and moments;
- the content hash covers all bytes. It covers 24 KiB; of a larger file the time of change must be the same
  to the nanosecond, and the name too where that time is in whole seconds, as archives and some file systems
  keep it, or where several finished media fit. Of a member of an archive the name must be the same.

A copy whose original is still there gets rows of its own, which are those of the original, if both files
have the same bytes: all are compared, of files up to a size. The original must be finished when the run
begins, so that what is computed does not depend on when rows are committed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from vifex.media.content_hash import MAX_BYTES, hash_of
from vifex.media.decode.files.source import open_medium
from vifex.media.places import file_of
from vifex.media.sources.kinds import suffix_of
from vifex.store import (
    Content,
    CopiedMedium,
    FinishedView,
    KnownContents,
    LedgerEntry,
    MovedMedium,
    ViewWriter,
)
from vifex.values import MediaError, Medium, Outcome, Recipe
from vifex.values.media import member_of, uri_to_path

__all__ = ["ForeseenRenames", "Renames"]

_MOST: Final = 4096
"""Finished media of one content that are looked at."""
_SECOND_NS: Final = 1_000_000_000
_MOST_COMPARED: Final = 64 << 20
"""Bytes of a file that is compared with its original: to read more takes longer than to compute frames."""
_BLOCK: Final = 1 << 20
_ANY_SIZE: Final = 1 << 62

Do = Callable[[Callable[[], object]], None]


class Renames:
    """Recognises media of the sources in views that are being written.

    Args:
        views: Recipe and writer of each.
    """

    at_once = 2048
    """Media that are looked at together, at most: as many as one commit holds."""

    def __init__(self, views: Sequence[tuple[Recipe, ViewWriter]]) -> None:
        self._views = [(_View(recipe.hash, writer), writer) for recipe, writer in views]

    def look(self, found: Sequence[Medium | Outcome], do: Do) -> tuple[int, int]:
        """Give those of some new media that are recognised the rows that they have under another address.

        Args:
            found: At most as many as one commit of a view takes.
            do: Makes a call where the views are written, and returns when it is done.

        Returns:
            How many media were moved, and how many are copies, in one view or several.

        Raises:
            StoreError: If a commit fails.
        """
        media = [one for one in found if isinstance(one, Medium)]
        hashes: dict[str, str] = {}
        moved, copied = set[str](), set[str]()
        for view, writer in self._views:
            moves = view.moves(media, hashes)
            if moves:
                do(partial(_move, writer, moves))
                moved.update(new.medium_id for new in moves.values())
            copies = view.copies(media, hashes)
            for some in _once_each(copies):
                do(partial(writer.copy, some))
            copied.update(new.medium_id for _, new in copies)
        return len(moved), len(copied - moved)


class ForeseenRenames:
    """Says which media a run would pass over: finished ones, and those that it would recognise.

    Args:
        views: Hash of the recipe and finished media of each.
    """

    def __init__(self, views: Sequence[tuple[str, FinishedView]]) -> None:
        self._views = [_View(recipe_hash, view) for recipe_hash, view in views]

    def done(self, media: Sequence[Medium]) -> set[str]:
        """Return the ids of those of some media that every view has, or would have without computing.

        Args:
            media: At most as many as a run looks at together; the next call takes those that follow.
        """
        hashes: dict[str, str] = {}
        found: set[str] | None = None
        for view in self._views:
            moves = view.moves(media, hashes)
            view.taken.update(moves)
            own = {new.medium_id for new in moves.values()}
            own.update(new.medium_id for _, new in view.copies(media, hashes, besides=own))
            own.update(medium.medium_id for medium in media if view.has(medium))
            found = own if found is None else found & own
        return found or set()


class _View:
    def __init__(self, recipe_hash: str, view: ViewWriter | FinishedView) -> None:
        self._recipe_hash, self._view = recipe_hash, view
        self._known: KnownContents | None = None
        self._of_any_time: KnownContents | None = None
        """The same without the times of large files, whose bytes are compared."""
        self.taken: set[str] = set()
        """Finished media whose rows go to others, where nothing is written."""

    def has(self, medium: Medium) -> bool:
        """Return whether a medium is finished as it stands now."""
        return self._view.finished().status_of(medium, self._recipe_hash) is not None

    def moves(self, media: Sequence[Medium], hashes: dict[str, str]) -> dict[str, MovedMedium]:
        """Return the new places of finished media, by the ids that they have.

        Args:
            media: What the sources gave.
            hashes: Content hashes by address; what is read is added.
        """
        if self._known is not None and not len(self._known):
            return {}  # the view was empty when the run began, so nothing can have moved
        finished = self._view.finished()
        new = {m.medium_id: m for m in media if finished.status_of(m, self._recipe_hash) is None}
        if not new:
            return {}
        if self._known is None:
            self._known = self._view.contents(MAX_BYTES)
            self._of_any_time = self._view.contents(_ANY_SIZE)
        wanted = [(m, c, p) for m in new.values() for c, p in _contents(self._known, m, hashes)]
        known = self._known_at(sorted({place for _, _, some in wanted for place in some}))
        free = {
            place: entry
            for place, entry in known.items()
            if entry.medium_id not in self.taken and _has_left(entry)
        }
        return _matched(wanted, free) if free else {}

    def copies(
        self, media: Sequence[Medium], hashes: dict[str, str], *, besides: Collection[str] = ()
    ) -> list[tuple[str, CopiedMedium]]:
        """Return which new media have the bytes of finished ones that stay, with the ids of these.

        Args:
            media: What the sources gave.
            hashes: Content hashes by address; what is read is added.
            besides: Ids of media that are recognised already.
        """
        new = {
            m.medium_id: m
            for m in media
            if m.medium_id not in besides and _may_be_copied(m) and not self.has(m)
        }
        if not new or self._of_any_time is None:
            return []
        found: list[tuple[str, CopiedMedium]] = []
        for medium in new.values():
            for content, places in _contents(self._of_any_time, medium, hashes):
                entries = self._known_at(places).values()
                twins = (e for e in entries if _is_alike(medium, content, e) and _has_same_bytes(medium, e))
                twin = next(twins, None)
                if twin is not None:
                    found.append((twin.medium_id, _copied(medium)))
        return found

    def _known_at(self, places: Sequence[int]) -> dict[int, LedgerEntry]:
        """Return those entries at these places that are the newest of their medium, and of this recipe."""
        if not places:
            return {}
        finished = self._view.finished()
        return {
            place: entry
            for place, entry in zip(places, self._view.entries_at(places), strict=True)
            # An entry that is not the newest of its medium says nothing of the rows that are there.
            if entry.recipe_hash == self._recipe_hash and finished.place_of(entry.medium_id) == place
        }


def _move(writer: ViewWriter, moves: dict[str, MovedMedium]) -> None:
    """Move the rows; what was under a new address before is deleted, since its file has changed."""
    finished = writer.finished()
    replaced = {new.medium_id for new in moves.values() if new.medium_id in finished} - moves.keys()
    if replaced:
        writer.delete(replaced)
    writer.move(moves)


def _contents(
    known: KnownContents, medium: Medium, hashes: dict[str, str]
) -> Iterator[tuple[Content, Sequence[int]]]:
    """Yield what a medium holds, and the entries that may hold the same, if there are any."""
    if not medium.uri.startswith("file://"):
        return  # of remote media it is not known whether they have left
    if not known.has_size(medium.size_bytes, medium.mtime_ns):
        return
    if medium.uri not in hashes:
        hashes[medium.uri] = _hash(medium)
    content = Content(medium.size_bytes, medium.mtime_ns, hashes[medium.uri], medium.spec_hash)
    places = known.places(content, _MOST) if content.content_hash else ()
    if places:
        yield content, places


def _matched(
    wanted: Sequence[tuple[Medium, Content, Sequence[int]]], free: Mapping[int, LedgerEntry]
) -> dict[str, MovedMedium]:
    """Give each new medium a finished one, first to those with the same name, so that labels stay theirs."""
    moves: dict[str, MovedMedium] = {}
    left = dict(free)
    by_name: dict[str, list[int]] = {}
    for place, entry in free.items():
        by_name.setdefault(_base(entry.name), []).append(place)
    rest = []
    for medium, content, places in wanted:
        allowed = set(places)
        named = [p for p in by_name.get(_base(medium.name), ()) if p in left and p in allowed]
        own = next((p for p in named if _fits(medium, content, left[p])), None)
        if own is None:
            rest.append((medium, content, places))
        else:
            moves[left.pop(own).medium_id] = _moved(medium)
    for medium, content, places in rest:
        fitting = (p for p in places if p in left and _fits(medium, content, left[p]))
        first = next(fitting, None)
        if first is not None and (
            content.size_bytes <= MAX_BYTES
            or (content.mtime_ns % _SECOND_NS != 0 and next(fitting, None) is None)
        ):
            moves[left.pop(first).medium_id] = _moved(medium)
    return moves


def _fits(medium: Medium, content: Content, entry: LedgerEntry) -> bool:
    """Return whether the rows of an entry are those of a medium, but for what names decide."""
    if content.size_bytes > MAX_BYTES and content.mtime_ns != entry.mtime_ns:
        return False
    return _is_alike(medium, content, entry)


def _is_alike(medium: Medium, content: Content, entry: LedgerEntry) -> bool:
    return (
        content.size_bytes,
        content.content_hash,
        content.spec_hash,
        suffix_of(medium.name),
        member_of(medium.uri),
    ) == (
        entry.size_bytes,
        entry.content_hash,
        entry.spec_hash,
        suffix_of(entry.name),
        member_of(entry.uri),
    )


def _has_left(entry: LedgerEntry) -> bool:
    """Return whether the file of an entry is gone, or another one is at its address now."""
    try:
        found = os.stat(file_of(uri_to_path(entry.uri)))  # noqa: PTH116 - names of any bytes
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    same_size = found.st_size == entry.size_bytes or member_of(entry.uri) is not None
    return not same_size or found.st_mtime_ns != entry.mtime_ns


def _may_be_copied(medium: Medium) -> bool:
    """Return whether the rows of a copy would be those of its original: without extra columns of its own."""
    has_own = medium.extra or medium.moment_extras or any(box.extra for box in medium.boxes)
    return not has_own and member_of(medium.uri) is None and medium.size_bytes <= _MOST_COMPARED


def _has_same_bytes(medium: Medium, entry: LedgerEntry) -> bool:
    """Compare two local files whole; the original must be as it was when its rows were made."""
    try:
        with (
            open(uri_to_path(medium.uri), "rb") as one,  # noqa: PTH123 - names of any bytes
            open(uri_to_path(entry.uri), "rb") as other,  # noqa: PTH123
        ):
            while True:
                block = one.read(_BLOCK)
                if block != other.read(_BLOCK):
                    return False
                if not block:
                    break
    except (OSError, ValueError):
        return False
    return not _has_left(entry)


def _copied(medium: Medium) -> CopiedMedium:
    return CopiedMedium(
        medium.medium_id, medium.uri, medium.name, medium.mtime_ns, medium.label, medium.split
    )


def _once_each(copies: Sequence[tuple[str, CopiedMedium]]) -> list[dict[str, CopiedMedium]]:
    """Group copies so that an original is once in each group."""
    groups: list[dict[str, CopiedMedium]] = []
    for original, copy in copies:
        group = next((one for one in groups if original not in one), None)
        if group is None:
            groups.append(group := {})
        group[original] = copy
    return groups


def _hash(medium: Medium) -> str:
    """Return the content hash of a medium; empty if it cannot be read or has changed since it was found."""
    try:
        with open_medium(medium) as file:
            return hash_of(file.size_bytes, file.seek, file.read)
    except (MediaError, OSError):
        return ""


def _moved(medium: Medium) -> MovedMedium:
    return MovedMedium(medium.medium_id, medium.uri, medium.name, medium.mtime_ns)


def _base(name: str) -> str:
    return name.rpartition("/")[2]
