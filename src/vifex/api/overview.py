"""`vifex.overview`: what is in a store, as values and as a page."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from vifex.analysis.overview.choices import choices_of, shape_words
from vifex.analysis.overview.durations import covered_seconds
from vifex.analysis.overview.media import MediaCounts, count_media
from vifex.analysis.overview.overview import Overview, RunRate, SampleRow, ViewFacts
from vifex.analysis.overview.page import write_overview_page
from vifex.api.arguments import checked
from vifex.api.history import StoreRun, history
from vifex.api.stores.sheets import thumbnail_of
from vifex.extraction.estimate import folder_bytes
from vifex.search.files import check_target
from vifex.search.hits import Hit, hits_of_keys
from vifex.store import View, open_store
from vifex.values.run_facts import read_facts

__all__ = ["overview"]

_RUNS: Final = 60
"""Runs of each view that are told of."""
_COMMITS: Final = 300
"""Commits of a run whose times are told."""
_NAMES: Final = 20
"""Labels and splits that are told of."""
_GROUPS: Final = {"failed": 12, "partial": 8, "skipped": 6, "ok": 6}
"""Reasons that are told of, for each status."""
_NO_RATE: Final = frozenset(
    {"watch", "label", "rm", "prune", "relocate", "index", "compact", "merge", "upgrade", "classify", "tag"}
)
"""Commands whose time is not that of an extraction."""


@checked("store", "view", "html")
def overview(
    store: str | os.PathLike[str],
    *,
    view: str | None = None,
    at: str | None = None,
    samples: int = 12,
    html: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> Overview:
    """Say what is in a store: media, views, problems by reason, runs and samples.

    Each ledger and the times of each view's rows are read once; memory holds 8 bytes for each medium.

    Args:
        store: The store.
        view: Only this view; by default all.
        at: Name of a tag: the store as it was when `vifex.tag` made it.
        samples: Media that are drawn at random, the same ones each time.
        html: A page to write, with the images of the samples and of problems.
        overwrite: Whether that file may be replaced.

    Raises:
        InputError: If the page cannot be written.
        StoreError: If there is no such store or view, or it cannot be read.
    """
    if html is not None:
        check_target(html, overwrite=overwrite)
    with open_store(store, at=at) as opened:
        views = [opened.view(name) for name in (opened.views() if view is None else [view])]
        views.sort(key=lambda one: (one.recipe.fusion is not None or one.recipe.tree is not None, one.name))
        counts = count_media(views, samples)
        # Derived views have the times of those that they were made of.
        covered_s = max((covered_seconds(one) for one in views), default=0.0)
        groups = {status: counts.groups.most(status, most) for status, most in _GROUPS.items()}
        found = Overview(
            store=Path(os.path.abspath(os.fspath(store))).name,  # noqa: PTH100 - links stay
            size_bytes=folder_bytes(store),
            collection=counts.collection(_NAMES, covered_s),
            views=tuple(_facts(one, counts) for one in views),
            problems=tuple(g for status in ("failed", "partial", "skipped") for g in groups[status][0]),
            notes=tuple(groups["ok"][0]),
            left_out=sum(more for _, more in groups.values()),
            runs=tuple(_rates(store, views, at)),
            samples=tuple(_samples(views, counts)),
        )
        if html is not None:
            hits = _hits(views, found)
            rates = {one.name: one.recipe.sampling.assume_fps for one in views}
            write_overview_page(
                html,
                found,
                hits,
                lambda name, hit: thumbnail_of(hit.uri, hit.t_s, None, rates[name], hit.page or 0),
                overwrite=overwrite,
            )
    return found


def _facts(view: View, counts: MediaCounts) -> ViewFacts:
    recipe = view.recipe.to_dict()
    statuses = counts.by_view.get(view.name, Counter[str]())
    return ViewFacts(
        view=view.name,
        model=recipe["model"],
        columns=tuple(
            (spec.layer.name, shape_words(list(spec.shape)), spec.dtype) for spec in view.recipe.layers
        ),
        media=sum(statuses.values()),
        with_rows=counts.with_rows[view.name],
        rows=view.count_rows(),
        statuses=dict(sorted(statuses.items())),
        choices=tuple(choices_of(recipe)),
    )


def _samples(views: Sequence[View], counts: MediaCounts) -> list[SampleRow]:
    """Return the middle row of each medium that was drawn from the first view with rows."""
    for view in views:
        if drawn := counts.drawn.get(view.name):
            return [SampleRow(view.name, f"{i}:{rows // 2}", name, label) for i, name, label, rows in drawn]
    return []


def _hits(views: Sequence[View], found: Overview) -> dict[tuple[str, str], Hit]:
    """Look up the rows that are shown, by view and key."""
    keys: dict[str, list[str]] = {}
    for sample in found.samples:
        keys.setdefault(sample.view, []).append(sample.key)
    for group in (*found.problems, *found.notes):
        keys.setdefault(group.view, []).extend(f"{i}:0" for _, _, i, rows in group.examples if rows)
    return {
        (view.name, hit.key): hit for view in views for hit in hits_of_keys(view, keys.get(view.name, ()))
    }


def _rates(store: str | os.PathLike[str], views: Sequence[View], at: str | None) -> list[RunRate]:
    runs: list[RunRate] = []
    for view in views:
        rates = [_rate(run) for run in history(store, view=view.name, at=at)[-_RUNS:]]
        timed = [place for place, run in enumerate(rates) if run.media_per_s]
        if timed:
            newest = rates[timed[-1]]
            rates[timed[-1]] = replace(newest, course=_course(view, newest))
        runs += rates
    return runs


def _course(view: View, run: RunRate) -> tuple[tuple[float, int, int], ...]:
    """Return how far a run was at its commits."""
    started_s = datetime.fromisoformat(run.started).timestamp()
    times: dict[int, float] = {}
    media, rows = Counter[int](), Counter[int]()
    where = f"run = {run.number} AND kind IN ('time', 'medium')"
    for batch in view.ledger_batches(["commit", "kind", "reason", "rows"], where, history=True):
        for commit, kind, reason, count in zip(*(c.to_pylist() for c in batch.columns), strict=True):
            if kind == "time":
                times[commit] = float(read_facts(reason).get("unix_s", 0.0)) - started_s
            else:
                media[commit] += 1
                rows[commit] += count
    commits = sorted(commit for commit in media if commit in times)
    totals = zip(
        (times[commit] for commit in commits),
        itertools.accumulate(media[commit] for commit in commits),
        itertools.accumulate(rows[commit] for commit in commits),
        strict=True,
    )
    found = [(round(seconds, 3), so_far, its_rows) for seconds, so_far, its_rows in totals]
    return tuple(found[:: -(-len(found) // _COMMITS) or 1])


def _rate(run: StoreRun) -> RunRate:
    return RunRate(
        view=run.view,
        number=run.number,
        started="" if run.started is None else run.started.isoformat(timespec="seconds"),
        command=run.command,
        media=sum(run.media.values()),
        rows=run.rows,
        deleted=run.deleted,
        seconds=None if run.command in _NO_RATE else run.seconds,
    )
