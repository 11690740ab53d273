"""Poolings against sums done by hand and against the formula of the GeM paper."""

from __future__ import annotations

import numpy as np
import pytest

from vifex.pool import l2_normalize, pool
from vifex.pool.gem import gem_pool

#  one map of two channels, 2 x 3 cells
MAP = np.array([[[[1, 2, 3], [4, 5, 9]], [[0, 0, 0], [0, 0, -6]]]], dtype=np.float32)
#  one row of three tokens of two numbers
TOKENS = np.array([[[1, 10], [2, 20], [6, 60]]], dtype=np.float32)


def test_by_hand() -> None:
    np.testing.assert_array_equal(pool("avg", "map", MAP), [[4, -1]])
    np.testing.assert_array_equal(pool("max", "map", MAP), [[9, 0]])
    np.testing.assert_array_equal(pool("flatten", "map", MAP), [[1, 2, 3, 4, 5, 9, 0, 0, 0, 0, 0, -6]])
    np.testing.assert_array_equal(
        pool("tokens", "map", MAP), [[[1, 0], [2, 0], [3, 0], [4, 0], [5, 0], [9, -6]]]
    )
    np.testing.assert_array_equal(pool("none", "map", MAP), MAP)
    np.testing.assert_array_equal(pool("cls", "tokens", TOKENS), [[1, 10]])
    np.testing.assert_array_equal(pool("mean", "tokens", TOKENS), [[3, 30]])
    np.testing.assert_array_equal(pool("patches", "tokens", TOKENS), [[4, 40]])
    np.testing.assert_array_equal(pool("max", "tokens", TOKENS), [[6, 60]])
    np.testing.assert_array_equal(pool("tokens", "tokens", TOKENS), TOKENS)
    np.testing.assert_array_equal(pool("mean", "sequence", TOKENS), [[3, 30]])


def test_volumes_are_pooled_over_time_and_space() -> None:
    volume = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 2, 2)
    np.testing.assert_array_equal(pool("avg", "volume", volume), [[5.5, 17.5]])
    np.testing.assert_array_equal(pool("max", "volume", volume), [[11, 23]])


def test_gem_by_hand() -> None:
    """Cells 1 and 7 with p=2 give sqrt((1 + 49) / 2) = 5; 3, 4, 5 with p=3 give cbrt(216 / 3)."""
    cells = np.array([[[[1.0, 7.0]]]], dtype=np.float32)
    np.testing.assert_allclose(gem_pool("map", cells, p=2.0), [[5.0]], rtol=1e-6)
    cells = np.array([[[[3.0, 4.0, 5.0]]]], dtype=np.float32)
    np.testing.assert_allclose(pool("gem", "map", cells), [[72 ** (1 / 3)]], rtol=1e-6)


@pytest.mark.parametrize("p", [1.0, 2.5, 3.0, 7.0])
def test_gem_meets_equation_3_of_the_paper(p: float) -> None:
    """f_k = (1 / |X_k| * sum of x ** p) ** (1 / p), with values below eps raised to it."""
    maps = np.random.default_rng(0).normal(0, 50, (4, 6, 5, 7)).astype(np.float32)
    cells = np.maximum(maps.astype(np.float64), 1e-6).reshape(4, 6, -1)
    expected = (np.sum(cells**p, axis=-1) / cells.shape[-1]) ** (1 / p)
    np.testing.assert_allclose(gem_pool("map", maps, p=p), expected, rtol=1e-6)


def test_gem_survives_numbers_whose_cube_does_not_fit() -> None:
    huge = np.full((1, 1, 2, 2), 1e38, dtype=np.float32)
    np.testing.assert_allclose(pool("gem", "map", huge), [[1e38]], rtol=1e-6)


def test_lengths_by_hand() -> None:
    rows = np.array([[3, 4], [0, 0], [-2, 0], [3e30, 4e30], [3e-30, 4e-30]], dtype=np.float32)
    expected = [[0.6, 0.8], [0, 0], [-1, 0], [0.6, 0.8], [0.6, 0.8]]
    np.testing.assert_allclose(l2_normalize(rows), expected, rtol=1e-6)


def test_a_map_s_length_is_that_of_all_it_holds() -> None:
    whole = l2_normalize(MAP)
    assert whole.shape == MAP.shape
    np.testing.assert_allclose(whole, MAP / np.sqrt(1 + 4 + 9 + 16 + 25 + 81 + 36), rtol=1e-6)
