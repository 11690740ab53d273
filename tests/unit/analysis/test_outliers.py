"""Outliers against scikit-learn, and novelty along time against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from vifex.analysis.outliers.novelty import modified_z, novelty_of, unusual_runs
from vifex.analysis.outliers.scores import outlier_scores
from vifex.analysis.rows import FloatMatrix, unit_vectors


def directions(count: int, *, seed: int = 0) -> FloatMatrix:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, 8)) + 2 * rng.integers(0, 2, (count, 1))
    return unit_vectors(rows.astype(np.float32))


@pytest.mark.parametrize("copies", [1, 3], ids=["all different", "with equal rows"])
def test_scores_are_those_of_scikit_learn(copies: int) -> None:
    unit = np.repeat(directions(120), copies, axis=0)
    exact = unit.astype(np.float64) / np.linalg.norm(unit.astype(np.float64), axis=1, keepdims=True)
    found = outlier_scores(unit, 10)
    lof = LocalOutlierFactor(10, metric="cosine", algorithm="brute").fit(exact)
    assert found.lof == pytest.approx(-lof.negative_outlier_factor_, rel=1e-4)
    distances, _ = (
        NearestNeighbors(n_neighbors=11, metric="cosine", algorithm="brute").fit(exact).kneighbors(exact)
    )
    assert found.distance == pytest.approx(distances[:, 1:].mean(axis=1), abs=1e-6)
    assert found.nearest_distance == pytest.approx(distances[:, 1], abs=1e-6)
    own = np.einsum("nd,nd->n", exact, exact[found.nearest])
    assert 1 - own == pytest.approx(distances[:, 1], abs=1e-6)
    assert found.reference == len(unit)


def test_rows_outside_of_the_sample_are_scored_as_new_ones() -> None:
    unit = directions(300)
    found = outlier_scores(unit, 5, seed=4, reference_rows=100)
    base = np.sort(np.random.default_rng(4).choice(300, 100, replace=False))
    others = np.setdiff1d(np.arange(300), base)
    exact = unit.astype(np.float64)
    inside = LocalOutlierFactor(5, metric="cosine", algorithm="brute").fit(exact[base])
    new = LocalOutlierFactor(5, metric="cosine", algorithm="brute", novelty=True).fit(exact[base])
    assert found.lof[base] == pytest.approx(-inside.negative_outlier_factor_, rel=1e-4)
    assert found.lof[others] == pytest.approx(-new.score_samples(exact[others]), rel=1e-4)
    assert set(found.nearest.tolist()) <= set(base.tolist())


def test_a_modified_z_score_by_hand() -> None:
    """Median 3, MAD 1: (8 - 3) 0.6745 / 1. With half of the values equal the mean deviation, 2, counts."""
    assert modified_z(np.array([1.0, 2, 3, 4, 8]))[-1] == pytest.approx(5 * 0.6745)
    assert modified_z(np.array([0.0, 0, 0, 8]))[-1] == pytest.approx(8 * 0.7979 / 2)
    assert modified_z(np.ones(4)).tolist() == [0, 0, 0, 0]


def test_a_short_event_is_novel_and_a_long_scene_is_not() -> None:
    rng = np.random.default_rng(0)
    scenes = np.repeat(np.eye(8)[[0, 1, 7, 0]], [40, 40, 4, 36], axis=0)
    unit = unit_vectors((scenes + rng.normal(size=scenes.shape) * 0.02).astype(np.float32))
    novelty = novelty_of(unit)
    similar = unit.astype(np.float64) @ unit.T.astype(np.float64)
    np.fill_diagonal(similar, -np.inf)
    by_hand = 1 - np.sort(similar, axis=1)[:, -12:].mean(axis=1)  # a tenth of the 119 others
    assert novelty == pytest.approx(by_hand, abs=1e-6)
    starts = np.arange(120) / 2
    runs = unusual_runs(novelty, starts, starts + 0.5, z=3.5, least=0.02, gap_s=2)
    assert [(run.start, run.stop) for run in runs] == [(80, 84)]
    assert not unusual_runs(novelty[:80], starts[:80], starts[:80] + 0.5, z=3.5, least=0.02, gap_s=2)


def test_unusual_rows_that_are_near_in_time_are_one_run() -> None:
    novelty = np.zeros(40)
    novelty[[10, 12, 20]] = [0.5, 0.6, 0.4]
    starts = np.arange(40.0)
    joined = unusual_runs(novelty, starts, starts + 1, z=3.5, least=0.02, gap_s=1)
    assert [(run.start, run.stop, run.peak) for run in joined] == [(10, 13, 12), (20, 21, 20)]
    assert len(unusual_runs(novelty, starts, starts + 1, z=3.5, least=0.02, gap_s=0.5)) == 3
    assert not unusual_runs(novelty / 100, starts, starts + 1, z=3.5, least=0.02, gap_s=1)
