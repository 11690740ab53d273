"""Names of clusters from words: those that are nearer to a cluster than to the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vifex.analysis.rows import FloatMatrix

__all__ = ["ClusterWord", "words_of_clusters"]


@dataclass(frozen=True, slots=True)
class ClusterWord:
    """A word or phrase that describes a cluster."""

    text: str
    similarity: float
    """Cosine of its vector and the cluster's mean direction, -1 to 1."""


def words_of_clusters(
    centres: FloatMatrix, words: Sequence[str], vectors: FloatMatrix, *, count: int = 3
) -> list[tuple[ClusterWord, ...]]:
    """Return for each cluster the words that set it apart, the best first.

    Words are ordered by their similarity to the cluster less their mean similarity to all clusters: a word
    that suits every cluster describes none.

    Args:
        centres: Mean directions of length 1, `[C, D]`.
        words: W words.
        vectors: Their vectors of length 1 in the space of the centres, `[W, D]`.
        count: Number of words of a cluster at most.
    """
    similar = np.clip(centres @ vectors.T, -1, 1)
    apart = similar - (similar.mean(axis=0) if len(centres) > 1 else 0)
    found = []
    for one, gain in zip(similar, apart, strict=True):
        best = np.argsort(-gain, kind="stable")[:count]
        found.append(tuple(ClusterWord(words[w], float(one[w])) for w in best.tolist()))
    return found
