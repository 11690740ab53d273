"""The score of a match, against scikit-learn's cosines and SciPy's quantiles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics.pairwise import cosine_similarity

import vifex
from vifex import InputError
from vifex.search.calibrated.kept import kept_threshold
from vifex.search.calibrated.threshold import measure_threshold
from vifex.store import View, open_store


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """240 rows of 80 media of three kinds: every second medium is one image, the others have five rows."""
    return rows_of_kinds(240)


def rows_of_kinds(count: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    kinds = rng.standard_normal((3, 48))
    return (kinds[rng.integers(0, 3, count)] * 0.6 + rng.standard_normal((count, 48))).astype(np.float32)


@pytest.mark.parametrize(("rows", "quantiles"), [(240, (0.5, 0.9)), (450, (0.9, 0.98))])
def test_it_is_the_quantile_of_the_fitted_normal_distribution(
    make_view: Callable[..., View], rows: int, quantiles: tuple[float, float]
) -> None:
    """All rows of all media, where the function takes one row of each medium: equal to a few hundredths.

    80 media, and 150.
    """
    vectors = rows_of_kinds(rows)
    view = make_view({"head": vectors})
    found = measure_threshold(view)
    medium = view.to_arrow(["medium_id"]).column(0).to_pylist()
    ids, owner = np.unique(medium, return_inverse=True)
    cosines = cosine_similarity(vectors)
    best = np.stack([cosines[:, owner == m].max(axis=1) for m in range(len(ids))], axis=1)
    best[np.arange(len(owner)), owner] = np.nan
    z = np.arctanh(best[np.isfinite(best)])
    low, high = np.quantile(z, quantiles)
    spread = (high - low) / (norm.ppf(quantiles[1]) - norm.ppf(quantiles[0]))
    wanted = np.tanh(low + spread * (norm.isf(0.01 / len(ids)) - norm.ppf(quantiles[0])))
    assert found.score == pytest.approx(wanted, abs=0.03)
    assert (found.media, found.queries, found.rows) == (rows // 3, rows // 3, rows)
    assert "about 1%" in found.how
    assert (found.far is None) == (rows == 240)


def test_of_queries_without_a_match_one_in_a_hundred_reaches_it(
    make_view: Callable[..., View], vectors: np.ndarray
) -> None:
    rng = np.random.default_rng(4)
    found = measure_threshold(make_view({"head": vectors}))
    fresh = rng.standard_normal((4000, 48))
    reached = (cosine_similarity(fresh, vectors).max(axis=1) >= found.score).mean()
    assert reached <= 0.01


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_copies_change_it_little(make_view: Callable[..., View], vectors: np.ndarray, dtype: str) -> None:
    """Every row stands once more in the store."""
    once = measure_threshold(make_view({"head": vectors}, dtype=dtype))
    twice = measure_threshold(make_view({"head": np.concatenate([vectors] * 2)}, dtype=dtype))
    assert twice.score == pytest.approx(once.score, abs=0.06)


def test_few_media_are_not_enough(make_view: Callable[..., View], vectors: np.ndarray) -> None:
    with pytest.raises(InputError, match="the view has 4 media"):
        measure_threshold(make_view({"head": vectors[:12]}))


def test_rows_without_a_direction_do_not_count(make_view: Callable[..., View], vectors: np.ndarray) -> None:
    odd = vectors.copy()
    odd[::7] = 0
    odd[3] = np.nan
    assert 0 < measure_threshold(make_view({"head": odd})).score < 1
    with pytest.raises(InputError, match="no row has a direction"):
        measure_threshold(make_view({"head": np.zeros((60, 8))}))


def test_it_is_measured_once_for_each_commit(
    plain_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIFEX_CACHE", str(tmp_path))
    with open_store(plain_store) as store:
        first = kept_threshold(store.view("main"))
        (path,) = (tmp_path / "thresholds").glob("*.json")
        assert kept_threshold(store.view("main")) == first
        path.write_text('{"broken": ')
        assert kept_threshold(store.view("main")) == first
    assert path.read_text().startswith('{"score"')


def test_a_search_with_auto_finds_matches_alone(plain_store: Path, numbers: np.ndarray) -> None:
    with vifex.open(plain_store) as store:
        least = store.score_threshold().score
        hits = store.search(numbers[3], 200, min_score="auto")
        assert [h.key for h in hits] == [h.key for h in store.search(numbers[3], 200) if h.score >= least]
        assert store.search(-numbers[19], 5, min_score="auto") == []
        assert [m.score for m in store.moments(numbers[3], min_score="auto")] == [1.0]
        with pytest.raises(InputError, match="metric cosine"):
            store.search(numbers[3], min_score="auto", metric="l2")
        with pytest.raises(InputError, match="measured for images"):
            store.search("some words", min_score="auto")
