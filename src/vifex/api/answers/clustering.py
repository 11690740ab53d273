"""`vifex.cluster`: groups of similar rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from vifex.analysis.clustering.clusters import Clustering, cluster_rows
from vifex.analysis.clustering.page import write_cluster_page
from vifex.analysis.rows import read_rows
from vifex.analysis.tables import check_table_target, write_table
from vifex.api.answers.given import opened
from vifex.api.answers.shown import name_of, refuse_choices, thumbnails
from vifex.api.arguments import checked
from vifex.api.views import Choices
from vifex.search.files import check_target
from vifex.search.query import TextQuery
from vifex.values import InputError, Outcome

if TYPE_CHECKING:
    from vifex.api.models.loaded import LoadedModel
    from vifex.api.stores.store import Store
    from vifex.api.stores.view import View

__all__ = ["cluster"]


@checked("store", "model", "words", "output", "html")
def cluster(
    store: str | os.PathLike[str] | Store | View,
    *,
    method: Literal["kmeans", "hdbscan"] = "kmeans",
    k: int | None = None,
    min_size: int | None = None,
    dims: int = 20,
    words: str | os.PathLike[str] | Sequence[str] | None = None,
    representatives: int = 8,
    seed: int = 0,
    output: str | os.PathLike[str] | None = None,
    html: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    view: str | None = None,
    column: str | None = None,
    where: str | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    **choices: Unpack[Choices],
) -> Clustering:
    """Group similar rows, and describe each group by representatives, labels and words.

    Rows are scaled to length 1 and projected onto their principal components. Above 50,000 rows the clusters
    are fitted to a sample, and the other rows are assigned.

    Args:
        store: A store or a view; or media, which are extracted into a store in the cache first.
        method: `kmeans` (mini-batch k-means: each row is in a cluster) or `hdbscan` (regions of high
            density; the other rows are in no cluster).
        k: Number of clusters of k-means. By default up to 18 numbers from 2 to 100 are tried on a sample, and
            that of the best mean silhouette is taken.
        min_size: Rows of the smallest cluster of HDBSCAN; by default 1 in 200 rows, at least 5.
        dims: Principal components at most, 1 to 20.
        words: Words that may name clusters, or a file with a word or phrase on each line. The view's model
            needs a text encoder.
        representatives: Rows that describe a cluster at most; the first is its medoid.
        seed: Seed of all draws: the same call gives the same clusters.
        output: A CSV or Parquet file for the cluster of each row.
        html: A page with the representatives of each cluster.
        overwrite: Whether these files may be replaced.
        view: A view of the store; by default its only one, or `main`.
        column: A layer's column; may be left out where there is one.
        where: An SQL filter over the columns.
        model: The model for words, or that media are extracted with.
        on_outcome: Called for each medium that was skipped, failed or is partial, where media are extracted.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.
        **choices: For the extraction of media, as for `vifex.extract`, e.g. `fps`.

    Raises:
        VifexError: If the rows cannot be read or compared, a choice is out of range, or a file cannot be
            written.

    Source: Sculley, WWW 2010 (mini-batch k-means); Campello, Moulavi and Sander, PAKDD 2013 (HDBSCAN);
        Rousseeuw, Journal of Computational and Applied Mathematics 20, 1987 (silhouette).
    """
    if output is not None:
        check_table_target(output, overwrite=overwrite)
    if html is not None:
        check_target(html, overwrite=overwrite)
    names = _words(words)
    refuse_choices(store, choices)
    given = opened(store, view=view, model=model, choices=choices, on_outcome=on_outcome, on_notice=on_notice)
    with given as found:

        def embed(word: str) -> Any:
            return found._encoder.vector(TextQuery(word), column, on_notice)

        result = cluster_rows(
            read_rows(found._stored, column, where=where),
            store=name_of(store, found),
            method=method,
            k=k,
            min_size=min_size,
            dims=dims,
            representatives=representatives,
            words=names,
            embed=embed,
            seed=seed,
        )
        if output is not None:
            write_table(output, result.assignment, overwrite=overwrite)
        if html is not None:
            write_cluster_page(html, result, thumbnails(found), overwrite=overwrite)
    return result


def _words(words: str | os.PathLike[str] | Sequence[str] | None) -> list[str]:
    """Return the words that were given, or those of a file."""
    if words is None:
        return []
    if not isinstance(words, str | os.PathLike):
        return [str(word) for word in words]
    path = Path(words)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(
            "this is no readable text file.", of=str(path), todo="Give a file with a word on each line."
        ) from exc
    found = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not found:
        raise InputError("the file has no words.", of=str(path), todo="Write a word on each line.")
    return found
