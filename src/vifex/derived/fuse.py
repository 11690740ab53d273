"""A view whose rows are fused from rows of other views, filled or brought up to date."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.derived.align import Aligned, align, inputs_of
from vifex.derived.derive import batch_of, facts_of_run, media_to_make, note, report_of
from vifex.derived.plan import PARAMETERS, FusionPlan, Learn, open_inputs, plan_fusion
from vifex.derived.sources import FACTS, ROWS_AT_ONCE
from vifex.pool.fusion import FusionRule
from vifex.store import StoreWriter, ViewWriter, open_store, open_writer
from vifex.values import Fusion, Outcome
from vifex.values.reports import Report, Tally

__all__ = ["fuse_vectors", "fuse_views"]

Arrays = Mapping[str, npt.NDArray[Any]]


def fuse_views(
    store: str | os.PathLike[str],
    views: Sequence[str],
    *,
    method: str = "concat",
    name: str = "fused",
    weights: Sequence[float] | None = None,
    mean: Sequence[str] = (),
    within_s: float = 0.5,
    unit: bool = True,
    dims: int | None = None,
    learned: Arrays | None = None,
    learn: Learn | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Report:
    """Make a view whose rows are fused from rows of other views, or update it.

    Args:
        store: The store's folder.
        views: `VIEW` or `VIEW:COLUMN`, at least two; the rows of the first are the base.
        method: Of the registry of fusions.
        name: Of the new view.
        weights: One for each input, at least 0; for methods that take them.
        mean: Views of which each medium's mean is taken, not the partner of each row.
        within_s: Of rows that do not overlap, how far apart partners may be, in seconds.
        unit: Scale each input to length 1 first.
        dims: For `pca`, how many numbers a row keeps.
        learned: Arrays that were learned elsewhere, for methods that learn.
        learn: Instead, learns them from the rows, when the view is made.
        on_outcome: Called for each medium that did not end `ok`.

    Raises:
        InputError: If views, columns or options do not fit each other.
        StoreError: If the store does not exist, or the view has another recipe.
    """
    began_s = time.monotonic()
    tally = Tally()
    with open_store(store) as opened:
        fusion, sources = open_inputs(opened, views, name, method, mean, within_s, unit, weights)
        plan = plan_fusion(Path(store), name, fusion, sources, learned, learn, dims)
        with open_writer(store, run=facts_of_run()) as writer:
            view = _open_view(writer, name, plan)
            media = media_to_make(sources, [view], tally)
            for chunk in align(media, sources, plan.fusion):
                _make(chunk, plan, view, tally, on_outcome)
    return report_of(store, [name], tally, began_s)


def fuse_vectors(
    inputs: Sequence[npt.NDArray[np.float32]], fusion: Fusion, rule: FusionRule, learned: Arrays
) -> npt.NDArray[np.float32]:
    """Fuse rows, float32 `[N, D_i]` each, scaled as the fusion says, to float32 `[N, D]`."""
    given = fusion.weights or (1.0,) * len(inputs)
    fused: npt.NDArray[np.float32] = rule.apply(inputs, [w / sum(given) for w in given], learned)
    return fused


def _open_view(writer: StoreWriter, name: str, plan: FusionPlan) -> ViewWriter:
    """Open the view for writing; the store copies the file of learned arrays, if there is one."""
    if plan.file is None:
        return writer.view(name, plan.recipe)
    with tempfile.TemporaryDirectory(prefix="vifex-") as folder:
        file = Path(folder) / PARAMETERS
        file.write_bytes(plan.file)
        return writer.view(name, plan.recipe, files=[file])


def _make(
    chunk: Sequence[Aligned],
    plan: FusionPlan,
    view: ViewWriter,
    tally: Tally,
    on_outcome: Callable[[Outcome], None] | None,
) -> None:
    """Fuse the rows of some media and hand them over."""
    outcomes = [one.outcome for one in chunk]
    rows = sum(len(one) for one in chunk)
    spilled = None
    for start in range(0, max(rows, 1), ROWS_AT_ONCE):
        stop = min(rows, start + ROWS_AT_ONCE)
        batch = _batch(chunk, plan, start, stop) if rows else None
        if batch is not None and rows > ROWS_AT_ONCE:  # one medium alone has so many
            spilled = view.spill(spilled, batch)
    if spilled is not None:
        view.add(outcomes[0], None, spilled)
    else:
        view.add_many(outcomes, batch)
    tally.rows += rows
    for outcome in outcomes:
        note(tally, outcome, on_outcome)


def _batch(chunk: Sequence[Aligned], plan: FusionPlan, start: int, stop: int) -> pa.RecordBatch:
    inputs = inputs_of(chunk, plan.sources, plan.fusion, start, stop)
    facts = pa.concat_tables([one.facts for one in chunk]).slice(start, stop - start).combine_chunks()
    columns = {name: facts.column(name).combine_chunks() for name in FACTS}
    return batch_of(plan.recipe, columns, fuse_vectors(inputs, plan.fusion, plan.rule, plan.learned))
