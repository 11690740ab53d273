"""From rows and a threshold to groups of copied images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vifex.analysis.copies.calibrate import Calibrated, Collection
from vifex.analysis.copies.groups import Star, stars, stars_of_two
from vifex.analysis.copies.pairs import Pairs, near_pairs
from vifex.analysis.products import FloatVector, exact_products
from vifex.values.machines import Machines

__all__ = ["FoundGroups", "MarkedPairs", "find_groups"]


@dataclass(frozen=True, slots=True)
class MarkedPairs:
    """Pairs of rows of which a person said what they are; within one collection in either order."""

    confirmed: frozenset[tuple[int, int]] = field(default_factory=frozenset)
    wrong: frozenset[tuple[int, int]] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True, eq=False)
class FoundGroups:
    """Groups, and the pairs that they were made of."""

    pairs: Pairs
    scores: FloatVector
    """`[P]`: similarity without the mean of the biases of both rows."""
    stars: list[Star]

    @classmethod
    def none(cls) -> FoundGroups:
        """Return what is found where there is nothing to compare."""
        nothing = np.empty(0, np.int32)
        return cls(Pairs(nothing, nothing, np.empty(0, np.float32)), np.empty(0, np.float32), [])


def find_groups(
    collection: Collection,
    calibrated: Calibrated,
    marked: MarkedPairs,
    on_progress: Callable[[float], None] | None = None,
    machines: Machines | None = None,
) -> FoundGroups:
    """Find all pairs above the threshold and group them.

    Args:
        collection: The rows.
        calibrated: The threshold and the biases.
        marked: Confirmed pairs count whatever their score is, and wrong ones do not.
        on_progress: Called with the share that is done.
        machines: Other machines, which are used where there is much to compare.
    """
    two = collection.other is not None
    radius, other_radius = calibrated.radius()
    pairs = near_pairs(
        collection.unit,
        collection.other,
        radius=radius,
        other_radius=other_radius if two else None,
        on_progress=on_progress,
        machines=machines,
    )
    apart = collection.owners[pairs.first] != collection.compared_owners[pairs.second]
    pairs = _without(pairs.chosen(apart), marked.wrong, collection)
    pairs = _with(pairs, marked.confirmed, collection)
    bias = calibrated.bias[pairs.first] + calibrated.other_bias[pairs.second]
    scores: FloatVector = (pairs.similarity - bias / 2).astype(np.float32)
    found = stars_of_two(pairs, scores) if two else stars(pairs, scores, len(collection.unit))
    return FoundGroups(pairs, scores, found)


def _codes(
    first: npt.NDArray[np.integer], second: npt.NDArray[np.integer], collection: Collection
) -> npt.NDArray[np.int64]:
    """Return one number for each pair, the same in either order within one collection."""
    low, high = first.astype(np.int64), second.astype(np.int64)
    if collection.other is None:
        low, high = np.minimum(low, high), np.maximum(low, high)
    return low * len(collection.compared) + high


def _arrays(pairs: Iterable[tuple[int, int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    both = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _without(pairs: Pairs, wrong: frozenset[tuple[int, int]], collection: Collection) -> Pairs:
    if not wrong:
        return pairs
    codes = _codes(pairs.first, pairs.second, collection)
    return pairs.chosen(~np.isin(codes, _codes(*_arrays(wrong), collection)))


def _with(pairs: Pairs, confirmed: frozenset[tuple[int, int]], collection: Collection) -> Pairs:
    if not confirmed:
        return pairs
    first, second = _arrays(confirmed)
    if collection.other is None:
        first, second = np.minimum(first, second), np.maximum(first, second)
    known = _codes(pairs.first, pairs.second, collection)
    missing = ~np.isin(_codes(first, second, collection), known)
    first, second = first[missing], second[missing]
    similarity = exact_products(collection.unit, first, collection.compared, second)
    every = Pairs(
        np.concatenate([pairs.first, first.astype(np.int32)]),
        np.concatenate([pairs.second, second.astype(np.int32)]),
        np.concatenate([pairs.similarity, np.minimum(similarity, 1)]),
    )
    order = np.lexsort((every.second, every.first))
    return Pairs(every.first[order], every.second[order], every.similarity[order])
