"""Figures of retrieval against a table worked out by hand and scikit-learn's average precision."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from vifex.evaluation import retrieval_figures
from vifex.evaluation.figures import retrieval


def test_by_hand() -> None:
    """Rows on a line: a at 0, b at 1, a at 3, a at 3.5.

    The a at 0 ranks b a a, those at 3 and at 3.5 rank a b a, R = 2. The b has no other row of its label.
    """
    found = retrieval_figures(
        np.array([[0.0], [1.0], [3.0], [3.5]]), ["a", "b", "a", "a"], metric="l2", recall_at=(1, 2)
    )
    assert (found.n_queries, found.n_left_out, found.n_references) == (3, 1, 3)
    assert found.recall_at == {1: pytest.approx(2 / 3), 2: 1.0}
    assert found.r_precision == pytest.approx((1 / 2 + 1 / 2 + 1 / 2) / 3)
    assert found.map_at_r == pytest.approx((1 / 4 + 1 / 2 + 1 / 2) / 3)
    assert found.mean_average_precision == pytest.approx(((1 / 2 + 2 / 3) / 2 + (1 + 2 / 3) / 2 * 2) / 3)


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_average_precision_equals_scikit_learns(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 6, 80)
    vectors = rng.standard_normal((80, 5)) + np.eye(6, 5)[labels]
    monkeypatch.setattr(retrieval, "_BLOCK_NUMBERS", 80 * 7)  # twelve blocks
    found = retrieval_figures(vectors, labels, metric=metric)
    if metric == "cosine":
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    near = -((vectors[:, None] - vectors[None]) ** 2).sum(2) if metric == "l2" else vectors @ vectors.T
    each = []
    for query in range(80):
        others = np.arange(80) != query
        each.append(average_precision_score(labels[others] == labels[query], near[query][others]))
    assert found.mean_average_precision == pytest.approx(np.mean(each), abs=1e-9)


def test_references_of_their_own() -> None:
    found = retrieval_figures(
        np.array([[1.0, 0.0]]),
        ["x"],
        references=np.array([[1.0, 0.1], [0.0, 1.0], [1.0, 0.2]]),
        reference_labels=["y", "x", "x"],
        recall_at=(1, 2),
    )
    assert (found.n_references, found.recall_at) == (3, {1: 0.0, 2: 1.0})
    assert found.r_precision == 0.5
    assert found.map_at_r == pytest.approx(0.25)
