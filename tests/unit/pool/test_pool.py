"""What fits what, what comes out, and that rows do not touch each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vifex.pool import (
    default_pooling,
    l2_normalize,
    pool,
    pooled_shape,
    pooling_names,
    rows_that_fit,
    to_dtype,
)
from vifex.pool.gem import gem_pool
from vifex.values import InputError, Layer

finite = st.floats(-1e6, 1e6, width=32)


def test_the_usual_pooling_of_each_kind() -> None:
    assert {kind: default_pooling(kind) for kind in ("vector", "map", "tokens", "volume")} == {
        "vector": "none",
        "map": "avg",
        "tokens": "mean",
        "volume": "avg",
    }


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(
        InputError, match=r"stages\.3: the pooling 'cls' does not fit a map\. Use one of: avg, "
    ):
        pooled_shape("cls", Layer("stages.3", "map", (4, 2, 2)))
    with pytest.raises(InputError, match=r"'gem' does not fit a vector\. Use one of: flatten, none"):
        pool("gem", "vector", np.zeros((1, 4), np.float32))
    with pytest.raises(InputError, match=r"no pooling 'gen'\. Did you mean gem\?"):
        pool("gen", "map", np.zeros((1, 4, 2, 2), np.float32))
    with pytest.raises(InputError, match="a single token has no patches"):
        pooled_shape("patches", Layer("t", "tokens", (1, 8)))


def test_poolings_are_listed_by_kind() -> None:
    assert pooling_names("vector") == ["flatten", "none"]
    assert {"avg", "max", "gem", "tokens", "flatten", "none"} <= set(pooling_names("map"))
    assert {"cls", "mean", "patches"} <= set(pooling_names("tokens"))


def test_gem_needs_a_positive_exponent() -> None:
    with pytest.raises(ValueError, match="p must be > 0"):
        gem_pool("map", np.ones((1, 1, 1, 1), np.float32), p=0.0)


@settings(deadline=None)
@given(
    fmap=arrays(np.float32, (2, 3, 3, 3), elements=st.floats(0.0078125, 100.0, width=32)),
    p=st.floats(1.0, 8.0),
)
def test_gem_lies_between_mean_and_max(fmap: np.ndarray, p: float) -> None:
    pooled = gem_pool("map", fmap, p=p)
    assert np.all(pooled >= fmap.mean(axis=(2, 3), dtype=np.float64) * (1 - 1e-5))
    assert np.all(pooled <= fmap.max(axis=(2, 3)) * (1 + 1e-5))


@settings(deadline=None)
@given(rows=arrays(np.float32, st.tuples(st.integers(0, 4), st.integers(1, 9)), elements=finite))
def test_normalised_rows_have_length_one_or_zero(rows: np.ndarray) -> None:
    lengths = np.linalg.norm(l2_normalize(rows).astype(np.float64), axis=1)
    zero = (rows == 0).all(axis=1)
    assert np.all(lengths[zero] == 0)
    np.testing.assert_allclose(lengths[~zero], 1.0, rtol=1e-6)


def test_rows_that_are_not_finite_stay_visible() -> None:
    rows = np.array([[1, np.inf], [np.nan, 0], [3, 4]], dtype=np.float32)
    unit = l2_normalize(rows)
    np.testing.assert_array_equal(unit[:2], rows[:2])
    assert rows_that_fit(unit, "float32").tolist() == [False, False, True]


def test_float16_never_becomes_infinite() -> None:
    rows = np.array([[65504, 1], [65519, 1], [65520, 1], [-1e9, 0]], dtype=np.float32)
    assert rows_that_fit(rows, "float16").tolist() == [True, True, False, False]
    assert rows_that_fit(rows, "float32").all()
    halves = to_dtype(rows[:2], "float16")
    assert halves.dtype == np.float16
    assert np.isfinite(halves).all()
    with pytest.raises(
        InputError, match=r"65520 is too large for float16, which ends at 65,504\. Store float32"
    ):
        to_dtype(rows, "float16")
    with pytest.raises(InputError, match="the network gave NaN"):
        to_dtype(np.array([[np.nan]], np.float32), "float32")
    assert to_dtype(rows, "float32") is rows


def test_every_half_comes_back() -> None:
    """All finite float16 numbers, exactly."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)][:, None]
    np.testing.assert_array_equal(to_dtype(halves.astype(np.float32), "float16"), halves)
