"""Changing a store without computing anything.

Media of a view are deleted, moved, or get other labels; whole views are removed or get other names.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vifex.store.commit.changes import LabelChange, MovedMedium
from vifex.store.commit.view_folders import check_removable
from vifex.store.commit.writing import open_writer
from vifex.store.files.layout import folder_bytes, read_store
from vifex.store.reading.store import open_store
from vifex.store.reading.view import View
from vifex.values import InputError
from vifex.values.registry import near

__all__ = [
    "CompactedView",
    "compact_view",
    "delete_rows",
    "move_media",
    "relabel",
    "remove_view",
    "rename_view",
]


def delete_rows(store: str | os.PathLike[str], view: str, names: Collection[str], *, run: str = "") -> int:
    """Delete media with all their rows from a view.

    They are safe from crashes like every commit: each medium is there whole or gone. The next extraction
    from their sources makes them again.

    Args:
        store: The store's folder.
        view: Name of the view.
        names: Names or uris of media, as the ledger has them; a name that several media share means all.
        run: Facts of this run as JSON text, for the ledger.

    Returns:
        How many media were deleted.

    Raises:
        InputError: If the view has no medium of one of these names. Nothing is deleted then.
        StoreError: If there is no such store or view, or it cannot be written.
    """
    with open_store(store) as opened:
        found = _ids(opened.view(view), names)
    with open_writer(store, run) as writer:
        return writer.stored_view(view).delete(m for ids in found.values() for m in ids)


def relabel(
    store: str | os.PathLike[str], view: str, changes: Mapping[str, LabelChange], *, run: str = ""
) -> int:
    """Give media of a view other labels and splits; nothing is computed, and no vector changes.

    The rows of a medium move to the end of the view's stored order.

    Args:
        store: The store's folder.
        view: Name of the view.
        changes: By name or uri of a medium: its new `label`, its new `split` or both. `None` takes the label
            away; what is left out stays.
        run: Facts of this run as JSON text, for the ledger.

    Returns:
        How many media have another label or split now.

    Raises:
        InputError: If the view has no medium of one of these names. Nothing is changed then.
        StoreError: If there is no such store or view, or it cannot be written.
    """
    with open_store(store) as opened:
        found = _ids(opened.view(view), changes)
    by_id = {medium_id: changes[name] for name, ids in found.items() for medium_id in ids}
    with open_writer(store, run) as writer:
        return writer.stored_view(view).relabel(by_id)


def move_media(
    store: str | os.PathLike[str], view: str, moves: Mapping[str, MovedMedium], *, run: str = ""
) -> int:
    """Give media of a view other addresses; nothing is computed, and no vector changes.

    The rows of a medium move to the end of the view's stored order. Where the view has the medium under its
    new address already, the old one is deleted.

    Args:
        store: The store's folder.
        view: Name of the view.
        moves: The new place of each medium, by the id that it has.
        run: Facts of this run as JSON text, for the ledger.

    Returns:
        How many media were moved.

    Raises:
        StoreError: If there is no such store or view, or it cannot be written.
    """
    with open_writer(store, run) as writer:
        written = writer.stored_view(view)
        known = written.finished()
        there = {old for old, new in moves.items() if new.medium_id in known}
        written.delete(there)
        return written.move({old: new for old, new in moves.items() if old not in there}) + len(there)


@dataclass(frozen=True, slots=True)
class CompactedView:
    """What compaction did to one view."""

    view: str
    size_bytes_before: int
    """Of the view's files on disk."""
    size_bytes_after: int
    fragments_before: int
    """Pieces that the rows were stored in."""
    fragments_after: int
    deleted_rows: int
    """Rows that were marked as deleted and took up space."""
    kept_versions: int
    """Older versions that stay, because an open reader or a tag names them."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def compact_view(store: str | os.PathLike[str], view: str, *, run: str = "") -> CompactedView:
    """Merge the small fragments of a view, drop its deleted rows and remove its old versions.

    Args:
        store: The store's folder.
        view: Name of the view.
        run: Facts of this run as JSON text, for the ledger.

    Raises:
        StoreError: If there is no such store or view, or it cannot be written.
    """
    paths = read_store(Path(store)).view(view)
    before = folder_bytes(paths.folder)
    with open_writer(store, run) as writer:
        written = writer.stored_view(view)
        with written.tables() as (tables, _):
            old = tables.rows.table.fragments()
        kept = written.compact()
        with written.tables() as (tables, _):
            new = tables.rows.table.fragments()
    return CompactedView(
        view,
        size_bytes_before=before,
        size_bytes_after=folder_bytes(paths.folder),
        fragments_before=len(old),
        fragments_after=len(new),
        deleted_rows=sum(f.deleted for f in old) - sum(f.deleted for f in new),
        kept_versions=kept,
    )


def remove_view(
    store: str | os.PathLike[str], view: str, *, force: bool = False, dry_run: bool = False
) -> None:
    """Remove a view with all its files, at once.

    Args:
        store: The store's folder.
        view: Name of the view.
        force: Whether the only view, or one from which other views were made, is removed too.
        dry_run: Whether it is only checked that this can be done.

    Raises:
        StoreError: If there is no such store or view, a reader has it open, or `force` is needed.
    """
    info = read_store(Path(store))  # a store that is not there is not made
    if dry_run:
        check_removable(info, view, force=force)
        return
    with open_writer(store) as writer:
        writer.remove_view(view, force=force)


def rename_view(store: str | os.PathLike[str], old: str, new: str) -> None:
    """Give a view another name; its rows and its ledger stay as they are.

    Raises:
        InputError: If the new name is taken, or none that a view can have.
        StoreError: If there is no such store or view, a reader has it open, or other views were made from it.
    """
    read_store(Path(store))
    with open_writer(store) as writer:
        writer.rename_view(old, new)


def _ids(view: View, names: Collection[str]) -> dict[str, list[str]]:
    """Return the ids of the media with each of these names or uris."""
    wanted = pa.array(list(dict.fromkeys(names)), pa.large_string())
    found: dict[str, list[str]] = {name: [] for name in wanted.to_pylist()}
    for batch in view.ledger_batches(["name", "uri", "medium_id"]):
        mask = pc.or_(pc.is_in(batch.column("name"), wanted), pc.is_in(batch.column("uri"), wanted))
        for name, uri, medium_id in zip(*(c.to_pylist() for c in batch.filter(mask).columns), strict=True):
            found[name if name in found else uri].append(medium_id)
    missing = [name for name, ids in found.items() if not ids]
    if missing:
        raise InputError(
            f"the view {view.name!r} has no medium {missing[0]!r}.",
            todo=f"{near(missing[0], view.first_names())}`vifex show` counts the media of a store.",
        )
    return found
