"""Making an approximate index of a feature column, so that an asked recall holds, and measuring it again.

The index is IVF by Lance: the rows are divided into partitions by k-means, and the rows of the nearest
partitions are compared by their quantised numbers. Exact scores of the best of them decide.

Source: Jégou, Douze and Schmid, Product quantization for nearest neighbor search, TPAMI 2011.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from vifex.search.approximate.facts import IndexFacts
from vifex.search.approximate.measuring import K_MEASURED, find_settings, measure_again
from vifex.search.approximate.nearest import checked_recall
from vifex.search.approximate.sample import draw_samples
from vifex.search.columns import one_column
from vifex.search.exact import nearest
from vifex.search.registry import DISTANCES, distance
from vifex.store import IndexPlan, index_name, index_of, indexed_views, open_store, open_writer
from vifex.values import InputError, StoreError
from vifex.values.machines import Machines

if TYPE_CHECKING:
    from vifex.search.approximate.sample import Sample
    from vifex.store import View
    from vifex.store.files.lance_adapter import Table

__all__ = ["drop_index", "make_index", "measure_changed"]

LEAST_ROWS: Final = 256
RECALLS: Final = (0.9, 0.95, 0.99)
"""What settings are found for beside the recall that was asked for."""
_QUERIES: Final = (300, 700)
"""Rows that choose a setting, and rows that it is then measured with."""
_LEAST_QUERIES: Final = 100
_TIMED: Final = 5
_KIND: Final = "IVF_SQ"
_STALE: Final = 0.1
"""Share of rows that an index may not hold before it is made anew."""
_CHANGED: Final = 0.01
"""Share of rows by which a view may grow or shrink before the recall is measured again."""


def make_index(
    path: str | os.PathLike[str],
    view_name: str,
    column: str | None = None,
    *,
    recall: float = 0.95,
    metric: str = "cosine",
    seed: int = 0,
    run: str = "",
    on_step: Callable[[str], None] | None = None,
    machines: Machines | None = None,
) -> IndexFacts:
    """Make an approximate index of a column, or bring the one that it has up to date.

    An index that holds at least nine tenths of the rows and reaches the recall is measured again and stays;
    any other one is made anew.

    Args:
        path: The store's folder.
        view_name: Name of the view.
        column: Feature column; `None` means the only one.
        recall: Share of the nearest rows that must be found, from 0.5 to below 1.
        metric: `cosine`, `dot` or `l2`.
        seed: Of the rows that are the queries.
        run: Facts of this run as JSON text, for the ledger.
        on_step: Called with a few words when a step begins.
        machines: Other machines that see the store at the same path.

    Returns:
        How the index is asked, and the recall that was measured.

    Raises:
        InputError: If the column, the recall or the metric cannot be used, or there are too few rows.
        StoreError: If the store cannot be written. It is then as it was before.
    """
    recall = checked_recall(recall)
    if metric not in DISTANCES:
        distance(metric)  # an unknown name raises
        raise InputError(f"no index is made for the metric {metric!r}.", todo=f"Use {', '.join(DISTANCES)}.")
    with open_writer(path, run) as writer:
        # The lock is held: nobody changes the rows until the index is committed.
        stored = writer.stored_view(view_name)
        with open_store(path) as opened:
            view = opened.view(view_name)
            column = one_column(view, column)
            _enough(view)
            known = _known(view, column, metric, recall)
            job = _Job(view, column, metric, recall, seed, on_step or (lambda _: None))
            if known is not None:
                stored.measure_index(lambda rows: job.again(rows, known))
            if known is None or job.facts is None or job.facts.setting_for(1, recall) is None:
                job.on_step(f"dividing {job.rows} rows into {job.plan.partitions} partitions")
                stored.make_index(job.plan, job.fresh, machines)
        # The index that was replaced is no longer read here.
        stored.remove_old_versions()
    assert job.facts is not None
    return job.facts


def measure_changed(path: str | os.PathLike[str], *, run: str = "") -> list[str]:
    """Measure the recall of each index of a store whose view has grown or shrunk by a hundredth since.

    Args:
        path: The store's folder.
        run: Facts of this run as JSON text, for the ledger.

    Returns:
        A sentence for each index that should be made anew.

    Raises:
        StoreError: If the store cannot be written.
    """
    changed = [(name, column) for name in indexed_views(path) for column in _changed(path, name)]
    if not changed:
        return []
    told = []
    with open_writer(path, run) as writer:
        for name, column in changed:
            stored = writer.stored_view(name)
            # The lock is held: the rows that are read here are those that the index is a part of.
            with open_store(path) as opened:
                view = opened.view(name)
                index = view.indices()[column]
                facts = IndexFacts.from_dict(index.facts)
                job = _Job(view, column, facts.metric, facts.recall, 0, lambda _: None)
                stored.measure_index(partial(job.again, known=facts))
                told += _stale(view, column, job.facts, len(index.places_not_held))
    return told


def _changed(path: str | os.PathLike[str], name: str) -> list[str]:
    """Return the columns of a view whose recall should be measured again."""
    with open_store(path) as opened:
        view = opened.view(name)
        rows = view.count_rows()
        measured = {c: IndexFacts.from_dict(index.facts).rows for c, index in view.indices().items()}
    if rows < LEAST_ROWS:
        return []
    return [column for column, before in measured.items() if abs(rows - before) > _CHANGED * before]


def _stale(view: View, column: str, facts: IndexFacts | None, others: int) -> list[str]:
    """Return why an index should be made anew, if it should."""
    assert facts is not None
    of = f"The index of {column!r} in the view {view.name!r}"
    if facts.setting_for(1, facts.recall) is None:
        return [f"{of} no longer reaches a recall of {facts.recall:g}; `vifex index` makes it anew."]
    if others > _STALE * facts.rows:
        return [
            f"{of} does not hold {others} of {facts.rows} rows. A search compares them exactly, which takes "
            "longer; `vifex index` makes it anew."
        ]
    return []


def drop_index(
    path: str | os.PathLike[str], view_name: str, column: str | None = None, *, run: str = ""
) -> bool:
    """Drop the index of a column; return whether there was one.

    Raises:
        InputError: If there is no such column.
        StoreError: If the store cannot be written.
    """
    with open_store(path) as opened:
        column = one_column(opened.view(view_name), column)
    with open_writer(path, run) as writer:
        return writer.stored_view(view_name).drop_index(
            index_name(column), {"column": column, "dropped": True}
        )


class _Job:
    """Measures the index of one column, while the store's lock is held."""

    def __init__(
        self,
        view: View,
        column: str,
        metric: str,
        recall: float,
        seed: int,
        on_step: Callable[[str], None],
    ) -> None:
        self.view, self.column, self.metric, self.recall, self.seed = view, column, metric, recall, seed
        self.on_step = on_step
        self.rows = view.count_rows()
        self.plan = IndexPlan(index_name(column), column, _KIND, metric, _partitions(self.rows))
        self.facts: IndexFacts | None = None

    def fresh(self, rows: Table) -> Mapping[str, Any]:
        """Find the settings of an index that was just made."""
        index = index_of(rows, self.column, self.metric, {})
        assert index is not None
        tune, test = self._samples(_QUERIES)
        aimed = {*RECALLS, self.recall}
        settings = find_settings(index, tune, test, partitions=self.plan.partitions, recalls=sorted(aimed))
        self.facts = IndexFacts(
            column=self.column,
            metric=self.metric,
            kind=index.kind,
            partitions=self.plan.partitions,
            recall=self.recall,
            rows=self.rows,
            rows_held=index.rows_held,
            exact_ms=self._exact_ms(test),
            settings=tuple(settings),
        )
        if self.facts.setting_for(1, self.recall) is None:
            raise StoreError(
                f"no setting of the index reaches a recall of {self.recall:g} on these rows.",
                of=f"{self.view.name}, column {self.column}",
                todo="Ask for a lower recall, or search exactly; the store is as it was.",
            )
        return self.facts.to_dict()

    def again(self, rows: Table, known: IndexFacts) -> Mapping[str, Any]:
        """Measure the settings of an index on the rows as they are now."""
        index = index_of(rows, self.column, self.metric, {})
        assert index is not None
        (test,) = self._samples(_QUERIES[1:])
        self.facts = replace(
            known,
            recall=self.recall,
            rows=self.rows,
            rows_held=index.rows_held,
            exact_ms=self._exact_ms(test),
            settings=tuple(measure_again(index, test, known.settings)),
        )
        return self.facts.to_dict()

    def _samples(self, sizes: tuple[int, ...]) -> list[Sample]:
        k = min(max(K_MEASURED), self.rows // 4)
        self.on_step("measuring the recall against exact search")
        few = min(1.0, max(_LEAST_QUERIES, self.rows // 10) / sum(_QUERIES))
        sizes = tuple(round(few * size) for size in sizes)
        return draw_samples(self.view, self.column, self.metric, sizes=sizes, k=k, seed=self.seed)

    def _exact_ms(self, sample: Sample) -> float:
        seconds = []
        for vector in sample.vectors[:_TIMED]:
            began_s = time.perf_counter()
            nearest(self.view, vector, column=self.column, metric=self.metric)
            seconds.append(time.perf_counter() - began_s)
        return round(1000 * statistics.median(seconds), 3)


def _known(view: View, column: str, metric: str, recall: float) -> IndexFacts | None:
    """Return the facts of an index that can stay."""
    index = view.indices().get(column)
    if index is None or index.metric != metric:
        return None
    facts = IndexFacts.from_dict(index.facts)
    few = len(index.places_not_held) <= _STALE * view.count_rows()
    return facts if few and facts.setting_for(1, recall) is not None else None


def _enough(view: View) -> None:
    count = view.count_rows()
    if count < LEAST_ROWS:
        raise InputError(
            f"the view {view.name!r} has {count} rows, and an index needs at least {LEAST_ROWS}.",
            todo="Exact search of so few rows takes less than a millisecond and needs no index.",
        )


def _partitions(rows: int) -> int:
    """Return the number of partitions for a number of rows: its square root, as is usual for IVF."""
    return max(4, math.isqrt(rows))
