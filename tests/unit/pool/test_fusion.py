"""Fusions by hand, by formula, and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.decomposition import PCA

from vifex.pool import l2_normalize
from vifex.pool.fusion import fit_pca, load_fusion
from vifex.values import InputError

RANDOM = np.random.default_rng(5)


def unit(n: int, size: int) -> np.ndarray:
    return l2_normalize(RANDOM.normal(size=(n, size)).astype(np.float32))


def cosines(rows: np.ndarray) -> np.ndarray:
    unit_rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit_rows @ unit_rows.T


def test_concat_is_one_behind_the_other() -> None:
    a, b = np.array([[1.0, 2.0]], np.float32), np.array([[3.0]], np.float32)
    assert load_fusion("concat").apply([a, b], [0.5, 0.5], {}).tolist() == [[1.0, 2.0, 3.0]]


def test_cosines_of_weighted_vectors_are_the_weighted_mean_of_the_parts() -> None:
    a, b = unit(20, 8), unit(20, 5)
    fused = load_fusion("weighted").apply([a, b], [0.7, 0.3], {})
    np.testing.assert_allclose(cosines(fused), 0.7 * cosines(a) + 0.3 * cosines(b), atol=1e-6)


def test_a_sum_is_the_mean_by_weight_and_needs_one_size() -> None:
    a, b = np.array([[1.0, 0.0]], np.float32), np.array([[0.0, 2.0]], np.float32)
    np.testing.assert_allclose(load_fusion("sum").apply([a, b], [0.25, 0.75], {}), [[0.25, 1.5]])
    with pytest.raises(InputError, match="vectors of 2, 3 numbers have no sum"):
        load_fusion("sum").size((2, 3), {})


@pytest.mark.parametrize("n_rows", [50, 10], ids=["many", "fewer rows than numbers"])
def test_pca_is_scikit_learns(n_rows: int) -> None:
    a, b = unit(n_rows, 8), unit(n_rows, 5)
    rows = np.concatenate([a, b], axis=1)
    arrays = fit_pca(rows, 4)
    fused = load_fusion("pca").apply([a, b], [0.5, 0.5], arrays)
    oracle = PCA(4, svd_solver="full").fit(rows.astype(np.float64))
    np.testing.assert_allclose(fused, oracle.transform(rows), atol=1e-6)
    np.testing.assert_allclose(fused.var(axis=0, ddof=1), oracle.explained_variance_, rtol=1e-5)


def test_more_dimensions_than_rows_are_refused() -> None:
    with pytest.raises(InputError, match=r"9 dimensions cannot be found in 4 rows.*1 to 4"):
        fit_pca(unit(4, 20), 9)


def test_two_modalities_are_gated_as_in_the_paper() -> None:
    """Arevalo et al., arXiv:1702.01992: h_v = tanh(W_v x_v), h_t = tanh(W_t x_t),
    z = sigma(W_z [x_v, x_t]), h = z * h_v + (1 - z) * h_t, number by number."""
    x_v, x_t = unit(3, 4), unit(3, 2)
    w_v, w_t, w_z = (RANDOM.normal(size=s).astype(np.float32) for s in ((5, 4), (5, 2), (5, 6)))
    arrays = {"hidden.0.weight": w_v, "hidden.1.weight": w_t, "gate.0.weight": w_z}
    fused = load_fusion("gated").apply([x_v, x_t], [0.5, 0.5], arrays)
    for row in range(3):
        both = [*x_v[row], *x_t[row]]
        for d in range(5):
            h_v = math.tanh(sum(w * x for w, x in zip(w_v[d], x_v[row], strict=True)))
            h_t = math.tanh(sum(w * x for w, x in zip(w_t[d], x_t[row], strict=True)))
            z = 1 / (1 + math.exp(-sum(w * x for w, x in zip(w_z[d], both, strict=True))))
            assert math.isclose(fused[row, d], z * h_v + (1 - z) * h_t, abs_tol=1e-6)


def test_gates_far_from_zero_do_not_overflow() -> None:
    arrays = {
        "hidden.0.weight": np.ones((1, 1), np.float32),
        "hidden.1.weight": np.ones((1, 1), np.float32),
        "gate.0.weight": np.array([[-1e5, 0.0]], np.float32),
    }
    with np.errstate(all="raise", under="ignore"):
        fused = load_fusion("gated").apply([np.ones((1, 1)), np.full((1, 1), 0.5)], [0.5, 0.5], arrays)
    np.testing.assert_allclose(fused, math.tanh(0.5), rtol=1e-6)
