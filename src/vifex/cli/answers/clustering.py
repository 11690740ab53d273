"""`vifex cluster`: groups of similar rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from vifex.cli.answers.options import (
    METHOD,
    Column,
    Fps,
    Html,
    Output,
    Overwrite,
    ViewName,
    Where,
    chosen,
)
from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import MODEL, Json, Quiet, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import Notices, Problems
from vifex.cli.targets import StorePath

if TYPE_CHECKING:
    from vifex import Clustering

__all__ = ["cluster"]

_LISTED = 50


@helped
def cluster(
    store: StorePath,
    /,
    *,
    view: ViewName = None,
    column: Column = None,
    where: Where = None,
    fps: Fps = None,
    method: Annotated[Literal["kmeans", "hdbscan"], Parameter(group=METHOD)] = "kmeans",
    k: Annotated[int | None, Parameter(name=["-k", "--count"], group=METHOD)] = None,
    min_size: Annotated[int | None, Parameter(group=METHOD)] = None,
    dims: Annotated[int, Parameter(group=METHOD)] = 20,
    words: Annotated[Path | None, Parameter(group=METHOD)] = None,
    representatives: Annotated[int, Parameter(group=METHOD)] = 8,
    seed: Annotated[int, Parameter(group=METHOD)] = 0,
    output: Output = None,
    html: Html = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], group=MODEL)] = None,
) -> int:
    """Group similar rows into clusters, and show what each cluster has in it.

    For example:
        vifex cluster lib.vifex --html clusters.html
        vifex cluster lib.vifex -k 10 -o clusters.csv
        vifex cluster photos/ --method hdbscan --min-size 20

    The rows are projected onto at most 20 principal components. Above 50,000 rows the clusters are fitted
    to a sample, and the other rows are assigned. A folder in place of a store is extracted into the cache
    first.

    Parameters
    ----------
    store
        A store, or media.
    method
        kmeans (mini-batch k-means: each row is in a cluster) or hdbscan (dense regions; the other rows are
        in no cluster).
    k
        Number of clusters of k-means (default: the number from 2 to 100 with the best silhouette on a
        sample).
    min_size
        Rows of the smallest cluster of HDBSCAN (default: 1 in 200 rows, at least 5).
    dims
        Principal components at most, 1 to 20.
    words
        A file with a word or phrase on each line; each cluster is named by the word that sets it apart. The
        view's model needs a text encoder.
    representatives
        Rows that describe a cluster at most, on the page and with --json.
    seed
        Seed of all draws. The same command gives the same clusters.
    output
        Write the cluster of each row to this .csv or .parquet file.
    html
        Write a page with the representatives of each cluster to this file. It must not be inside a store.
    model
        The model for --words, or that media are extracted with.
    """
    keep_pandas_out()
    import vifex

    notices, problems = Notices(), Problems(quiet=quiet)
    found = vifex.cluster(
        store,
        method=method,
        k=k,
        min_size=min_size,
        dims=dims,
        words=words,
        representatives=representatives,
        seed=seed,
        output=output,
        html=html,
        overwrite=overwrite,
        view=view,
        column=column,
        where=where,
        model=model,
        on_outcome=problems.print,
        on_notice=notices.print,
        **chosen(fps),
    )
    for note in found.notes:
        notices.print(note)
    if json:
        print_json(found.to_dict())
        return 0
    _print(found)
    for what, file in (("table", output), ("page", html)):
        if file is not None:
            print_line(f"{what}: {clean(file)}")
    return 0


def _print(found: Clustering) -> None:
    from vifex.search.times import format_time

    clusters = found.clusters[:_LISTED]
    columns: dict[str, list[object]] = {
        "cluster": [one.number for one in clusters],
        "rows": [one.size for one in clusters],
        "share": [f"{one.share:.1%}" for one in clusters],
        "similarity": [f"{one.similarity:.3f}" for one in clusters],
    }
    if any(one.words for one in clusters):
        columns["words"] = [", ".join(word.text for word in one.words) for one in clusters]
    if any(one.label is not None for one in clusters):
        columns["label"] = [
            "" if one.label is None else f"{one.label} ({one.label_share:.0%})" for one in clusters
        ]
    medoids = [one.representatives[0] for one in clusters]
    if any(row.t_s is not None for row in medoids):
        columns["time"] = [format_time(row.t_s) for row in medoids]
    columns["medoid"] = [row.name for row in medoids]
    print_table(
        list(columns),
        zip(*columns.values(), strict=True),
        right=["cluster", "rows", "share", "similarity", "time"],
    )
    if len(found.clusters) > _LISTED:
        print_line(f"... and {len(found.clusters) - _LISTED} more; --json prints all.")
    how = f"{found.rows} rows in {len(found.clusters)} clusters"
    if found.outside:
        how += f", {found.outside} in none"
    if found.silhouette is not None:
        how += f"; mean silhouette {found.silhouette:.3f}"
    if found.tried:
        how += f" (the best of {len(found.tried)} numbers of clusters)"
    print_line(f"{how}.")
