"""`vifex.relocate`: media that were moved or renamed keep their rows under their new addresses."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vifex.api.arguments import checked
from vifex.media.content_hash import MAX_BYTES, hash_of
from vifex.media.decode.files.source import open_uri
from vifex.media.gone import gone_uris
from vifex.media.sources import find
from vifex.store import MovedMedium, View, move_media, open_store
from vifex.values import InputError, MediaError, Medium
from vifex.values.media import member_of, path_to_uri
from vifex.values.run_facts import run_facts

__all__ = ["Relocated", "relocate"]

_COLUMNS = ("medium_id", "uri", "name", "size_bytes", "mtime_ns", "content_hash")


@dataclass(frozen=True, slots=True)
class Relocated:
    """What became of media that were moved."""

    store: str
    moved: tuple[tuple[str, str], ...]
    """Old and new address of each medium, sorted; each once, whatever the number of views."""
    missing: tuple[str, ...]
    """Addresses of media that have no file in the new place; they are as they were."""
    different: tuple[str, ...]
    """The same for media where the file in the new place holds something else."""
    unsure: tuple[str, ...]
    """The same for media larger than 24 KiB, with a file of the same size and content hash among the sources
    that was changed at another time: the hash does not cover all of it, so its name must be given."""
    spans: tuple[str, ...]
    """The same for spans of videos: the ledger does not keep where they begin, so they stay."""
    dry_run: bool
    """Whether nothing was changed."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Known:
    """A medium as the ledger has it."""

    medium_id: str
    uri: str
    name: str
    size_bytes: int
    mtime_ns: int
    content_hash: str

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole file, not a span of one."""
        return Medium(self.uri, self.name, "unknown", 0, 0).medium_id == self.medium_id


@dataclass(slots=True)
class _Found:
    """What is found for the media of one view."""

    moves: dict[str, MovedMedium] = field(default_factory=dict)
    pairs: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    different: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    spans: set[str] = field(default_factory=set)


@checked("store", "old", "new", "among", "view")
def relocate(
    store: str | os.PathLike[str],
    old: str | os.PathLike[str] | None = None,
    new: str | os.PathLike[str] | None = None,
    *,
    among: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    view: str | None = None,
    dry_run: bool = False,
) -> Relocated:
    """Tell a store where its media are now. Nothing is computed, and no vector changes.

    Either a folder (or a file) was moved as a whole, from `old` to `new`; or media whose files are gone are
    recognised by their content among the files of `among`. A file takes the place of a medium only if its
    size and its content hash are those of the ledger. The hash covers 24 KiB of a file: of a larger one that
    is found among the files of `among`, the time of change must be the same too. Of media without a hash, as
    in stores of format 1, size and time of change must be equal. `vifex.extract` does as `among` does for the
    media of its sources.

    Args:
        store: The store.
        old: Where the media were.
        new: Where they are now.
        among: Sources as for `vifex.extract`, instead of `old` and `new`.
        view: Only in this view; by default in all.
        dry_run: Change nothing; say what would be changed.

    Raises:
        InputError: If it is not clear what was moved, or no medium of the store was in `old`.
        StoreError: If there is no such store, or it cannot be written.
    """
    if (old is None) != (new is None) or (old is None) == (among is None):
        raise InputError(
            "it is not clear what was moved.", todo="Give `old=` and `new=`, or `among=` with the files."
        )
    with open_store(store) as opened:
        views = opened.views() if view is None else [view]
        media = {name: list(_known(opened.view(name))) for name in views}
    if old is not None and new is not None:
        found = {name: _by_folder(known, old, new) for name, known in media.items()}
        if not any(one.pairs or one.missing or one.different or one.spans for one in found.values()):
            raise InputError(
                "no medium of the store is there.",
                of=os.fspath(old),
                todo="Give the folder as it was at extraction; `ledger()` of the store has the addresses.",
            )
    else:
        assert among is not None
        found = _by_content(media, among)
    for name, one in found.items():
        if one.moves and not dry_run:
            move_media(store, name, one.moves, run=run_facts(["pylance", "pyarrow"]))
    return Relocated(
        os.fspath(store),
        moved=tuple(sorted({pair for one in found.values() for pair in one.pairs.items()})),
        missing=_all(one.missing for one in found.values()),
        different=_all(one.different for one in found.values()),
        unsure=_all(one.unsure for one in found.values()),
        spans=_all(one.spans for one in found.values()),
        dry_run=dry_run,
    )


def _all(sets: Iterable[set[str]]) -> tuple[str, ...]:
    return tuple(sorted(set[str]().union(*sets)))


def _known(view: View) -> Iterator[_Known]:
    for batch in view.ledger_batches(_COLUMNS):
        yield from (_Known(*line) for line in zip(*(c.to_pylist() for c in batch.columns), strict=True))


def _by_folder(known: Iterable[_Known], old: str | os.PathLike[str], new: str | os.PathLike[str]) -> _Found:
    """Find the media of a folder, or the one of a file, in its new place."""
    before, after = path_to_uri(Path(old)), path_to_uri(Path(new))
    found = _Found()
    for one in known:
        rest = one.uri.removeprefix(before)
        if rest == one.uri or rest[:1] not in ("", "/", "#"):
            continue
        name = one.name
        if not rest:  # the file itself was renamed
            name = name.removesuffix(os.path.basename(os.fspath(old))) + os.path.basename(os.fspath(new))  # noqa: PTH119
        _settle(one, after + rest, name, found)
    return found


def _by_content(
    media: Mapping[str, list[_Known]], among: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
) -> dict[str, _Found]:
    """Find media whose files are gone among files, by size and content."""
    gone = gone_uris({one.uri for known in media.values() for one in known})
    wanted = {one.size_bytes for known in media.values() for one in known if one.uri in gone}
    taken = {one.uri for known in media.values() for one in known} - gone
    sources = [among] if isinstance(among, str | os.PathLike) else list(among)
    by_content: dict[tuple[int, str, int], Medium] = {}
    seen: set[tuple[int, str]] = set()
    for candidate in find(sources):
        if isinstance(candidate, Medium) and candidate.size_bytes in wanted and candidate.uri not in taken:
            content = candidate.size_bytes, _hash(candidate.uri)
            seen.add(content)
            by_content.setdefault((*content, _time(candidate)), candidate)
    result = {}
    for view, known in media.items():
        found = result[view] = _Found()
        for one in known:
            if one.uri not in gone:
                continue
            content = one.size_bytes, one.content_hash
            there = by_content.get((*content, _time(one))) if one.content_hash else None
            if there is not None:
                _settle(one, there.uri, there.name, found)
            elif one.content_hash and content in seen:
                found.unsure.add(one.uri)
            else:
                found.missing.add(one.uri)
    return result


def _time(one: Medium | _Known) -> int:
    """Return what must be the same beside size and content hash: of larger files the time of change."""
    return one.mtime_ns if one.size_bytes > MAX_BYTES else 0


def _settle(one: _Known, uri: str, name: str, found: _Found) -> None:
    """Enter a medium as moved, if what is at the new address is what it was."""
    if not one.is_whole:
        found.spans.add(one.uri)
        return
    try:
        with open_uri(uri) as file:
            size, mtime_ns = file.size_bytes, file.stat.st_mtime_ns
            is_same = size == one.size_bytes and (
                hash_of(size, file.seek, file.read) == one.content_hash
                if one.content_hash
                else mtime_ns == one.mtime_ns
            )
    except MediaError:
        found.missing.add(one.uri)
        return
    except OSError:
        is_same, mtime_ns = False, 0
    if not is_same:
        found.different.add(one.uri)
        return
    new_id = Medium(uri, name, "unknown", 0, 0).medium_id
    if any(move.medium_id == new_id for move in found.moves.values()):
        found.missing.add(one.uri)  # another medium of the same content has taken that file
        return
    found.moves[one.medium_id] = MovedMedium(new_id, uri, name, mtime_ns)
    found.pairs[one.uri] = uri


def _hash(uri: str) -> str:
    """Return the content hash of a file or a member; empty if it cannot be read."""
    try:
        with open_uri(uri, display_name=member_of(uri)) as file:
            return hash_of(file.size_bytes, file.seek, file.read)
    except (MediaError, OSError):
        return ""
