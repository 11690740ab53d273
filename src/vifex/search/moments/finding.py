"""Search for moments: from a query, single or combined, to spans of media."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vifex.search.columns import one_column
from vifex.search.combined.evaluate import Evaluator, is_scored_by_height, meaning
from vifex.search.combined.values import Then
from vifex.search.find import vector_of
from vifex.search.hits import Hit, hits_at
from vifex.search.moments.frames import Frames, read_frames
from vifex.search.moments.merging import MergeRule, Run, merged, merged_by_medium
from vifex.search.moments.moment import Moment
from vifex.search.moments.sequences import Chain, chains, steps_of
from vifex.search.registry import distance
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.search.vectors import Embed
    from vifex.store import View

__all__ = ["By", "MomentSearch", "find_moments"]

By = Literal["moment", "medium"]


@dataclass(frozen=True, slots=True)
class MomentSearch:
    """What moments are searched, and what is a moment."""

    k: int = 10
    """Moments at most; media at most where `by` is `medium`."""
    column: str | None = None
    metric: str = "cosine"
    where: str | None = None
    by: By = "moment"
    drop: float = 0.5
    gap_s: float = 0.0
    min_score: float | None = None
    """The worst score that a row of a moment may have; of combined queries the lowest height."""
    least_of: Callable[[Any], float] | None = field(default=None, repr=False)
    """Returns the worst score with which a row matches one single query; `None` for no limit."""

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"the number of hits must be at least 1, got {self.k}.")
        if self.by not in ("moment", "medium"):
            raise InputError(f"takes moment or medium, got {self.by!r}.", option="by")


def find_moments(
    view: View,
    query: Any,
    wanted: MomentSearch,
    *,
    embed: Embed | None = None,
    keep: Callable[[str], bool] | None = None,
) -> list[Moment]:
    """Find the moments of a view that answer a query, the nearest first.

    Args:
        view: The view to search.
        query: A query of any kind, or a combined one; see `vifex.search.combined`.
        wanted: What is searched, and what is a moment; see `vifex.search.moments.merging` for the rule.
        embed: Computes the vector of an image, a frame or words.
        keep: Returns whether the medium of an address may be found; by default every one.

    Returns:
        At most `k` moments; with `by="medium"` those of at most `k` media, a medium's moments in the order
        of time.

    Raises:
        InputError: If the query, the column, the metric or the filter cannot be used.
    """
    parsed, metric = meaning(query), wanted.metric
    by_height = is_scored_by_height(parsed)
    if by_height and isinstance(parsed, Then) and wanted.by == "medium":
        raise InputError("a sequence is searched by moment, not by medium.", option="by")
    sign = 1.0 if by_height or distance(metric).higher_is_better else -1.0
    least = -np.inf if wanted.min_score is None else sign * wanted.min_score
    rule = MergeRule(wanted.drop, wanted.gap_s, least)
    column = one_column(view, wanted.column)
    frames = read_frames(view, wanted.where)
    if not len(frames):
        return []
    places = None if wanted.where is None else frames.places
    evaluator = Evaluator(
        view,
        parsed,
        lambda leaf: vector_of(view, leaf, column, embed),
        column=column,
        metric=metric,
        places=places,
        where=wanted.where,
        least_of=wanted.least_of,
    )
    search = _Search(view, frames, sign, keep or (lambda _: True))
    if isinstance(parsed, Then):
        return search.first(_sequences(evaluator, parsed, frames, rule), wanted.k)
    gains, rows = frames.best_rows(evaluator.gains(parsed))
    search.rows = rows
    background = evaluator.background(parsed)
    if wanted.by == "medium":
        return search.first(merged_by_medium(gains, frames, rule, background), wanted.k)
    return search.first(([run] for run in merged(gains, frames, rule, background)), wanted.k)


def _sequences(evaluator: Evaluator, query: Then, frames: Frames, rule: MergeRule) -> Iterator[list[Chain]]:
    """Yield sequences, the best first. A part is found where it is within `drop` of its best row."""
    least = max(1.0 - rule.drop, rule.least)
    parts, within_s = steps_of(query)
    found = []
    for part in parts:
        gains, rows = frames.best_rows(evaluator.heights(part))
        runs = merged(gains, frames, MergeRule(rule.drop, rule.gap_s, least), 0.0)
        found.append([(run, int(rows[run.peak])) for run in runs])
    yield from ([chain] for chain in chains(found, within_s))


class _Search:
    """Turns runs of frames into moments, a few at a time."""

    def __init__(self, view: View, frames: Frames, sign: float, keep: Callable[[str], bool]) -> None:
        self._view, self._frames, self._sign, self._keep = view, frames, sign, keep
        self.rows = np.empty(0, np.int64)
        """Index of the best row of each frame."""

    def first(self, groups: Iterable[list[Run] | list[Chain]], k: int) -> list[Moment]:
        """Return the moments of the first `k` groups whose media may be found."""
        found: list[Moment] = []
        rank, waiting = 0, iter(groups)
        while rank < k:
            some = list(islice(waiting, k))
            if not some:
                break
            peaks = [peak for group in some for run in group for peak in self._peaks(run)]
            places = [int(self._frames.places[row]) for row, _ in peaks]
            hits = iter(hits_at(self._view, places, [self._sign * gain for _, gain in peaks]))
            for group in some:
                moments = [self._moment(run, rank + 1, hits) for run in group]
                if rank < k and self._keep(moments[0].uri):
                    rank += 1
                    found.extend(moments)
        return found

    def _peaks(self, run: Run | Chain) -> list[tuple[int, float]]:
        """Return the best row of a moment, or of each part of a sequence, with its gain."""
        if isinstance(run, Chain):
            return [(row, part.gain) for part, row in zip(run.parts, run.rows, strict=True)]
        return [(int(self.rows[run.peak]), run.gain)]

    def _moment(self, run: Run | Chain, rank: int, hits: Iterator[Hit]) -> Moment:
        if isinstance(run, Run):
            return _as_moment(run, rank, next(hits), self._sign)
        parts = tuple(
            _as_moment(part, number, next(hits), self._sign) for number, part in enumerate(run.parts, start=1)
        )
        rows = run.parts[-1].last - run.parts[0].first + 1
        end_s = max(part.end_s for part in parts if part.end_s is not None)
        return Moment(rank, run.gain, parts[0].start_s, end_s, rows, parts[0].best, parts)


def _as_moment(run: Run, rank: int, best: Hit, sign: float) -> Moment:
    timed = np.isfinite(run.start_s)
    return Moment(
        rank=rank,
        score=sign * run.gain + 0.0,
        start_s=round(run.start_s, 6) if timed else None,
        end_s=round(run.end_s, 6) if timed else None,
        rows=run.last - run.first + 1,
        best=best,
    )
