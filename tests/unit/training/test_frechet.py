"""The Fréchet distance against closed forms and scipy's matrix square root."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from vifex.training.judging.frechet import frechet_distance


def whitened(n: int, d: int, seed: int) -> np.ndarray:
    """Return rows whose sample mean is 0 and whose sample covariance is the identity, up to rounding."""
    x = np.random.default_rng(seed).normal(size=(n, d))
    x -= x.mean(axis=0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T


def test_between_normals_with_independent_numbers_it_is_the_closed_form() -> None:
    """|m1 - m2|^2 + sum (s1 - s2)^2, Dowson and Landau for covariances that commute."""
    s1, s2, m = np.array([1.0, 2.0, 0.5]), np.array([3.0, 1.0, 0.5]), np.array([1.0, -2.0, 0.0])
    a, b = whitened(50, 3, 0) * s1, whitened(70, 3, 1) * s2 + m
    assert frechet_distance(a, b) == pytest.approx(5 + 4 + 1, rel=1e-9)


def test_it_is_the_formula_with_scipys_matrix_root() -> None:
    rng = np.random.default_rng(2)
    a, b = (
        rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6)),
        rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6)) + 1,
    )
    c1, c2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    hand = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(c1 + c2 - 2 * scipy.linalg.sqrtm(c1 @ c2).real)
    assert frechet_distance(a, b) == pytest.approx(hand, rel=1e-7)


def test_fewer_rows_than_numbers_give_no_complex_root() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(10, 30)).astype(np.float32), rng.normal(size=(10, 30)).astype(np.float32)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, b) > 1


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), "at least 2 rows"),
        (np.zeros((5, 3)), np.zeros((5, 4)), "at least 2 rows"),
        (np.full((5, 3), np.nan), np.zeros((5, 3)), "not finite"),
    ],
)
def test_sets_that_have_no_distance_are_refused(a: np.ndarray, b: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        frechet_distance(a, b)
