"""Figures of retrieval: how well the nearest rows of an embedding have the label of the query.

Similarities are computed in blocks of queries, so memory does not grow with the square of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from vifex.evaluation.predictions import Ints
from vifex.values import InputError

__all__ = ["Retrieval", "retrieval_figures"]

_BLOCK_NUMBERS = 16_000_000
"""Similarities of one block, 64 MiB in float32."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Figures of retrieval, means over the queries. All but the counts are 0 to 1."""

    n_queries: int
    """Queries that count: those with at least one reference of their label."""
    n_left_out: int
    """Queries whose label no reference has."""
    n_references: int
    recall_at: dict[int, float]
    """K to the share of queries with a reference of their label among the K nearest."""
    mean_average_precision: float
    """Mean over queries of the average precision of the whole ranking."""
    map_at_r: float
    """Mean over queries of (1 / R) times the sum of the precision at i over the right places i up to R, where
    R is the number of references of the query's label."""
    r_precision: float
    """Mean over queries of the share of right ones among the R nearest."""


def retrieval_figures(
    vectors: npt.NDArray[np.floating],
    labels: Sequence[str] | Sequence[int] | npt.NDArray[np.generic],
    *,
    references: npt.NDArray[np.floating] | None = None,
    reference_labels: Sequence[str] | Sequence[int] | npt.NDArray[np.generic] | None = None,
    metric: Literal["cosine", "dot", "l2"] = "cosine",
    recall_at: Sequence[int] = (1, 2, 4, 8),
) -> Retrieval:
    """Rank references for each query and compare their labels.

    Without references every row is a query among all others, and never its own hit. References of the same
    similarity are ranked by their place.

    Args:
        vectors: Queries `[N, D]`, finite.
        labels: `[N]`.
        references: `[M, D]`; by default the queries themselves.
        reference_labels: `[M]`; needed with `references`.
        metric: What is near: the cosine or the dot product (higher), or the Euclidean distance (lower).
        recall_at: Numbers K of nearest references.

    Raises:
        InputError: If sizes differ, a vector is not finite, or no query has a reference of its label.

    Source: Musgrave, Belongie, Lim, A Metric Learning Reality Check, ECCV 2020, section 3.2, for R-precision
    and MAP@R.
    """
    own = references is None
    queries = _unit(vectors, metric)
    base = queries if references is None else _unit(references, metric)
    codes, base_codes = _codes(labels, labels if own else reference_labels)
    if len(codes) != len(queries) or len(base_codes) != len(base):
        raise InputError(f"there are {len(queries)} vectors and {len(codes)} labels.")
    if queries.shape[1] != base.shape[1]:
        raise InputError(f"queries have {queries.shape[1]} numbers and references {base.shape[1]}.")
    relevant = np.bincount(base_codes, minlength=int(codes.max(initial=0)) + 1)[codes] - own
    counted = np.flatnonzero(relevant > 0)
    if len(counted) == 0:
        raise InputError("no query has another row of its label.", todo="Give at least two rows of a label.")
    rows = max(1, _BLOCK_NUMBERS // len(base))
    sums = np.zeros(3 + len(recall_at))
    for start in range(0, len(counted), rows):
        block = counted[start : start + rows]
        near = _similar(queries[block], base, metric)
        if own:
            near[np.arange(len(block)), block] = -np.inf
        order = np.argsort(-near, axis=1, kind="stable")[:, : len(base) - own]
        sums += _sums(base_codes[order] == codes[block][:, None], relevant[block], recall_at)
    means = (sums / len(counted)).tolist()
    return Retrieval(
        n_queries=len(counted),
        n_left_out=len(queries) - len(counted),
        n_references=len(base) - own,
        recall_at=dict(zip(recall_at, means[3:], strict=True)),
        mean_average_precision=means[0],
        map_at_r=means[1],
        r_precision=means[2],
    )


def _sums(right: npt.NDArray[np.bool_], relevant: Ints, recall_at: Sequence[int]) -> npt.NDArray[np.float64]:
    """Sum the figures of a block: whether each ranked reference is right `[Q, M]`, and R `[Q]`."""
    places = np.arange(1, right.shape[1] + 1)
    precision = np.where(right, np.cumsum(right, axis=1) / places, 0.0)
    within = places[None] <= relevant[:, None]
    return np.array(
        [
            (precision.sum(axis=1) / relevant).sum(),
            ((precision * within).sum(axis=1) / relevant).sum(),
            ((right & within).sum(axis=1) / relevant).sum(),
            *(right[:, :k].any(axis=1).sum() for k in recall_at),
        ]
    )


def _similar(
    queries: npt.NDArray[np.float32], base: npt.NDArray[np.float32], metric: str
) -> npt.NDArray[np.float32]:
    products: npt.NDArray[np.float32] = queries @ base.T
    if metric != "l2":
        return products
    # The square of the query's own length is the same for all references.
    near: npt.NDArray[np.float32] = 2 * products - (base * base).sum(axis=1)[None]
    return near


def _unit(vectors: npt.NDArray[np.floating], metric: str) -> npt.NDArray[np.float32]:
    array = np.asarray(vectors, np.float32)
    if array.ndim != 2:
        raise InputError(f"the vectors have the shape {array.shape}; they need rows and numbers.")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise InputError(f"{len(bad)} of {len(array)} vectors are not finite, the first is row {bad[0]}.")
    if metric != "cosine":
        return array
    lengths = np.linalg.norm(array.astype(np.float64), axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = (array / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return unit


def _codes(labels: object, reference_labels: object) -> tuple[Ints, Ints]:
    """Return one number for each label, the same for the same label."""
    if reference_labels is None:
        raise InputError("the references have no labels.")
    first, second = np.asarray(labels).astype(str), np.asarray(reference_labels).astype(str)
    _, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    found = codes.astype(np.int64)
    return found[: len(first)], found[len(first) :]
