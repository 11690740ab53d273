"""Removing and renaming whole views; the caller holds the store's lock.

Both are one rename of the view's folder, so that a view is there whole or not at all. A removed view first
goes to a name of unfinished views, which the next writer removes if this one dies.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from vifex.store.commit.checkpoints import checkpoint
from vifex.store.files.layout import StoreInfo, list_views, read_recipe, read_view_id
from vifex.store.files.places.place import local
from vifex.store.files.readers import wanted_by_readers
from vifex.store.files.sync import sync_folder
from vifex.store.ledger.tags import read_tags
from vifex.values import InputError, Recipe, StoreError
from vifex.values.registry import near

__all__ = ["check_removable", "check_renamable", "inputs_of", "remove_view", "rename_view"]


def inputs_of(recipe: Recipe) -> set[str]:
    """Return the names of the views that a view was made from; none for a view of media."""
    names = {one.view for one in recipe.fusion.inputs} if recipe.fusion else set()
    return names | ({recipe.tree.view} if recipe.tree else set())


def check_removable(info: StoreInfo, name: str, *, force: bool) -> None:
    """Check that a view may be removed.

    Raises:
        StoreError: If there is no such view, a reader has it open, a tag keeps it, or, without `force`, it is
            the last one or other views were made from it.
    """
    known = _known(info, name)
    _refuse_readers(info, name, "removed")
    _refuse_tags(info, name)
    if force:
        return
    if known == [name]:
        raise StoreError(
            f"{name!r} is the only view of the store.",
            of=str(info.path),
            todo="Add `force=True` to remove it all the same, or remove the store's folder.",
        )
    made = _made_from(info, name, known)
    if made:
        raise StoreError(
            f"the view {name!r} is what {', '.join(map(repr, made))} was made from.",
            of=str(info.path),
            todo="Remove that first, or add `force=True`: its rows stay, and no new ones can be made.",
        )


def check_renamable(info: StoreInfo, old: str, new: str) -> None:
    """Check that a view may get a name.

    Raises:
        InputError: If no view can have the new name.
        StoreError: If there is no such view, the name is taken, a reader has the view open, or the recipes of
            other views name it.
    """
    known = _known(info, old)
    target = info.view(new)
    if old == new or target.folder.exists():
        raise InputError(
            f"the store has a view {new!r} already.", of=str(info.path), todo="Choose another name."
        )
    _refuse_readers(info, old, "renamed")
    made = _made_from(info, old, known)
    if made:
        raise StoreError(
            f"the recipe of {', '.join(map(repr, made))} names the view {old!r}, from which it was made.",
            of=str(info.path),
            todo="Keep the name, or remove what was made from it, rename, and make that again.",
        )


def remove_view(info: StoreInfo, name: str) -> None:
    """Remove a view with all its files."""
    aside = local(info.building())
    local(info.view(name).folder).rename(aside)
    checkpoint("views.put_aside")
    sync_folder(info.views)
    checkpoint("views.removal_synced")
    shutil.rmtree(aside)
    checkpoint("views.removed")


def rename_view(info: StoreInfo, old: str, new: str) -> None:
    """Give a view another name."""
    local(info.view(old).folder).rename(local(info.view(new).folder))
    checkpoint("views.renamed")
    sync_folder(info.views)
    checkpoint("views.rename_synced")


def _known(info: StoreInfo, name: str) -> list[str]:
    known = list_views(info)
    if name not in known:
        raise StoreError(
            f"the store has no view {name!r}.",
            of=str(info.path),
            todo=f"{near(name, known)}It has: {', '.join(known) or 'none'}.",
        )
    return known


def _made_from(info: StoreInfo, name: str, known: Sequence[str]) -> list[str]:
    return [one for one in known if one != name and name in inputs_of(read_recipe(info.view(one)))]


def _refuse_tags(info: StoreInfo, name: str) -> None:
    known = read_tags(info.path)
    view_id = read_view_id(info.view(name)) if known else None
    tags = [tag.name for tag in known if any(one.id == view_id for one in tag.views)]
    if tags:
        raise StoreError(
            f"the view {name!r} is kept by the tag{'s' * (len(tags) > 1)} {', '.join(map(repr, tags))}.",
            of=str(info.path),
            todo="Remove the tags first: `vifex tag` and `vifex.remove_tag` do it.",
        )


def _refuse_readers(info: StoreInfo, name: str, done: str) -> None:
    wanted = wanted_by_readers(info.readers, name)
    if wanted.everything or wanted.ledger:
        raise StoreError(
            f"the view {name!r} is open for reading, and cannot be {done} meanwhile.",
            of=str(info.path),
            todo="Close the programs that read this store, then run the same command again.",
        )
