"""The page of clusters: each with its representatives, the largest first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from vifex.analysis.clustering.clusters import Cluster, Clustering
from vifex.analysis.pages.answer_page import Card, cards_part, write_page
from vifex.evaluation.plots import line_plot
from vifex.evaluation.report.parts import notes_part, number, plots_part, section, share, table_part
from vifex.search.contact_sheet import Thumbnail

__all__ = ["write_cluster_page"]

_METHODS: Final = {"kmeans": "mini-batch k-means", "hdbscan": "HDBSCAN"}
_SHOWN: Final = 100
"""Clusters with images; the table has all."""


def write_cluster_page(
    path: str | os.PathLike[str], clustering: Clustering, thumbnail: Thumbnail, *, overwrite: bool
) -> None:
    """Write clusters with the images of their representatives to one HTML file.

    Raises:
        InputError: If the file cannot be written.
    """
    count = len(clustering.clusters)
    outside = f", {clustering.outside} of them in none" if clustering.outside else ""
    write_page(
        path,
        title="1 cluster" if count == 1 else f"{count} clusters",
        store=clustering.store,
        facts=f"{clustering.rows} rows of {clustering.column}{outside} · {_METHODS[clustering.method]} · "
        f"silhouette {number(clustering.silhouette, 3)}",
        parts=_parts(clustering, thumbnail),
        overwrite=overwrite,
    )


def _parts(clustering: Clustering, thumbnail: Thumbnail) -> Iterator[str]:
    if clustering.notes:
        yield section("Notes", notes_part(clustering.notes))
    for cluster in clustering.clusters[:_SHOWN]:
        yield section(_heading(cluster), _cards(cluster, thumbnail))
    yield section("Sizes", _table(clustering))
    if len(clustering.tried) > 1:
        tried = clustering.tried
        plot = line_plot(
            "Silhouette by the number of clusters",
            "clusters",
            "silhouette",
            {"": ([one.k for one in tried], [one.silhouette for one in tried])},
        )
        yield section("Number of clusters", plots_part([plot]))


def _heading(cluster: Cluster) -> str:
    name = "" if cluster.name == f"cluster {cluster.number}" else f": {cluster.name}"
    rows = "1 row" if cluster.size == 1 else f"{cluster.size} rows"
    return f"Cluster {cluster.number}{name} ({rows})"


def _table(clustering: Clustering) -> str:
    clusters = clustering.clusters
    columns = {
        "cluster": [str(one.number) for one in clusters],
        "rows": [str(one.size) for one in clusters],
        "share": [share(one.share) for one in clusters],
        "similarity": [number(one.similarity, 3) for one in clusters],
    }
    if any(one.label is not None for one in clusters):
        columns["most frequent label"] = [
            "–" if one.label is None else f"{one.label} ({share(one.label_share)})" for one in clusters
        ]
    if any(one.words for one in clusters):
        columns["words"] = [", ".join(word.text for word in one.words) for one in clusters]
    return table_part(list(columns), zip(*columns.values(), strict=True), label="Clusters")


def _cards(cluster: Cluster, thumbnail: Thumbnail) -> str:
    cards = [
        Card(hit, "medoid" if place == 0 else str(place + 1), f"{hit.score:.3f}")
        for place, hit in enumerate(cluster.representatives)
    ]
    return cards_part(cards, thumbnail)
