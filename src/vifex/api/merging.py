"""`vifex.merge`: the rows, entries and views of several stores in one, without computing anything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vifex.api.arguments import checked
from vifex.store import MergeConflict, MergedInto, compare_stores, merge_store, open_store
from vifex.values import InputError
from vifex.values.run_facts import run_facts

__all__ = ["Merged", "MergedView", "merge"]

_LIBRARIES = ("pylance", "pyarrow")


@dataclass(frozen=True, slots=True)
class MergedView:
    """What became of one view of a store that was merged into another."""

    source: str
    """The store that it is of."""
    view: str
    """Its name there."""
    into: str
    """The view that took it in: one of the same recipe, or a new one."""
    is_new: bool
    """Whether that view was made for it."""
    media: int
    """All media of the view; the next five add up to it."""
    added: int
    """Media that the store did not have."""
    same: int
    """Media that were there already with the same result."""
    copies: int
    """Media whose content was there at another address; left out."""
    replaced: int
    """Media that were there, and whose result in the source is better or of a newer file."""
    left: int
    """Media whose result in the source is worse, of an older file, or different without being better."""
    rows: int
    """Rows that came over."""
    labelled: int
    """Media of the store that had no label or split and got that of the source."""
    n_conflicts: int
    conflicts: tuple[MergeConflict, ...]
    """The first 1,000 things in which both differ, and which of both was kept."""
    copied: tuple[tuple[str, str], ...]
    """Of the first 1,000 copies the address, and that of the medium that stays."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of stores that were merged."""

    store: str
    """The store that holds all now."""
    views: tuple[MergedView, ...]
    """Of each source one after the other."""
    dry_run: bool
    """Whether nothing was changed."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"store": self.store, "views": [v.to_dict() for v in self.views], "dry_run": self.dry_run}


@checked("store")
def merge(
    store: str | os.PathLike[str],
    *others: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    copies: bool = False,
    dry_run: bool = False,
) -> Merged:
    """Bring the rows, ledger entries and views of other stores into a store. Nothing is computed.

    Views of the same recipe (model, weights, layers and all choices) become one; another recipe is another
    view, with a number behind its name if that is taken. What a medium is that both have:

    - The same result, or the same content at another address, is kept once.
    - A finished result replaces a failed one, that of a newer file replaces that of an older one, and of one
      file `ok` replaces `partial`. Otherwise the store keeps what it has.
    - The store keeps its labels and splits, and takes those of the other where it has none.

    Every contradiction is counted and named. Interrupted, the same call goes on. The files of the other
    stores are compared with their checksums first, and the other stores are not changed.

    Args:
        store: The store that takes the others in.
        *others: At least one.
        output: A store that takes in all of them, `store` too, which then stays as it is. It is made if it is
            not there.
        copies: Keep media whose content is there at another address too.
        dry_run: Change nothing; say what would come of merging each of the others with `store`.

    Raises:
        InputError: If there is nothing to merge, or a store is given twice.
        StoreError: If a store is not there or damaged, or the store cannot be written. What was committed
            before is kept.
    """
    if not others:
        raise InputError("nothing says what to merge the store with.", todo="Name a second store.")
    for path in (store, *others):
        open_store(path).close()
    target, sources = (store, others) if output is None else (output, (store, *others))
    _refuse_twins([target, *sources])
    found: list[MergedView] = []
    for source in sources:
        if dry_run:
            against = target if output is None or source is store else store
            done = compare_stores(against, source, copies=copies)
        else:
            done = merge_store(target, source, copies=copies, run=run_facts(_LIBRARIES))
        found += [_merged(source, one) for one in done]
    return Merged(os.fspath(target), tuple(found), dry_run)


def _merged(source: str | os.PathLike[str], done: MergedInto) -> MergedView:
    media = done.media
    return MergedView(
        source=os.fspath(source),
        view=done.view,
        into=done.into,
        is_new=done.is_new,
        media=media.media,
        added=media.added,
        same=media.same,
        copies=media.copies,
        replaced=media.replaced,
        left=media.left,
        rows=media.rows,
        labelled=media.labelled,
        n_conflicts=media.conflicts,
        conflicts=tuple(media.named_conflicts),
        copied=tuple(media.named_copies),
    )


def _refuse_twins(paths: Sequence[str | os.PathLike[str]]) -> None:
    there = [Path(path).resolve() for path in paths]
    for number, path in enumerate(there):
        if path in there[:number]:
            raise InputError(
                "a store cannot be merged with itself.", of=str(paths[number]), todo="Name another."
            )
