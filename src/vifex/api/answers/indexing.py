"""`vifex.index`: an approximate index of a store with a measured recall, and `vifex.drop_index`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from vifex.api.answers.given import Given, opened
from vifex.api.answers.machines import machines_of
from vifex.api.arguments import checked
from vifex.api.stores.store import Store, open_store
from vifex.api.stores.view import View
from vifex.search.approximate.facts import StoredIndex
from vifex.search.approximate.making import drop_index as drop_stored_index
from vifex.search.approximate.making import make_index
from vifex.values import Outcome
from vifex.values.run_facts import run_facts

if TYPE_CHECKING:
    from vifex.api.models.loaded import LoadedModel

__all__ = ["drop_index", "index"]


@checked("store", "model")
def index(
    store: Given,
    *,
    view: str | None = None,
    column: str | None = None,
    recall: float = 0.95,
    metric: str = "cosine",
    seed: int = 0,
    on: str | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_step: Callable[[str], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> StoredIndex:
    """Make an approximate index of a feature column, or bring the one that it has up to date.

    `search(..., approximate=True)` uses it. How the index is asked is chosen by measuring: up to 300 rows of
    the view are queries that choose, and up to 700 others, which the choice did not see, must then reach the
    recall with the lower end of a one-sided 95 % confidence interval. No query counts itself among its hits.
    Recall is the share of the nearest rows of exact search that are found; it is measured for 10 and for 100
    hits.

    Rows that are added later are compared exactly by every search until this function is called again. An
    index that holds at least nine tenths of the rows and still reaches the recall is measured again and
    stays; any other one is made anew.

    Args:
        store: A store, an open store or view, or media, which are extracted into a store in the cache first.
        view: A view of a store; by default its only one, or `main`.
        column: A layer's column; may be left out where there is one.
        recall: Share of the nearest rows that must be found, from 0.5 to below 1.
        metric: `cosine`, `dot` or `l2`.
        seed: Of the choice of rows that are the queries.
        on: `ray` or `ray://HEAD:PORT`: the machines of a Ray cluster divide the rows; they must see the store
            at the same path.
        model: The model that media are extracted with.
        on_outcome: Called for each medium that was skipped, failed or is partial.
        on_step: Called with a few words when a step begins.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.

    Returns:
        The index with the recall that was measured.

    Raises:
        InputError: If a choice cannot be used, or the view has fewer than 256 rows.
        StoreError: If the store cannot be written, or no setting reaches the recall. The store is then as it
            was before.
        EngineError: If the cluster cannot be used.

    Source: Jégou, Douze and Schmid, Product quantization for nearest neighbor search, TPAMI 2011; the index
    is Lance's.
    """
    with opened(store, view=view, model=model, on_outcome=on_outcome, on_notice=on_notice) as found:
        path, name = found.path, found.name
    # A store that was opened for this is closed again: a reader would keep the files of an older index.
    with machines_of(on) as machines:
        made = make_index(
            path,
            name,
            column,
            recall=recall,
            metric=metric,
            seed=seed,
            run=run_facts(["pylance", "pyarrow"]),
            on_step=on_step,
            machines=machines,
        )
    _read_newest(store, view)
    with open_store(path, view=name) as newest:
        return next(one for one in newest.indexes() if one.facts.column == made.column)


@checked("store")
def drop_index(store: Given, *, view: str | None = None, column: str | None = None) -> bool:
    """Drop the approximate index of a feature column, and remove its files; the rows stay.

    Args:
        store: A store, or an open store or view.
        view: A view of a store; by default its only one, or `main`.
        column: A layer's column; may be left out where there is one.

    Returns:
        Whether there was one.

    Raises:
        InputError: If there is no such column.
        StoreError: If the store cannot be written.
    """
    with opened(store, view=view) as found:
        path, name = found.path, found.name
    dropped = drop_stored_index(path, name, column, run=run_facts(["pylance", "pyarrow"]))
    _read_newest(store, view)
    return dropped


def _read_newest(given: Given, view: str | None) -> None:
    """Let a store or a view that the caller has open show its newest state."""
    if isinstance(given, Store | View):
        with opened(given, view=view) as found:
            found._read_newest()
