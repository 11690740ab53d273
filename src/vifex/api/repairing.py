"""`vifex.repair`: what a check finds is mended where it can be."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

from vifex.api.arguments import checked
from vifex.store import ViewRepair, repair_views
from vifex.values import VifexError
from vifex.values.run_facts import run_facts

__all__ = ["Repaired", "repair"]

_LIBRARIES = ("pylance", "pyarrow")


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did to a store, or would do."""

    store: str
    views: tuple[ViewRepair, ...]
    dry_run: bool
    """Whether nothing was changed."""

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged now."""
        return not any(view.left or (self.dry_run and view.mended) for view in self.views)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "store": self.store,
            "ok": self.ok,
            "dry_run": self.dry_run,
            "views": [view.to_dict() for view in self.views],
        }


@checked("store", "view")
def repair(store: str | os.PathLike[str], *, view: str | None = None, dry_run: bool = False) -> Repaired:
    """Mend what is damaged in a store, as far as that can be done without a copy. Nothing right is lost.

    Rows and entries that give their checksums stay bit for bit. Media whose rows are damaged or missing are
    removed, and media whose rows are whole and whose ledger entry is damaged keep their rows; the next
    run of the command that made them, `ViewRepair.made_by`, makes both again. Rows that no entry names and
    files that nothing uses are removed, and damaged approximate indexes are made again. A crash at any moment
    leaves each view as it was or repaired.

    Args:
        store: The store.
        view: Only this view; by default all, one after the other.
        dry_run: Change nothing; say what would be done.

    Returns:
        For each view, what is mended, what cannot be, and the media that the next extraction makes again.

    Raises:
        StoreError: If there is no such store or view, or it cannot be written.
    """
    names = None if view is None else [view]
    found = repair_views(store, names, dry_run=dry_run, run=run_facts(_LIBRARIES))
    if not dry_run:
        found = [_with_indices(store, one) for one in found]
    return Repaired(os.fspath(store), tuple(found), dry_run)


def _with_indices(store: str | os.PathLike[str], found: ViewRepair) -> ViewRepair:
    """Make the indexes of a view again that were damaged."""
    mended, left = list(found.mended), list(found.left)
    for column, said in found.indices.items():
        from vifex.search.approximate.making import make_index

        try:
            make_index(
                store,
                found.view,
                column,
                recall=said.get("recall", 0.95),
                metric=said.get("metric", "cosine"),
                run=run_facts(_LIBRARIES),
            )
        except VifexError as exc:
            left.append(
                f"The index of {column} cannot be made again: {exc.what} Searches are exact without it."
            )
        else:
            mended.append(f"The index of {column} is made again.")
    return replace(found, mended=tuple(mended), left=tuple(left))
