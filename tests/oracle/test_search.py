"""Exact search against scikit-learn's brute force and against numbers worked out by hand."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from vifex.search.exact import Searcher, nearest, nearest_many
from vifex.store import open_store

write_store = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "search" / "rows.py"))["write_store"]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(("metric", "theirs"), [("cosine", "cosine"), ("l2", "euclidean")])
def test_ranks_and_scores_equal_scikit_learns(tmp_path, dtype, metric, theirs):
    """scikit-learn computes in float64 on the stored values; its cosine distance is 1 - similarity.

    Its Euclidean distance expands the square and loses digits near 0: 1e-6 covers that.
    """
    rng = np.random.default_rng(3)
    x = rng.standard_normal((3000, 48)).astype(dtype)
    q = np.concatenate([rng.standard_normal((20, 48)), x[:5].astype(np.float64)])
    oracle = NearestNeighbors(n_neighbors=25, algorithm="brute", metric=theirs).fit(x.astype(np.float64))
    distances, rows = oracle.kneighbors(q)
    with open_store(write_store(tmp_path / "s.vifex", {"head": x}, dtype=dtype)) as store:
        view = store.view("main")
        keys = np.array(view.to_arrow(["key"])["key"].to_pylist())
        for found in (
            nearest_many(view, q, k=25, metric=metric),
            Searcher(view).nearest_many(q, k=25, metric=metric),
        ):
            scores = np.array([[m.score for m in one] for one in found])
            assert [[m.key for m in one] for one in found] == keys[rows].tolist()
            np.testing.assert_allclose(1 - scores if metric == "cosine" else scores, distances, atol=1e-6)


def test_scores_equal_hand_computation(tmp_path):
    """Query (3, 4) of length 5 against (4, 3), (3, 4) and (-6, -8).

    Dot: 24, 25, -50. Cosine: 24 / 25, 1, -1. Euclidean: sqrt(2), 0, 15.
    """
    x = np.array([[4, 3], [3, 4], [-6, -8]])
    with open_store(write_store(tmp_path / "s.vifex", {"head": x})) as store:
        view = store.view("main")
        assert [m.score for m in nearest(view, [3, 4], metric="dot")] == [25.0, 24.0, -50.0]
        assert [m.score for m in nearest(view, [3, 4])] == [1.0, pytest.approx(0.96, abs=1e-15), -1.0]
        assert [m.score for m in nearest(view, [3, 4], metric="l2")] == [
            0.0,
            pytest.approx(2**0.5, abs=1e-15),
            15.0,
        ]


def test_rows_that_float32_cannot_tell_apart_are_ranked_right(tmp_path):
    """Distances 1e-4 to 9e-4 at length 3e5: in float32 the expanded square knows only multiples of 1e4."""
    x = np.full((9, 4), 150_000.0, dtype=np.float32)
    x[:, 0] += np.array([5, 3, 9, 1, 7, 2, 8, 4, 6], dtype=np.float32) / 64
    with open_store(write_store(tmp_path / "s.vifex", {"head": x})) as store:
        found = nearest(store.view("main"), [150_000.0] * 4, metric="l2", k=9)
        assert [m.score for m in found] == [n / 64 for n in range(1, 10)]
