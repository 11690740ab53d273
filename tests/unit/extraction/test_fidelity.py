"""Nearness of features, against scikit-learn's neighbours and hand computation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors

from vifex.extraction.bench.fidelity import compare


def neighbours(vectors: np.ndarray) -> np.ndarray:
    finder = NearestNeighbors(n_neighbors=11, metric="cosine").fit(vectors)
    return np.asarray(finder.kneighbors(vectors, return_distance=False))[:, 1:]  # itself comes first


def test_recall_and_cosines_are_scikit_learn_s() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(80, 16)).astype(np.float32)
    other = (reference + rng.normal(size=(80, 16)) * 0.4).astype(np.float32)
    near = compare("y", reference, other)
    kept = [len(set(a) & set(b)) for a, b in zip(neighbours(reference), neighbours(other), strict=True)]
    cosines = np.diag(cosine_similarity(reference, other))
    assert near.recall_at_10 == pytest.approx(np.mean(kept) / 10)
    assert 0.3 < near.recall_at_10 < 0.95, "the case is no end of the scale"
    assert near.cosine_mean == pytest.approx(cosines.mean(), abs=1e-6)
    assert near.cosine_p1 == pytest.approx(np.percentile(cosines, 1), abs=1e-6)


def test_the_same_features_lose_nothing_at_any_scale() -> None:
    reference = np.random.default_rng(1).normal(size=(30, 2, 3)).astype(np.float32)
    near = compare("y", reference, 3 * reference)
    assert (near.recall_at_10, near.cosine_p1) == (1.0, pytest.approx(1.0))


def test_zeros_equal_zeros_and_nothing_else() -> None:
    zeros = np.zeros((2, 4), np.float32)
    assert compare("y", zeros, zeros).cosine_mean == 1.0
    assert compare("y", zeros, zeros + 1).cosine_mean == 0.0


def test_few_samples_have_no_neighbours_to_lose() -> None:
    assert compare("y", np.eye(11), np.eye(11)).recall_at_10 is None
