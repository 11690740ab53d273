"""Clusters of the rows of a view: fitted, described by representatives, labels and words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.analysis.clustering.fitting import (
    ClusterCount,
    Fit,
    choose_count,
    fit_hdbscan,
    fit_kmeans,
    silhouette_of,
)
from vifex.analysis.clustering.naming import ClusterWord, words_of_clusters
from vifex.analysis.clustering.space import cluster_space, sample_of
from vifex.analysis.directions import Directions, hits_of, read_directions
from vifex.analysis.representatives import choose_representatives
from vifex.analysis.rows import FeatureRows, FloatMatrix, unit_vectors
from vifex.search.hits import Hit
from vifex.values import InputError

__all__ = ["Cluster", "ClusterMethod", "Clustering", "Embed", "cluster_rows"]

ClusterMethod: TypeAlias = Literal["kmeans", "hdbscan"]
Embed: TypeAlias = Callable[[str], "npt.NDArray[np.floating[Any]]"]
"""Returns the vector `[D]` of words."""

_FIT_ROWS: Final = 50_000
_DESCRIBED_ROWS: Final = 2_000
"""Rows of a cluster among which its representatives are chosen at most."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Rows that are near each other."""

    number: int
    """From 1, the largest first."""
    size: int
    """Number of rows."""
    share: float
    """Of the rows that were clustered, 0 to 1."""
    similarity: float
    """Mean cosine of the rows and the cluster's mean direction, -1 to 1."""
    label: str | None
    """The most frequent label of its rows; `None` where they have none."""
    label_share: float | None
    """Share of that label among the rows with a label, 0 to 1."""
    words: tuple[ClusterWord, ...]
    """The words that set it apart, the best first; empty where no words were given."""
    representatives: tuple[Hit, ...]
    """The medoid, then rows that stand for the rest; `score` is the cosine to the mean direction."""

    @property
    def name(self) -> str:
        """The best word, else the most frequent label, else `cluster N`."""
        if self.words:
            return self.words[0].text
        return f"cluster {self.number}" if self.label is None else self.label


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """The clusters of a view's rows."""

    store: str
    view: str
    column: str
    method: ClusterMethod
    rows: int
    """Rows that were clustered."""
    fitted: int
    """Rows that the clusters were fitted to; the others were assigned."""
    outside: int
    """Rows that belong to no cluster."""
    dims: int
    """Principal components."""
    explained: float
    """Share of the variance that the components keep, 0 to 1."""
    silhouette: float | None
    """Mean silhouette of a sample of the rows in a cluster, -1 to 1; `None` for fewer than two clusters."""
    tried: tuple[ClusterCount, ...]
    """Numbers of clusters that were compared; empty where the number was given."""
    clusters: tuple[Cluster, ...]
    assignment: pa.Table = field(repr=False)
    """A line for each row that was read, in the stored order: `key`, `name`, `t_s`, `label`, `cluster`
    (from 1, or null), `cluster_name` and `similarity`, the cosine to the cluster's mean direction."""
    notes: tuple[str, ...] = ()
    """Sentences on what must be known of the result."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the assignment of rows is left out."""
        return {
            "store": self.store,
            "view": self.view,
            "column": self.column,
            "method": self.method,
            "rows": self.rows,
            "fitted": self.fitted,
            "outside": self.outside,
            "dims": self.dims,
            "explained": self.explained,
            "silhouette": self.silhouette,
            "tried": [{"k": one.k, "silhouette": one.silhouette} for one in self.tried],
            "clusters": [_plain(cluster) for cluster in self.clusters],
            "notes": list(self.notes),
        }


def cluster_rows(
    rows: FeatureRows,
    *,
    store: str,
    method: ClusterMethod = "kmeans",
    k: int | None = None,
    min_size: int | None = None,
    dims: int = 20,
    representatives: int = 8,
    words: Sequence[str] = (),
    embed: Embed | None = None,
    seed: int = 0,
    fit_rows: int = _FIT_ROWS,
) -> Clustering:
    """Cluster rows by the directions of their vectors.

    Args:
        rows: Rows of one feature column.
        store: Name of the store, for the result.
        method: `kmeans` or `hdbscan`.
        k: Number of clusters of k-means; `None` takes the number of the best silhouette.
        min_size: Rows of the smallest cluster of HDBSCAN; `None` means 1 in 200 rows, at least 5.
        dims: Principal components at most.
        representatives: Rows that describe a cluster at most.
        words: Words to name clusters by.
        embed: Returns the vector of words; needed where words are given.
        seed: Seed of all draws.
        fit_rows: Rows that clusters are fitted to at most.

    Raises:
        InputError: If the rows cannot be compared or a choice is out of range.
    """
    _check(method, k, min_size, dims, representatives)
    found = read_directions(rows)
    space = cluster_space(found.unit, dims=dims, fit_rows=fit_rows, seed=seed)
    tried: tuple[ClusterCount, ...] = ()
    if method == "kmeans":
        if k is None:
            tried = choose_count(space.points, seed=seed)
            k = max(tried, key=lambda one: (one.silhouette, -one.k)).k if tried else 1
        fit = fit_kmeans(space.points, k, seed=seed, fit_rows=fit_rows)
    else:
        smallest = max(5, round(len(found.unit) / 200)) if min_size is None else min_size
        smallest = min(smallest, len(found.unit)) if min_size is None else smallest
        fit = fit_hdbscan(space.points, smallest, seed=seed, fit_rows=fit_rows)
    centres = _centres(found.unit, fit.labels)
    named = _named(centres, words, embed)
    similarity = _similarity(found.unit, fit.labels, centres)
    clusters = tuple(
        _described(rows, found, fit.labels, similarity, number, named[number], representatives, seed)
        for number in range(len(centres))
    )
    return Clustering(
        store=store,
        view=rows.view.name,
        column=rows.column,
        method=method,
        rows=len(found.unit),
        fitted=fit.fitted,
        outside=int((fit.labels < 0).sum()),
        dims=space.points.shape[1],
        explained=space.explained,
        silhouette=silhouette_of(space.points, fit.labels, seed=seed),
        tried=tried,
        clusters=clusters,
        assignment=_assignment(rows, found, fit.labels, similarity, clusters),
        notes=(*found.notes(), *_notes(fit, k, len(centres), tried)),
    )


def _check(method: str, k: int | None, min_size: int | None, dims: int, representatives: int) -> None:
    if method not in ("kmeans", "hdbscan"):
        raise InputError(f"is kmeans or hdbscan, got {method!r}.", option="method")
    if method == "hdbscan" and k is not None:
        raise InputError(
            "is for k-means; HDBSCAN finds the number of clusters by itself.",
            option="k",
            todo="Give `min_size=` instead.",
        )
    if method == "kmeans" and min_size is not None:
        raise InputError("is for HDBSCAN.", option="min_size", todo='Use it with `method="hdbscan"`.')
    for name, value, least in (("dims", dims, 1), ("representatives", representatives, 1)):
        if value < least:
            raise InputError(f"needs a number of at least {least}, got {value}.", option=name)
    if dims > 20:
        raise InputError(f"needs a number of at most 20, got {dims}.", option="dims")


def _notes(fit: Fit, k: int | None, count: int, tried: Sequence[ClusterCount]) -> list[str]:
    notes = []
    if fit.fitted < len(fit.labels):
        notes.append(
            f"The clusters were fitted to {fit.fitted} of {len(fit.labels)} rows; the others were assigned."
        )
    if k is not None and count < k:
        notes.append(f"{k} clusters were fitted, and {k - count} of them have no row.")
    if not count:
        notes.append("No region is dense enough for a cluster. A smaller smallest size may find some.")
    if tried and max(one.silhouette for one in tried) < 0.1:
        notes.append("The best silhouette is below 0.1: the rows hardly fall into separate clusters.")
    return notes


def _centres(unit: FloatMatrix, labels: npt.NDArray[np.int32]) -> FloatMatrix:
    """Return the mean direction of each cluster, `[C, D]`."""
    count = int(labels.max(initial=-1)) + 1
    sums = np.zeros((count, unit.shape[1]), np.float32)
    for number in range(count):
        sums[number] = unit[labels == number].mean(axis=0, dtype=np.float64)
    return unit_vectors(sums)


def _similarity(unit: FloatMatrix, labels: npt.NDArray[np.int32], centres: FloatMatrix) -> FloatMatrix:
    """Return the cosine of each row and the mean direction of its cluster; NaN for rows of none."""
    found = np.full(len(unit), np.nan, np.float32)
    for number, centre in enumerate(centres):
        mine = labels == number
        found[mine] = np.clip(unit[mine] @ centre, -1, 1)
    return found


def _named(centres: FloatMatrix, words: Sequence[str], embed: Embed | None) -> list[tuple[ClusterWord, ...]]:
    if not words or not len(centres):
        return [()] * len(centres)
    if embed is None:
        raise ValueError("words were given without a function that embeds them")
    vectors = unit_vectors(np.stack([np.asarray(embed(word), np.float32).reshape(-1) for word in words]))
    return words_of_clusters(centres, words, vectors)


def _described(
    rows: FeatureRows,
    found: Directions,
    labels: npt.NDArray[np.int32],
    similarity: FloatMatrix,
    number: int,
    words: tuple[ClusterWord, ...],
    representatives: int,
    seed: int,
) -> Cluster:
    mine = np.flatnonzero(labels == number)
    some = mine[sample_of(len(mine), _DESCRIBED_ROWS, seed)]
    picks = some[choose_representatives(found.unit[some], representatives).rows]
    of_rows = found.numbers[mine]
    counted = Counter(
        label for m in rows.medium[of_rows].tolist() if (label := rows.media[m].label) is not None
    )
    label, times = counted.most_common(1)[0] if counted else (None, 0)
    return Cluster(
        number=number + 1,
        size=len(mine),
        share=len(mine) / len(labels),
        similarity=float(similarity[mine].mean(dtype=np.float64)),
        label=label,
        label_share=times / counted.total() if counted else None,
        words=words,
        representatives=tuple(hits_of(rows, found.numbers[picks].tolist(), similarity[picks].tolist())),
    )


def _assignment(
    rows: FeatureRows,
    found: Directions,
    labels: npt.NDArray[np.int32],
    similarity: FloatMatrix,
    clusters: Sequence[Cluster],
) -> pa.Table:
    """Make the table of rows and their clusters."""
    numbers = np.full(len(rows), -1, np.int64)
    numbers[found.numbers] = labels
    cosines = np.full(len(rows), np.nan)
    cosines[found.numbers] = similarity
    none = numbers < 0
    names = pa.array([cluster.name for cluster in clusters], pa.string())
    media = [rows.media[m] for m in rows.medium.tolist()]
    return pa.table(
        {
            "key": pa.array(rows.keys(), pa.string()),
            "name": pa.array([medium.name for medium in media], pa.string()),
            "t_s": pa.array(rows.t_s, pa.float64(), mask=np.isnan(rows.t_s)),
            "label": pa.array([medium.label for medium in media], pa.string()),
            "cluster": pa.array(numbers + 1, pa.int64(), mask=none),
            "cluster_name": names.take(pa.array(numbers, pa.int64(), mask=none)),
            "similarity": pa.array(cosines, pa.float64(), mask=none),
        }
    )


def _plain(cluster: Cluster) -> dict[str, Any]:
    return {
        "number": cluster.number,
        "name": cluster.name,
        "size": cluster.size,
        "share": cluster.share,
        "similarity": cluster.similarity,
        "label": cluster.label,
        "label_share": cluster.label_share,
        "words": [{"text": word.text, "similarity": word.similarity} for word in cluster.words],
        "representatives": [hit.to_dict() for hit in cluster.representatives],
    }
