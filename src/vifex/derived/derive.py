"""Derived views: the rows of each medium are computed from its rows in other views of the store.

A medium is computed again when one of its sources has a newer entry for it, and skipped otherwise, so the
same command resumes a run. A medium that the sources cannot supply gets an outcome with the reason.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.derived.sources import FACTS, MadeFrom, SourceView
from vifex.store import ViewWriter, row_schema
from vifex.values import NO_PIXELS, Layer, LayerSpec, Outcome, Recipe, Sampling
from vifex.values.outcomes import worst
from vifex.values.reports import Report, Tally
from vifex.values.run_facts import run_facts

__all__ = [
    "batch_of",
    "derived_recipe",
    "facts_of_run",
    "media_to_make",
    "note",
    "report_of",
]

Array = npt.NDArray[Any]


def derived_recipe(name: str, column: str, size: int, weights_sha256: str = "", **made: Any) -> Recipe:
    """Return the recipe of a derived view with one column.

    Args:
        name: What stands for the model, e.g. `fuse/concat(frames:head + sound:embedding)`.
        column: Of its vectors.
        size: Numbers in each.
        weights_sha256: Of what was learned; empty where nothing was.
        **made: `fusion` or `tree`.
    """
    spec = LayerSpec(Layer(column, "vector", (size,)), "none", (size,), normalized=False, dtype="float32")
    return Recipe(
        model=name,
        weights_sha256=weights_sha256,
        preprocess={},
        pixels=NO_PIXELS,
        sampling=Sampling(),
        layers=(spec,),
        precision="fp32",
        engine="numpy",
        **made,
    )


def facts_of_run() -> str:
    """Return the facts of this run for the ledger."""
    return run_facts(["numpy", "pylance", "pyarrow", *(n for n in ("sklearn", "torch") if n in sys.modules)])


def media_to_make(
    sources: Sequence[SourceView], views: Sequence[ViewWriter], tally: Tally
) -> Iterator[MadeFrom]:
    """Yield the media of the first source that are missing in a derived view or out of date there.

    Args:
        sources: The source columns; the first one decides which media there are.
        views: A medium is finished when all of them have it.
        tally: Counts those that are done.
    """
    for entry in sources[0].described():
        medium_id = entry["medium_id"]
        tally.media += 1
        medium = MadeFrom(
            uri=entry["uri"],
            name=entry["name"],
            kind="unknown",
            size_bytes=entry["size_bytes"],
            mtime_ns=entry["mtime_ns"],
            label=entry["label"],
            split=entry["split"],
            id=medium_id,
            entries=tuple(source.entry_of(medium_id) for source in sources),
        )
        done = [view.finished().status_of(medium, view.recipe.hash) for view in views]
        if None in done:
            yield medium
        else:
            tally.note_done(worst(status for status in done if status is not None))


def batch_of(
    recipe: Recipe, facts: Mapping[str, pa.Array], vectors: npt.NDArray[np.float32]
) -> pa.RecordBatch:
    """Arrange derived rows as a batch in the schema of the view.

    Args:
        recipe: Of the view.
        facts: `FACTS` by name, one value for each row.
        vectors: float32 `[N, D]`.
    """
    schema, spec = row_schema(recipe), recipe.layers[0]
    ids, ordinals = facts["medium_id"].to_pylist(), facts["ordinal"].to_pylist()
    columns = {name: facts[name] for name in FACTS}
    columns["key"] = pa.array([f"{m}:{o}" for m, o in zip(ids, ordinals, strict=True)], pa.string())
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).reshape(-1))
    columns[spec.column] = pa.FixedSizeListArray.from_arrays(flat, spec.size)
    return pa.RecordBatch.from_arrays([columns[f.name].cast(f.type) for f in schema], schema=schema)


def note(tally: Tally, outcome: Outcome, on_outcome: Callable[[Outcome], None] | None) -> None:
    """Count an outcome, and report it if it is not `ok`."""
    tally.note(outcome)
    if outcome.status != "ok" and on_outcome is not None:
        on_outcome(outcome)


def report_of(store: str | os.PathLike[str], views: Sequence[str], tally: Tally, began_s: float) -> Report:
    """Build the report of a run.

    Args:
        store: The store's folder.
        views: Names of the derived views.
        tally: The counts of the run.
        began_s: When the run began, on `time.monotonic`.
    """
    seconds = round(time.monotonic() - began_s, 3)
    return Report(
        store=os.fspath(store),
        views=tuple(views),
        media=tally.media,
        ok=tally.by_status["ok"],
        partial=tally.by_status["partial"],
        skipped=tally.by_status["skipped"],
        failed=tally.by_status["failed"],
        already_done=tally.already_done,
        already_failed=tally.already_failed,
        rows=tally.rows,
        seconds=seconds,
        busy_s=seconds,
        problems=tuple(tally.problems),
    )
