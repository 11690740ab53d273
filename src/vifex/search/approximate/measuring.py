"""Finding how an index must be asked to reach a recall, and measuring it on rows that had no part in that.

One sample of rows chooses the number of partitions and of candidates; another one, disjoint from it, must
then reach the recall with the lower end of its confidence interval. Where it does not, the next larger number
of partitions is tried.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vifex.search.approximate.facts import IndexSetting
from vifex.search.approximate.nearest import search_by_index

if TYPE_CHECKING:
    from vifex.search.approximate.sample import Sample
    from vifex.search.distances import FloatArray
    from vifex.store import ViewIndex

__all__ = ["K_MEASURED", "find_settings", "measure_again", "probe_steps"]

K_MEASURED: Final = (10, 100)
"""Numbers of hits for which recall is measured."""
_FACTORS: Final = (1, 1.5, 2, 3, 4, 6)
"""Candidates for each hit."""
_ONE_SIDED_95: Final = 1.645
_TIMED: Final = 20


@dataclass(frozen=True, slots=True)
class _Measured:
    mean: float
    low: float


def probe_steps(partitions: int) -> list[int]:
    """Return the numbers of partitions that are tried, each about a fifth more than the one before."""
    steps = {1, partitions}
    step = 1.0
    while step < partitions:
        steps.add(round(step))
        step = max(step * 1.2, step + 1)
    return sorted(steps)


def find_settings(
    index: ViewIndex, tune: Sample, test: Sample, *, partitions: int, recalls: Sequence[float]
) -> list[IndexSetting]:
    """Find the cheapest setting for each recall and each number of hits that holds on the second sample.

    Args:
        index: A fresh index.
        tune: Queries that choose.
        test: Queries that must then reach the recall.
        partitions: Of the index.
        recalls: What is aimed at; one that no setting reaches is left out.
    """
    counts = [k for k in K_MEASURED if k <= tune.nearest.shape[1]] or [tune.nearest.shape[1]]
    goals = [(k, recall) for k in counts for recall in sorted(set(recalls))]
    found: dict[tuple[int, float], IndexSetting] = {}
    for probes in probe_steps(partitions):
        left = [goal for goal in goals if goal not in found]
        if not left:
            break
        lists = _Lists(index, tune, probes, counts)
        for k, recall in left:
            candidates = lists.fewest(k, recall)
            if candidates is None:
                continue
            measured = _measure(index, test, probes, candidates, k)
            if measured.low >= recall:
                found[k, recall] = _setting(
                    index, test, measured, recall=recall, k=k, probes=probes, candidates=candidates
                )
    return [found[goal] for goal in goals if goal in found]


def measure_again(index: ViewIndex, test: Sample, settings: Sequence[IndexSetting]) -> list[IndexSetting]:
    """Measure the recall of settings on a new sample; the settings stay as they are."""
    again = []
    others = test.nearest_among(index.places_not_held)
    for one in settings:
        if one.k > test.nearest.shape[1]:
            continue
        measured = _measure(index, test, one.probes, one.candidates, one.k, others)
        again.append(
            _setting(
                index,
                test,
                measured,
                recall=one.recall,
                k=one.k,
                probes=one.probes,
                candidates=one.candidates,
            )
        )
    return again


def _setting(
    index: ViewIndex,
    test: Sample,
    measured: _Measured,
    *,
    recall: float,
    k: int,
    probes: int,
    candidates: int,
) -> IndexSetting:
    found = IndexSetting(
        recall=recall,
        k=k,
        probes=probes,
        candidates=candidates,
        measured=round(measured.mean, 4),
        low=round(measured.low, 4),
        queries=len(test),
        query_ms=0.0,
    )
    return replace(found, query_ms=_query_ms(index, test, found))


class _Lists:
    """What the index gives for the queries of a sample with a number of probes, and how good it is."""

    def __init__(self, index: ViewIndex, sample: Sample, probes: int, counts: Sequence[int]) -> None:
        most = max(_candidates(max(counts)))
        self._sample, self._scores = sample, _scores(index, sample, probes, most)
        self._lows: dict[tuple[int, int], float] = {}

    def fewest(self, k: int, recall: float) -> int | None:
        """Return the smallest number of candidates with which the recall is reached for `k` hits."""
        counts = _candidates(k)
        if self._low(k, counts[-1]) < recall:
            return None
        return next(count for count in counts if self._low(k, count) >= recall)

    def _low(self, k: int, count: int) -> float:
        if (k, count) not in self._lows:
            recalls = [self._sample.recall(i, s[:count], k) for i, s in enumerate(self._scores)]
            self._lows[k, count] = _interval(recalls, k)[1]
        return self._lows[k, count]


def _candidates(k: int) -> list[int]:
    """Return the numbers of candidates that are tried for `k` hits."""
    return [max(k, round(factor * k)) for factor in _FACTORS]


def _measure(
    index: ViewIndex,
    sample: Sample,
    probes: int,
    candidates: int,
    k: int,
    others: Sequence[FloatArray] | None = None,
) -> _Measured:
    """Measure the recall of `k` hits.

    `others` are the scores of rows that the index does not hold, for each query.
    """
    recalls = []
    for number, scores in enumerate(_scores(index, sample, probes, candidates)):
        found = scores if others is None else np.concatenate([scores, others[number]])
        recalls.append(sample.recall(number, found, k))
    return _Measured(*_interval(recalls, k))


def _scores(index: ViewIndex, sample: Sample, probes: int, count: int) -> list[FloatArray]:
    """Return the scores of `count` candidates for each query, in the order of the index."""
    # The query is a row and finds itself: one more candidate stands for it.
    places = index.candidates(sample.vectors, count=count + 1, probes=probes)
    return [sample.hits(number, found)[:count] for number, found in enumerate(places)]


def _query_ms(index: ViewIndex, sample: Sample, setting: IndexSetting) -> float:
    """Return the median time of a query of its own, in milliseconds."""
    seconds = []
    for vector in sample.vectors[:_TIMED]:
        began_s = time.perf_counter()
        search_by_index(sample.view, index, setting, vector[None], k=setting.k)
        seconds.append(time.perf_counter() - began_s)
    return round(1000 * float(np.median(seconds)), 3)


def _interval(recalls: Sequence[float], k: int) -> tuple[float, float]:
    """Return the mean recall of `k` hits of some queries, and the lower end of its one-sided 95 % interval.

    The interval is that of the normal approximation. It ends at most at `1 - 3 / n` for `n` hits of all
    queries, which is the lower end where none of them is missed (the rule of three).
    """
    array: npt.NDArray[np.float64] = np.asarray(recalls)
    mean = float(array.mean())
    error = float(array.std(ddof=1) / np.sqrt(len(array))) if len(array) > 1 else 0.0
    return mean, min(mean - _ONE_SIDED_95 * error, 1 - 3 / (len(array) * k))
