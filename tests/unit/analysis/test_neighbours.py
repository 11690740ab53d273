"""The neighbour graph of large sets, by blocks in float32 and int8, is that of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from vifex.analysis import neighbours, products
from vifex.analysis.neighbours import nearest_neighbours
from vifex.analysis.rows import unit_vectors


@pytest.mark.parametrize("arithmetic", ["float32", "int8"])
def test_blocks_give_the_neighbours_of_scikit_learn(arithmetic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_FEW", 0)
    monkeypatch.setattr(neighbours, "_FIRST", 40)
    monkeypatch.setattr(products, "BLOCK", 256)
    monkeypatch.setattr(products, "_WORTH_INT8", 0 if arithmetic == "int8" else 1 << 62)
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(40, 24))
    unit = unit_vectors((centres[rng.integers(0, 40, 600)] + rng.normal(size=(600, 24))).astype(np.float32))
    theirs = NearestNeighbors(n_neighbors=10, metric="cosine", algorithm="brute").fit(unit)
    distances, rows = theirs.kneighbors(unit)
    ours = nearest_neighbours(unit, 9)
    assert np.array_equal(ours.rows, rows[:, 1:])
    np.testing.assert_allclose(1 - ours.similarity, distances[:, 1:], atol=1e-6)
    some = nearest_neighbours(unit, 10, of=unit[100:107])
    assert np.array_equal(some.rows, rows[100:107])
    every = nearest_neighbours(unit[:300], 299)
    assert np.array_equal(np.sort(every.rows, axis=1)[:, 0], np.r_[1, np.zeros(299)])


def test_equal_rows_come_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_FEW", 0)
    unit = unit_vectors(np.random.default_rng(2).normal(size=(400, 8)).astype(np.float32))
    unit[[3, 90, 200, 399]] = unit[3]
    found = nearest_neighbours(unit, 3)
    assert found.rows[90].tolist() == [3, 200, 399]
    assert found.rows[3].tolist() == [90, 200, 399]
