"""The gain of every row for a combined query."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.search.combined.grammar import parse_combined
from vifex.search.combined.values import AllOf, AnyOf, MeanOf, Then, Without
from vifex.search.moments.scores import all_scores, gains_of
from vifex.search.registry import distance
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["Evaluator", "is_scored_by_height", "meaning"]

Floats = npt.NDArray[np.float64]
Vector = npt.NDArray[np.floating[Any]]


def meaning(query: Any) -> Any:
    """Return a query with all texts in it parsed.

    Raises:
        InputError: If it cannot be read, or a sequence stands within another query.
    """
    parsed = parse_combined(query)
    match parsed:
        case Then(first, second, within_s):
            return Then(meaning(first), _no_sequence(meaning(second)), within_s)
        case Without(wanted, unwanted):
            return Without(_no_sequence(meaning(wanted)), _no_sequence(meaning(unwanted)))
        case MeanOf(queries):
            return MeanOf([_single(meaning(query)) for query in queries])
        case AnyOf(queries) | AllOf(queries):
            return type(parsed)([_no_sequence(meaning(query)) for query in queries])
    return parsed


def is_scored_by_height(query: Any) -> bool:
    """Return whether the score of a parsed query is a height, and not one by the metric."""
    if isinstance(query, Without):
        return is_scored_by_height(query.wanted)
    return isinstance(query, AnyOf | AllOf | Then)


class Evaluator:
    """Scores every row of a view for the parts of a query, in one pass.

    Args:
        view: The view.
        query: As `meaning` gave it.
        vector_of: Returns the vector of a single query.
        column: Feature column.
        metric: Name of a distance.
        places: The rows that pass `where`; `None` for all.
        where: An SQL filter.
        least_of: Returns the lowest score with which a row matches a single query; `None` for no limit.
    """

    def __init__(
        self,
        view: View,
        query: Any,
        vector_of: Callable[[Any], Vector],
        *,
        column: str,
        metric: str,
        places: npt.NDArray[np.int64] | None = None,
        where: str | None = None,
        least_of: Callable[[Any], float] | None = None,
    ) -> None:
        self._vector_of, self._metric = vector_of, metric
        sign = 1.0 if distance(metric).higher_is_better else -1.0
        leaves = list(_leaves(query))
        least = [None if least_of is None else sign * least_of(leaf) for leaf in leaves]
        vectors = [self._vector(leaf) for leaf in leaves]
        scores = all_scores(view, vectors, column=column, metric=metric, places=places, where=where)
        self._gains: dict[int, Floats] = {}
        self._heights: dict[int, Floats] = {}
        self._medians: dict[int, float] = {}
        for leaf, own, lowest in zip(leaves, gains_of(scores, metric), least, strict=True):
            matching = np.ones(own.shape, bool) if lowest is None else own >= lowest
            self._gains[id(leaf)] = np.where(matching, own, -np.inf)
            self._medians[id(leaf)] = (
                float(np.median(own[np.isfinite(own)])) if np.isfinite(own).any() else 0.0
            )
            self._heights[id(leaf)] = np.where(matching, _heights(own), -np.inf)
        self._query = query  # the parts live as long as their ids are used

    def gains(self, part: Any) -> Floats:
        """Return the gain of each row for a part of the query: its height where it combines several."""
        match part:
            case AnyOf(queries):
                return np.asarray(np.max([self.heights(query) for query in queries], axis=0))
            case AllOf(queries):
                return np.asarray(np.min([self.heights(query) for query in queries], axis=0))
            case Without(wanted, unwanted):
                return np.where(self._is_nearer(unwanted, wanted), -np.inf, self.gains(wanted))
        return self._gains[id(part)]

    def heights(self, part: Any) -> Floats:
        """Return the height of each row for a part of the query."""
        match part:
            case AnyOf() | AllOf():
                return self.gains(part)
            case Without(wanted, unwanted):
                return np.where(self._is_nearer(unwanted, wanted), -np.inf, self.heights(wanted))
        return self._heights[id(part)]

    def background(self, part: Any) -> float:
        """Return the median gain of all rows for a part of the query; that of heights is 0."""
        while isinstance(part, Without):
            part = part.wanted
        return self._medians.get(id(part), 0.0)

    def _is_nearer(self, one: Any, other: Any) -> npt.NDArray[np.bool_]:
        return np.asarray(self.heights(one) > self.heights(other))

    def _vector(self, leaf: Any) -> Vector:
        if not isinstance(leaf, MeanOf):
            return self._vector_of(leaf)
        vectors = [np.asarray(self._vector_of(query), np.float64) for query in leaf.queries]
        if distance(self._metric).needs_direction:
            vectors = [vector / max(float(np.linalg.norm(vector)), 1e-300) for vector in vectors]
        return np.asarray(np.mean(vectors, axis=0))


def _leaves(query: Any) -> Any:
    match query:
        case Then(first, second) | Without(first, second):
            yield from _leaves(first)
            yield from _leaves(second)
        case AnyOf(queries) | AllOf(queries):
            for part in queries:
                yield from _leaves(part)
        case _:
            yield query


def _heights(gains: Floats) -> Floats:
    """Scale gains so that 0 is the median row and 1 the best one."""
    finite = gains[np.isfinite(gains)]
    if not len(finite):
        return gains
    middle, best = float(np.median(finite)), float(finite.max())
    return (gains - middle) / (best - middle) if best > middle else np.where(np.isfinite(gains), 1.0, gains)


def _no_sequence(query: Any) -> Any:
    if isinstance(query, Then):
        raise InputError(
            "a sequence cannot be a part of another query.",
            todo="Write the sequence outermost: A THEN B NOT C.",
        )
    return query


def _single(query: Any) -> Any:
    if isinstance(query, Then | Without | MeanOf | AnyOf | AllOf):
        raise InputError("a mean is of single queries.", todo="Give a list of images, words or vectors.")
    return query
