"""Merging whole stores: which view of one goes into which view of the other, and in which order."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vifex.store.commit.view_folders import inputs_of
from vifex.store.commit.view_writer import DEFAULT_RULE, CommitRule
from vifex.store.commit.writing import StoreWriter, open_writer
from vifex.store.files.copy_marks import CopyMark, keep_marks, read_marks
from vifex.store.files.faults import DamagedError
from vifex.store.files.memory import release_freed_memory
from vifex.store.files.places.place import local, place_of
from vifex.store.ledger.medium_ids import MediumIds
from vifex.store.merging.bringing import MergedMedia, count, take_in
from vifex.store.merging.comparing import held_by
from vifex.store.reading.store import Store, open_store
from vifex.store.reading.view import View
from vifex.values import InputError, Recipe

__all__ = ["MergedInto", "compare_stores", "merge_store"]


@dataclass(frozen=True, slots=True)
class MergedInto:
    """What became of one view of a store that was merged into another."""

    view: str
    """Its name there."""
    into: str
    """The view that took it in."""
    is_new: bool
    """Whether that view was made for it."""
    media: MergedMedia


@dataclass(frozen=True, slots=True)
class _Plan:
    view: str
    into: str
    is_new: bool
    recipe: Recipe
    """That of the view that takes it in."""


def merge_store(
    store: str | os.PathLike[str],
    other: str | os.PathLike[str],
    *,
    copies: bool = False,
    run: str = "",
    rule: CommitRule = DEFAULT_RULE,
) -> list[MergedInto]:
    """Bring all views of another store into a store, which is made if it is not there. Nothing is computed.

    Args:
        store: It takes the other in.
        other: It is read, as it stands now.
        copies: Whether media whose content the store has at another address are added too.
        run: Facts of this run as JSON text, for the ledger.
        rule: How many media and bytes make a commit.

    Raises:
        InputError: If both are one folder.
        StoreError: If the other store is damaged, or the store cannot be written.
    """
    _refuse_itself(local(place_of(store)), local(place_of(other)))
    with open_store(other) as opened:
        views = _checked(opened)
        with open_writer(store, run, rule=rule) as writer:
            done = [
                MergedInto(
                    plan.view, plan.into, plan.is_new, _take_in(writer, plan, views[plan.view], copies)
                )
                for plan in _plan(writer.recipes(), {n: v.recipe for n, v in views.items()})
            ]
            ids = {writer.id, opened.id}
    _merge_marks(Path(store), Path(other), ids)
    return done


def compare_stores(
    store: str | os.PathLike[str], other: str | os.PathLike[str], *, copies: bool = False
) -> list[MergedInto]:
    """Say what `merge_store` would do; nothing is changed."""
    _refuse_itself(local(place_of(store)), local(place_of(other)))
    with contextlib.ExitStack() as stack:
        theirs = stack.enter_context(open_store(other))
        views = {name: theirs.view(name) for name in theirs.views()}
        ours: dict[str, View] = {}
        if (Path(store) / "STORE.json").exists():
            opened = stack.enter_context(open_store(store))
            ours = {name: opened.view(name) for name in opened.views()}
        found = []
        merged = {name: _Media([view.medium_ids()]) for name, view in ours.items()}
        for plan in _plan({n: v.recipe for n, v in ours.items()}, {n: v.recipe for n, v in views.items()}):
            held = held_by(ours[plan.into]) if plan.into in ours else None
            bases = [merged[n] for n in sorted(inputs_of(plan.recipe)) if n in merged]
            wanted = _in_any(bases)
            tally = count(held, views[plan.view], copies=copies, wanted=wanted)
            merged.setdefault(plan.into, _Media([])).add(views[plan.view].medium_ids(), tally.copied)
            found.append(MergedInto(plan.view, plan.into, plan.is_new, tally))
        return found


class _Media:
    """The media that a view would have after a merge."""

    def __init__(self, ids: list[MediumIds]) -> None:
        self._ids = ids
        self._left_out: set[str] = set()

    def add(self, ids: MediumIds, left_out: set[str]) -> None:
        """Take in the media of another view but for those that are left out, which the view lacks."""
        self._ids.append(ids)
        self._left_out |= left_out

    def __contains__(self, medium_id: object) -> bool:
        return medium_id not in self._left_out and any(medium_id in ids for ids in self._ids)


def _in_any(bases: Sequence[Container[str]]) -> Callable[[str], bool] | None:
    """Return what says whether one of the views that a view was made from has a medium.

    A copy that was left out of the view of media has no place in what was made from it.
    """
    return None if not bases else lambda medium_id: any(medium_id in one for one in bases)


def _take_in(writer: StoreWriter, plan: _Plan, source: View, copies: bool) -> MergedMedia:
    files = [p for p in sorted(local(source.folder).iterdir()) if p.is_file() and p.name != "recipe.json"]
    view = writer.opened_view(plan.into, plan.recipe, files=files)
    known = writer.recipes()
    bases = [writer.opened_view(n, known[n]) for n in sorted(inputs_of(plan.recipe)) if n in known]
    wanted = _in_any([one.finished() for one in bases])
    with view.tables() as (tables, rule):
        return take_in(tables, source, rule, copies=copies, wanted=wanted)


def _checked(opened: Store) -> dict[str, View]:
    """Open all views and compare every file with its checksum: damage must not get a checksum of its own."""
    views = {name: opened.view(name) for name in opened.views()}
    for name, view in views.items():
        found = view.verify()
        if not found.ok:
            raise DamagedError(
                f"the view {name!r} is damaged and cannot be merged.",
                of=str(opened.path),
                todo=f"Run `vifex check {opened.path}`: it names the damaged files and their media.",
            )
    release_freed_memory()
    return views


def _plan(ours: Mapping[str, Recipe], theirs: Mapping[str, Recipe]) -> Iterator[_Plan]:
    """Yield where each view of the other store goes, inputs before what was made from them.

    A view of the same recipe takes it in: the one of the same name, else one whose name the other store uses
    for no view of that recipe. Where there is none, a new view gets its name, with a number if that is taken.
    """
    taken = {name: recipe.hash for name, recipe in ours.items()}
    places: dict[str, tuple[str, str]] = {}
    for name in _inputs_first(theirs):
        recipe = _with_inputs(theirs[name], places)
        same = {n for n, known in theirs.items() if known.hash == theirs[name].hash}
        fitting = [n for n in sorted(taken) if taken[n] == recipe.hash and n not in same and n in ours]
        into = name if taken.get(name) == recipe.hash else fitting[0] if fitting else _free_name(name, taken)
        is_new = into not in ours
        taken[into] = recipe.hash
        places[name] = into, recipe.hash
        yield _Plan(name, into, is_new, recipe if is_new else ours[into])


def _inputs_first(recipes: Mapping[str, Recipe]) -> list[str]:
    ordered: list[str] = []

    def add(name: str) -> None:
        if name in recipes and name not in ordered:
            for source in sorted(inputs_of(recipes[name])):
                add(source)
            ordered.append(name)

    for name in sorted(recipes):
        add(name)
    return ordered


def _with_inputs(recipe: Recipe, places: Mapping[str, tuple[str, str]]) -> Recipe:
    """Return the recipe of a view made from others with the names that these have in the store."""
    if recipe.tree is not None and recipe.tree.view in places:
        view, recipe_hash = places[recipe.tree.view]
        return replace(recipe, tree=replace(recipe.tree, view=view, recipe_hash=recipe_hash))
    if recipe.fusion is None:
        return recipe
    inputs = [
        replace(one, view=places[one.view][0], recipe_hash=places[one.view][1]) if one.view in places else one
        for one in recipe.fusion.inputs
    ]
    return replace(recipe, fusion=replace(recipe.fusion, inputs=tuple(inputs)))


def _free_name(name: str, taken: Mapping[str, str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def _merge_marks(store: Path, other: Path, ids: set[str]) -> None:
    """Add what people said of pairs of copies in the other store; of a pair marked in both, ours stays."""
    marks = [replace(mark, other=None) if mark.other in ids else mark for mark in read_marks(other)]
    known = {mark.pair for mark in read_marks(store)}
    new: list[CopyMark] = [mark for mark in marks if mark.pair not in known]
    if new:
        keep_marks(store, new)


def _refuse_itself(store: Path, other: Path) -> None:
    if store.exists() and other.exists() and store.samefile(other):
        raise InputError("a store cannot be merged with itself.", of=str(store), todo="Name another store.")
