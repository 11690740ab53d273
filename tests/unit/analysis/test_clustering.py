"""Clusters against scikit-learn called directly, and representatives against brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN, MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score

from vifex.analysis.clustering.fitting import choose_count, fit_hdbscan, fit_kmeans, silhouette_of
from vifex.analysis.clustering.naming import words_of_clusters
from vifex.analysis.clustering.space import cluster_space
from vifex.analysis.representatives import choose_representatives
from vifex.analysis.rows import FloatMatrix, unit_vectors
from vifex.values import InputError


def blobs(
    sizes: list[int], *, spread: float = 0.1, dims: int = 32, seed: int = 0
) -> tuple[FloatMatrix, list[int]]:
    """Directions around as many centres as there are sizes, and the centre of each."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.normal(size=(dims, dims)))[0][: len(sizes)]
    owners = np.repeat(np.arange(len(sizes)), sizes)
    rows = centres[owners] + rng.normal(size=(len(owners), dims)) * spread
    return unit_vectors(rows.astype(np.float32)), owners.tolist()


def test_the_space_is_that_of_scikit_learn() -> None:
    unit, _ = blobs([40, 30, 20])
    space = cluster_space(unit, dims=5, fit_rows=1000, seed=0)
    pca = PCA(5, svd_solver="full").fit(unit.astype(np.float64))
    theirs = pca.transform(unit.astype(np.float64))
    signs = np.sign((space.points * theirs).sum(axis=0))
    assert np.allclose(space.points, theirs * signs, atol=1e-4)
    assert space.explained == pytest.approx(pca.explained_variance_ratio_.sum(), abs=1e-4)


def test_kmeans_is_that_of_scikit_learn_and_the_largest_cluster_is_first() -> None:
    unit, owners = blobs([20, 60, 40])
    fit = fit_kmeans(unit, 3, seed=1)
    theirs = MiniBatchKMeans(3, batch_size=4096, n_init=5, random_state=1).fit(unit)
    assert adjusted_rand_score(fit.labels, theirs.labels_) == 1
    assert adjusted_rand_score(fit.labels, owners) == 1
    assert np.bincount(fit.labels).tolist() == [60, 40, 20]
    assert silhouette_of(unit, fit.labels, seed=0) == pytest.approx(
        silhouette_score(unit, fit.labels), abs=1e-6
    )
    for k in (0, 121):
        with pytest.raises(InputError, match="from 1 to 120, the number of rows"):
            fit_kmeans(unit, k, seed=0)


def test_the_number_of_clusters_is_that_of_the_best_silhouette() -> None:
    unit, _ = blobs([15] * 6)
    tried = choose_count(unit, seed=0)
    assert max(tried, key=lambda one: one.silhouette).k == 6
    of_six = next(one for one in tried if one.k == 6)
    assert of_six.silhouette == pytest.approx(silhouette_score(unit, np.repeat(range(6), 15)), abs=1e-6)
    assert max(one.k for one in tried) <= 30


def test_hdbscan_is_that_of_scikit_learn() -> None:
    unit, owners = blobs([60, 50], spread=0.05)
    noise = unit_vectors(np.random.default_rng(3).normal(size=(5, 32)).astype(np.float32))
    points = np.concatenate([unit, noise])
    fit = fit_hdbscan(points, 10, seed=0)
    theirs = HDBSCAN(min_cluster_size=10, copy=True).fit(points).labels_
    assert np.array_equal(fit.labels < 0, theirs < 0)
    assert adjusted_rand_score(fit.labels, theirs) == 1
    assert adjusted_rand_score(fit.labels[:110], owners) == 1
    with pytest.raises(InputError, match="from 2 to 115"):
        fit_hdbscan(points, 116, seed=0)


@pytest.mark.parametrize("method", ["kmeans", "hdbscan"])
def test_rows_outside_of_the_sample_are_assigned(method: str) -> None:
    unit, owners = blobs([300, 200, 100], spread=0.05)
    fit = (
        fit_kmeans(unit, 3, seed=0, fit_rows=150)
        if method == "kmeans"
        else fit_hdbscan(unit, 30, seed=0, fit_rows=150)
    )
    assert fit.fitted == 150
    inside = fit.labels >= 0
    assert inside.mean() > 0.9
    assert adjusted_rand_score(fit.labels[inside], np.array(owners)[inside]) == 1


def test_the_greedy_choice_is_near_the_best_one() -> None:
    """The value is the sum of 1 + the largest cosine; greedy reaches 1 - 1/e of it (Nemhauser et al.)."""
    unit, _ = blobs([5, 4, 3], spread=0.4, dims=6, seed=2)
    similar = unit.astype(np.float64) @ unit.T.astype(np.float64)

    def value(rows: tuple[int, ...]) -> float:
        return float((1 + similar[:, rows].max(axis=1)).sum())

    chosen = choose_representatives(unit, 3)
    best = max(value(rows) for rows in combinations(range(12), 3))
    assert value(tuple(chosen.rows.tolist())) >= (1 - 1 / np.e) * best
    assert chosen.rows[0] == int(similar.sum(axis=0).argmax())
    first = 1 - similar[:, chosen.rows[0]].mean()
    three = 1 - similar[:, chosen.rows].max(axis=1).mean()
    assert chosen.explained == pytest.approx([0, chosen.explained[1], 1 - three / first], abs=1e-6)
    assert (np.diff(choose_representatives(unit, 12).explained) >= -1e-9).all()
    assert choose_representatives(unit, 12).explained[-1] == pytest.approx(1, abs=1e-6)


def test_each_group_gets_a_representative_and_a_share_stops_the_choice() -> None:
    unit, owners = blobs([50, 30, 5], spread=0.05)
    chosen = choose_representatives(unit, 3)
    assert {owners[row] for row in chosen.rows} == {0, 1, 2}
    assert len(choose_representatives(unit, 85, explained=0.5).rows) == 2
    weights = np.zeros(85)
    weights[80:] = 1.0
    assert owners[choose_representatives(unit, 1, weights=weights).rows[0]] == 2
    assert choose_representatives(unit[:1], 4).rows.tolist() == [0]


def test_a_word_that_suits_every_cluster_names_none() -> None:
    centres = unit_vectors(np.array([[1, 0, 1], [0, 1, 1]], np.float32))
    vectors = np.eye(3, dtype=np.float32)
    named = words_of_clusters(centres, ["cat", "dog", "thing"], vectors, count=1)
    assert [one[0].text for one in named] == ["cat", "dog"]
    assert named[0][0].similarity == pytest.approx(2**-0.5)
