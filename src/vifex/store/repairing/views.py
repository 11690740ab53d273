"""Repairing the views of a store, and what is said of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from vifex.store.commit.writing import open_writer
from vifex.store.files.faults import BrokenTableError, DamagedError, explained
from vifex.store.files.layout import StoreInfo, list_views, read_recipe, read_store, views_without_recipe
from vifex.store.ledger.entries import index_facts
from vifex.store.reading.checking import ViewCheck
from vifex.store.reading.indexed import index_name
from vifex.store.reading.store import open_store
from vifex.store.repairing.examining import Damage, examine
from vifex.store.repairing.mending import mend
from vifex.store.schema import MEDIUM
from vifex.values import Recipe, StoreError
from vifex.values.registry import near

__all__ = ["ViewRepair", "repair_views"]

_OF_RECIPE: Final = ("int8.xml", "int8.bin", "fusion.npz")
"""Files that a recipe names by their hash: nothing else holds what they hold."""


@dataclass(frozen=True, slots=True)
class ViewRepair:
    """What a repair did to one view, or would do."""

    view: str
    mended: tuple[str, ...]
    """A sentence for each kind of damage that is mended."""
    left: tuple[str, ...]
    """A sentence for each kind of damage that cannot be mended, with what to do."""
    to_do: tuple[str, ...] = ()
    """Names of the media that are made again, sorted."""
    made_by: str = "vifex extract"
    """The command that makes them again, with the sources and choices that it had: of a derived view
    `vifex fuse` or `vifex tree`, of an imported one `vifex import`."""
    indices: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Columns whose approximate index was damaged and is gone, with how it was made."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "view": self.view,
            "mended": list(self.mended),
            "left": list(self.left),
            "to_do": list(self.to_do),
            "made_by": self.made_by,
            "indices": self.indices,
        }


def repair_views(
    store: str | os.PathLike[str], names: Sequence[str] | None = None, *, dry_run: bool, run: str = ""
) -> list[ViewRepair]:
    """Repair views of a store.

    What is proved stays bit for bit. A medium whose rows are damaged is removed, so that the next run of
    the command that made them makes it again. A medium whose rows are whole and whose entry is damaged keeps
    its rows, and is made again too. A crash at any moment leaves each view as it was or repaired.

    Args:
        store: The store's folder.
        names: Names of views; by default all.
        dry_run: Change nothing; say what would be done.
        run: Facts of this run as JSON text, for the ledger.

    Raises:
        StoreError: If there is no such store or view, or it cannot be written.
    """
    info = read_store(Path(store))
    lost = views_without_recipe(info)
    known = sorted({*list_views(info), *lost})
    wanted = known if names is None else list(names)
    for name in set(wanted) - set(known):
        listed = f"It has: {', '.join(known)}." if known else "It has none yet."
        raise StoreError(
            f"the store has no view {name!r}.", of=str(store), todo=f"{near(name, known)}{listed}"
        )
    if dry_run:
        return [_look(info, name) for name in wanted]
    with open_writer(store, run) as writer:
        repairs = [_repair(writer.info, name, run) for name in wanted]
        for found in repairs:
            if found.mended:
                view = writer.stored_view(found.view)
                for column in found.indices:
                    view.drop_index(index_name(column), {"column": column, "dropped": True})
                # Damaged files belong to older versions now.
                view.remove_old_versions()
    return [_checked(store, found) for found in repairs]


def _look(info: StoreInfo, name: str) -> ViewRepair:
    """Say what a repair would do to a view."""
    try:
        with explained(info.path):
            recipe = read_recipe(info.view(name))
            damage = examine(info.view(name))
    except DamagedError as exc:
        return ViewRepair(name, (), (_sentence(exc),))
    with open_store(info.path) as opened:
        (check,) = opened.verify([name])
    told = _told(name, damage, recipe)
    return replace(told, left=_left(check, told.made_by, only=_OF_RECIPE))


def _repair(info: StoreInfo, name: str, run: str) -> ViewRepair:
    paths = info.view(name)
    try:
        with explained(info.path):
            recipe = read_recipe(paths)
            damage = examine(paths)
            told = _told(name, damage, recipe)
            if not damage.is_none:
                mend(paths, damage, recipe.hash, run, f"repaired: {' '.join(told.mended)}")
    except DamagedError as exc:
        return ViewRepair(name, (), (_sentence(exc),))
    return told


def _maker(recipe: Recipe) -> str:
    """Return the command that makes the rows of a view."""
    if recipe.imported is not None:
        return "vifex import"
    return "vifex fuse" if recipe.fusion else "vifex tree" if recipe.tree else "vifex extract"


def _told(name: str, damage: Damage, recipe: Recipe) -> ViewRepair:
    mended, maker = [], _maker(recipe)
    if damage.broken:
        mended.append(
            f"{_count(len(damage.broken), 'damaged version')} of the ledger {_are(damage.broken)} removed."
        )
    if damage.dropped:
        mended.append(
            f"The rows of the newest {_count(len(damage.dropped), 'commit')} do not read; their media are as "
            f"they were before, and the next {maker} makes them again."
        )
    unproved = sum(not commit.is_proved for commit in damage.commits)
    if unproved or damage.lost_entries:
        mended.append(
            f"The damaged ledger is written anew, without {_count(unproved, 'damaged commit')} and "
            f"{_count(damage.lost_entries, 'unreadable entry', 'unreadable entries')}."
        )
    elif not damage.is_whole:
        mended.append("The damaged ledger is written anew; all its entries are proved.")
    if damage.bad_files:
        listed = ", ".join(damage.bad_files[:3]) + (", ..." if len(damage.bad_files) > 3 else "")
        mended.append(f"Damaged files of the rows are left out: {listed}.")
    if damage.back:
        mended.append(
            f"{_count(len(damage.back), 'medium', 'media')} with damaged or missing rows are removed, to be "
            "made again."
        )
    if damage.to_do:
        mended.append(
            f"{_count(len(damage.to_do), 'medium', 'media')} with a damaged entry keep their rows until they "
            "are made again."
        )
    if damage.foreign:
        rows = sum(damage.counts[m] for m in damage.foreign)
        mended.append(f"{_count(rows, 'row')} that no entry names are removed.")
    columns = [s.column for s in recipe.layers if index_name(s.column) in damage.indices]
    if columns:
        mended.append(f"The damaged approximate index of {', '.join(columns)} is removed.")
    if damage.leftovers:
        mended.append(f"{_count(len(damage.leftovers), 'file')} that nothing uses are removed.")
    facts = _index_facts(damage) if columns else {}
    indices = {c: facts.get(c, {}) for c in columns}
    return ViewRepair(name, tuple(mended), (), _names(damage), maker, indices)


def _index_facts(damage: Damage) -> dict[str, dict[str, Any]]:
    try:
        return index_facts(damage.ledger)
    except BrokenTableError:
        return {}


def _names(damage: Damage) -> tuple[str, ...]:
    names: set[str] = set()
    for commit in damage.dropped:
        kinds, of = (commit.entries.column(n).to_pylist() for n in ("kind", "name"))
        names |= {name for kind, name in zip(kinds, of, strict=True) if kind == MEDIUM}
    for medium_id in [*damage.back, *damage.to_do]:
        known = damage.media.get(medium_id)
        if known is None:
            names.add(medium_id)
        else:
            names.add(damage.commits[known.commit].entries.column("name")[known.place].as_py())
    return tuple(sorted(names))


def _checked(store: str | os.PathLike[str], found: ViewRepair) -> ViewRepair:
    """Add what a check still finds, such as damaged files that only a copy can bring back."""
    if found.left:
        return found
    with open_store(store) as opened:
        (check,) = opened.verify([found.view])
    return replace(found, left=_left(check, found.made_by))


def _left(check: ViewCheck, maker: str, only: Sequence[str] = ("",)) -> tuple[str, ...]:
    other = "extract the media into another view: `view=NAME`"
    if maker != "vifex extract":
        other = f"make another view with {maker}, and remove this one"
    todo = f"Restore it from a copy, or {other}."
    return tuple(f"{p.file}: {p.what}. {todo}" for p in check.problems if p.file.endswith(tuple(only)))


def _sentence(exc: StoreError) -> str:
    return " ".join(part for part in (exc.what, exc.todo) if part)


def _count(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def _are(things: Sequence[object]) -> str:
    return "is" if len(things) == 1 else "are"
