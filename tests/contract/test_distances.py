"""Every distance of the registry keeps what the exact scan relies on."""

from __future__ import annotations

import numpy as np
import pytest

from vifex.search.distances import Distance
from vifex.search.registry import distance, distances


@pytest.fixture(params=distances())
def how(request) -> Distance:
    return distance(request.param)


@pytest.fixture
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal((64, 24)) * 10.0 ** rng.integers(-6, 7, (64, 1))


def test_it_says_what_it_is(how):
    assert how.name in distances()
    assert how.title in how.meaning


def test_a_score_does_not_depend_on_the_rows_beside_it(how, rows):
    whole = how.score(rows, rows[3])
    alone = np.concatenate([how.score(row[None], rows[3]) for row in rows])
    np.testing.assert_array_equal(whole, alone)
    np.testing.assert_array_equal(how.score(rows[::-1], rows[3]), whole[::-1])


def test_a_row_that_is_not_finite_has_no_finite_score(how, rows):
    with np.errstate(all="ignore"):
        assert not np.isfinite(how.score(np.full((1, 24), np.nan), rows[0])).any()
        assert not np.isfinite(how.score(np.full((1, 24), np.inf), rows[0])).any()


def test_a_direction_is_asked_for_where_zeros_have_no_score(how, rows):
    with np.errstate(all="ignore"):
        scores = how.score(rows, np.zeros(24))
    assert np.isfinite(scores).all() or how.needs_direction


def test_the_estimate_ranks_as_the_score_does_within_its_scale(how, rows):
    """Errors of 1e-5, relative to each row's length, as its docstring allows them."""
    if how.estimate is None:
        pytest.skip("it has no estimate")
    u, query = 1e-5, rows[7]
    norms, length = np.linalg.norm(rows, axis=1), np.linalg.norm(query)
    wrong = u * np.random.default_rng(1).choice([-1, 1], 64)
    dots = rows @ (query / length) + wrong * norms
    values, scales = how.estimate(dots[:, None], norms * (1 + wrong), np.array([length]))
    low, high = (values - 3 * u * scales)[:, 0], (values + 3 * u * scales)[:, 0]
    scores = how.score(rows, query)
    order = np.argsort(-scores if how.higher_is_better else scores)
    # No row that is worse by its score lies for certain above one that is better.
    assert all((low[order[i + 1 :]] <= high[better]).all() for i, better in enumerate(order))


def test_a_row_below_the_threshold_does_not_reach_the_value(how, rows):
    """Whatever the error of its length is, up to the stated one."""
    if how.threshold is None:
        pytest.skip("it has no threshold")
    u, queries = 1e-5, rows[[7, 8, 30]]
    norms, lengths = np.linalg.norm(rows, axis=1), np.linalg.norm(queries, axis=1)
    measured = norms * (1 + u * np.random.default_rng(1).choice([-1, 1], 64))
    dots = rows @ (queries / lengths[:, None]).T
    assert how.estimate is not None
    values, _ = how.estimate(dots, norms, lengths)
    for row in range(0, 64, 9):
        least = np.broadcast_to(how.threshold(values[row], measured, lengths, 2 * u), dots.shape)
        reached = values >= values[row]
        assert (dots / measured[:, None] >= least - 1e-12)[reached].all()
        # Not only because the threshold is low: rows of a like length that are farther are below it.
        if how.name == "cosine":
            assert (dots / measured[:, None] < least).any()
