"""Views of the tree of shots, scenes and video: a row for each part of each video, pooled from its rows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Final, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.derived.derive import batch_of, derived_recipe, facts_of_run, media_to_make, note, report_of
from vifex.derived.sources import FACTS, MadeFrom, SourceView
from vifex.pool.tree import Node, build_tree
from vifex.store import MediumFacts, ViewWriter, open_store, open_writer
from vifex.store.reading.columns import one_column
from vifex.values import Outcome, Recipe, Status, Tree
from vifex.values.fusion import TreeLevel
from vifex.values.reports import Report, Tally

__all__ = ["LEVELS", "grow_trees", "level_view"]

LEVELS: Final[tuple[TreeLevel, ...]] = get_args(TreeLevel)

Array = npt.NDArray[Any]


def level_view(name: str, level: TreeLevel) -> str:
    """Name the view of one level: `tree` gives `tree.video`, `tree.scene` and `tree.shot`."""
    return f"{name}.{level}"


def grow_trees(
    store: str | os.PathLike[str],
    *,
    view: str = "main",
    column: str | None = None,
    name: str = "tree",
    on_outcome: Callable[[Outcome], None] | None = None,
    **choices: Any,
) -> Report:
    """Make the three views of a tree, or update them.

    Args:
        store: The store's folder.
        view: The view whose rows are the leaves.
        column: Feature column of that view; `None` means the only one.
        name: Prefix of the names of the new views.
        on_outcome: Called for each medium that did not end `ok`.
        **choices: Of `vifex.pool.tree.build_tree`: `pooling`, `radius`, `factor`, `least`, `shortest`,
            `similar`.

    Raises:
        InputError: If the column does not exist or a choice is out of range.
        StoreError: If the store or the view does not exist, or a view has another recipe.
    """
    began_s = time.monotonic()
    tally = Tally()
    with open_store(store) as opened, ExitStack() as stack:
        read = opened.view(view)
        source = SourceView(read, one_column(read, column))
        trees = [Tree(view, read.recipe.hash, source.column, level, **choices) for level in LEVELS]
        _grow(
            np.eye(2, dtype=np.float32), np.arange(2.0), 2.0, trees[0]
        )  # refuses choices that make no sense
        writer = stack.enter_context(open_writer(store, run=facts_of_run()))
        views = [writer.view(level_view(name, t.level), _recipe(t, source)) for t in trees]
        for medium in media_to_make([source], views, tally):
            _make(medium, source, views, trees[0], tally, on_outcome)
    return report_of(store, [v.name for v in views], tally, began_s)


def _recipe(tree: Tree, source: SourceView) -> Recipe:
    model = f"tree/{tree.level}({tree.view}:{tree.column})"
    return derived_recipe(model, source.spec.layer.name, source.spec.size, tree=tree)


def _make(
    medium: MadeFrom,
    source: SourceView,
    views: Sequence[ViewWriter],
    tree: Tree,
    tally: Tally,
    on_outcome: Callable[[Outcome], None] | None,
) -> None:
    """Grow the tree of one medium and hand its levels over."""
    places = source.places(medium.medium_id)
    facts = source.facts(places)
    status, reason = _status(source.media[medium.medium_id], facts)
    if status in ("skipped", "failed"):
        for view in views:
            view.add(Outcome(medium, status, reason))
        note(tally, Outcome(medium, status, reason), on_outcome)
        return
    order = np.argsort(_column(facts, "t_start_s"), kind="stable")
    facts = facts.take(pa.array(order))
    starts_s, ends_s = _column(facts, "t_start_s"), _column(facts, "t_end_s")
    root = _grow(source.vectors(places[order]), starts_s, float(ends_s.max()), tree)
    for view, level in zip(views, LEVELS, strict=True):
        nodes = [node for node in root.walk() if node.level == level]
        rows = _rows(nodes, facts, float(ends_s.max()))
        vectors = np.stack([node.vector for node in nodes])
        view.add(Outcome(medium, status, reason, rows=len(nodes)), batch_of(view.recipe, rows, vectors))
        tally.rows += len(nodes)
    note(tally, Outcome(medium, status, reason, rows=1), on_outcome)


def _status(known: MediumFacts, facts: pa.Table) -> tuple[Status, str]:
    """Return the status and reason of a medium. A tree needs rows that have times and are whole frames."""
    if known.status in ("skipped", "failed"):
        return known.status, known.reason
    if not facts.num_rows or facts.column("t_start_s").null_count:
        return "skipped", "It has no times: a tree is of videos and sound."
    if facts.column("x0").null_count < facts.num_rows:
        return "skipped", "Its rows are boxes, and a tree takes whole frames."
    return known.status, known.reason


def _grow(features: npt.NDArray[np.float32], starts_s: Array, end_s: float, tree: Tree) -> Node:
    """Build a tree; the last frame counts as much as the others, however short it was shown."""
    step_s = float(np.median(np.diff(starts_s))) if len(starts_s) > 1 else 0.0
    return build_tree(
        features,
        starts_s,
        max(end_s, float(starts_s[-1]) + step_s),
        pooling=tree.pooling,
        radius=tree.radius,
        factor=tree.factor,
        least=tree.least,
        shortest=tree.shortest,
        similar=tree.similar,
    )


def _rows(nodes: Sequence[Node], facts: pa.Table, end_s: float) -> dict[str, pa.Array]:
    """Describe what nodes are of: the first frame's own facts, and the times of the whole part."""
    first = facts.take(pa.array([node.start for node in nodes])).combine_chunks()
    rows = {name: first.column(name).combine_chunks() for name in FACTS}
    starts_s = pa.array([node.t_start_s for node in nodes], pa.float64())
    # A part ends where the next one begins; the last part ends with the last frame.
    ends_s = [min(node.t_end_s, end_s) for node in nodes]
    return {
        **rows,
        "ordinal": pa.array(range(len(nodes)), pa.int64()),
        "t_s": starts_s,
        "t_start_s": starts_s,
        "t_end_s": pa.array(ends_s, pa.float64()),
    }


def _column(facts: pa.Table, name: str) -> Array:
    column: Array = facts.column(name).to_numpy()
    return column
