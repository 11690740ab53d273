"""All pairs within a distance, compared with those of scikit-learn and of a whole matrix of products."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.neighbors import radius_neighbors_graph

from vifex.analysis import products
from vifex.analysis.copies.pairs import SAME, near_pairs
from vifex.analysis.rows import unit_vectors
from vifex.values import InputError


@pytest.fixture(params=["float32", "int8"])
def arithmetic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test in both; small blocks, so that there are several."""
    monkeypatch.setattr(products, "BLOCK", 256)
    monkeypatch.setattr(products, "_WORTH_INT8", 0 if request.param == "int8" else 1 << 62)
    return str(request.param)


def clustered(rows: int, size: int, seed: int) -> npt.NDArray[np.float32]:
    """Make rows around centres, so that there are near and far ones; the second row is of zeros."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(rows // 4, size))
    unit = unit_vectors(
        (centres[rng.integers(0, len(centres), rows)] + 0.3 * rng.normal(size=(rows, size))).astype(
            np.float32
        )
    )
    unit[1] = 0
    return unit


def test_pairs_are_those_of_scikit_learn(arithmetic: str) -> None:
    unit = clustered(700, 24, 0)
    found = near_pairs(unit, radius=np.full(len(unit), 0.05, np.float32))
    theirs = radius_neighbors_graph(unit, 0.1, metric="cosine", include_self=False).tocoo()
    upper = theirs.row < theirs.col
    expected = set(zip(theirs.row[upper].tolist(), theirs.col[upper].tolist(), strict=True))
    assert len(expected) > 300
    assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == expected
    assert len(found) == len(expected)
    np.testing.assert_allclose(
        found.similarity, np.vecdot(unit[found.first], unit[found.second]), rtol=0, atol=1e-6
    )


def test_each_row_has_its_own_radius(arithmetic: str) -> None:
    left, right = clustered(600, 16, 1), clustered(500, 16, 1)
    rng = np.random.default_rng(2)
    radius, other = (rng.uniform(-0.05, 0.15, len(m)).astype(np.float32) for m in (left, right))
    found = near_pairs(left, right, radius=radius, other_radius=other)
    similarity = left @ right.T
    near = similarity >= 1 - np.maximum(radius[:, None] + other, SAME)
    first, second = np.nonzero(near & (similarity > 0))
    assert len(first) > 300
    assert np.array_equal(found.first, first)
    assert np.array_equal(found.second, second)


def test_rows_that_are_the_same_are_a_pair_without_any_radius(arithmetic: str) -> None:
    unit = clustered(300, 16, 3)
    unit[200] = unit[7]
    found = near_pairs(unit, radius=np.full(300, -1, np.float32))
    assert (found.first.tolist(), found.second.tolist()) == ([7], [200])


def test_too_many_pairs_are_an_error() -> None:
    unit = np.ones((200, 4), np.float32) / 2
    with pytest.raises(InputError, match="more than 1,000 pairs"):
        near_pairs(unit, radius=np.zeros(200, np.float32), most=1000)


def test_the_bounds_hold(arithmetic: str) -> None:
    """A row with one large number has the largest error in int8."""
    unit = clustered(300, 64, 4)
    unit[5] = 0
    unit[5, 3] = 1
    worst = 0.0

    def look(chunk: products.Chunk) -> None:
        nonlocal worst
        exact = unit[chunk.rows].astype(np.float64) @ unit[chunk.columns].T.astype(np.float64)
        wrong = np.abs(chunk.products / chunk.factors[:, None] - exact).max(axis=1)
        worst = max(worst, float((wrong / chunk.error).max()))

    products.each_chunk(unit, None, look)
    assert 0 < worst <= 1
