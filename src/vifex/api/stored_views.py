"""`vifex.views`, `vifex.remove_view`, `vifex.rename_view`: the views of a store as wholes."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vifex.api.arguments import checked
from vifex.store import DamagedError, Store, folder_bytes, open_store, stored_view
from vifex.store import remove_view as remove_stored
from vifex.store import rename_view as rename_stored
from vifex.values import Recipe
from vifex.values.run_facts import read_facts

__all__ = ["RemovedView", "StoredView", "remove_view", "rename_view", "views"]

_OF_MEDIA = pa.array(["medium", "deleted"], pa.large_string())


@dataclass(frozen=True, slots=True)
class StoredView:
    """What one view of a store holds and what it takes."""

    view: str
    model: str
    layers: tuple[str, ...]
    rows: int | None
    """`None` where the view is damaged so that it does not open."""
    media: int | None
    """With and without rows; `None` likewise."""
    size_bytes: int
    """Of its files on disk, older versions included."""
    made: datetime | None
    """When the run began that made it, UTC; `None` where that run did not say."""
    changed: datetime | None
    """When the last run began that entered or deleted media, UTC."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; times in ISO 8601."""
        times = {"made": self.made, "changed": self.changed}
        return {**asdict(self), **{n: t if t is None else t.isoformat() for n, t in times.items()}}


@dataclass(frozen=True, slots=True)
class RemovedView:
    """A view that was removed, or would be."""

    store: str
    view: str
    rows: int | None
    """`None` where the view was damaged so that it did not open."""
    media: int | None
    size_bytes: int
    """What its files took."""
    dry_run: bool
    """Whether nothing was removed."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@checked("store")
def views(store: str | os.PathLike[str]) -> tuple[StoredView, ...]:
    """List the views of a store by their names, also those that are damaged.

    Raises:
        StoreError: If there is no such store, or the recipe of a view cannot be read.
    """
    with open_store(store) as opened:
        return tuple(_described(opened, name) for name in opened.views())


@checked("store")
def remove_view(
    store: str | os.PathLike[str], view: str, *, force: bool = False, dry_run: bool = False
) -> RemovedView:
    """Remove a view with its rows and its ledger. Media files are not touched, and the space is free at once.

    Args:
        store: The store.
        view: Name of the view.
        force: Remove it even if it is the only view, or if other views were made from it. Their rows stay,
            and no new ones can be made.
        dry_run: Remove nothing; say what would be removed.

    Raises:
        StoreError: If there is no such store or view, the view is open for reading, the store cannot be
            written, or `force` is needed. Nothing is removed then.
    """
    with open_store(store) as opened:
        found = _described(opened, view)
    remove_stored(store, view, force=force, dry_run=dry_run)
    return RemovedView(os.fspath(store), view, found.rows, found.media, found.size_bytes, dry_run)


@checked("store")
def rename_view(store: str | os.PathLike[str], old: str, new: str) -> None:
    """Give a view another name. Its rows, its ledger and its id stay.

    Raises:
        InputError: If the new name is taken, or none that a view can have.
        StoreError: If there is no such store or view, the view is open for reading, other views were made
            from it, or the store cannot be written.
    """
    rename_stored(store, old, new)


def _described(opened: Store, name: str) -> StoredView:
    try:
        view = opened.view(name)
    except DamagedError:
        stored = stored_view(opened.path, name)
        if stored is None:
            raise
        recipe, folder = stored
        return StoredView(name, recipe.model, _layers(recipe), None, None, folder_bytes(folder), None, None)
    started = {number: _started(text) for number, text in view.runs().items()}
    entered: set[int] = set()
    for batch in view.ledger_batches(["run", "kind"], history=True):
        of_media = batch.filter(pc.is_in(batch.column("kind"), _OF_MEDIA))
        entered.update(of_media.column("run").unique().to_pylist())
    return StoredView(
        view=name,
        model=view.recipe.model,
        layers=_layers(view.recipe),
        rows=view.count_rows(),
        media=view.count_media(),
        size_bytes=folder_bytes(view.folder),
        made=started.get(1),
        changed=started.get(max(entered, default=0)),
    )


def _layers(recipe: Recipe) -> tuple[str, ...]:
    return tuple(spec.layer.name for spec in recipe.layers)


def _started(text: str) -> datetime | None:
    seconds = read_facts(text).get("started_unix_s")
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
