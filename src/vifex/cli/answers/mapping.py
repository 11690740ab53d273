"""`vifex map`: the rows of a store as points in the plane, on one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from vifex.cli.answers.options import (
    METHOD,
    Column,
    Fps,
    Html,
    ModelName,
    OnCluster,
    Output,
    Overwrite,
    ViewName,
    Where,
    chosen,
)
from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import OUTPUT, Json, Quiet, helped
from vifex.cli.output import clean, print_json, print_line
from vifex.cli.reporting import Notices, Problems, size
from vifex.cli.targets import as_typed

if TYPE_CHECKING:
    from vifex import Map

__all__ = ["map_"]

_COLOURS = Group.create_ordered("Colours")


@helped
def map_(
    store: Annotated[Path, Parameter(converter=as_typed)],
    /,
    *,
    view: ViewName = None,
    column: Column = None,
    where: Where = None,
    fps: Fps = None,
    method: Annotated[Literal["tsne", "pca"], Parameter(group=METHOD)] = "tsne",
    perplexity: Annotated[float, Parameter(group=METHOD)] = 30.0,
    seed: Annotated[int, Parameter(group=METHOD)] = 0,
    values: Annotated[list[Path] | None, Parameter(negative=(), group=_COLOURS)] = None,
    colour: Annotated[str | None, Parameter(group=_COLOURS)] = None,
    html: Html = None,
    thumbnails: Annotated[int, Parameter(group=OUTPUT)] = 5000,
    output: Output = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    on: OnCluster = None,
    model: ModelName = None,
) -> int:
    """Write a page with a map of the rows: points that lie near each other have similar vectors.

    For example:
        vifex map lib.vifex
        vifex map lib.vifex --values clusters.csv --colour cluster --html clusters.html
        vifex map photos/ --method pca --thumbnails 20000
        vifex map lib.vifex -o positions.csv

    The page is one file that opens in a browser without a network. It shows thumbnails when zoomed in,
    colours points by label, split, folder, medium, time or a table of values, searches in names, and saves
    the names of the points inside a lasso.

    Parameters
    ----------
    store
        A store, or media, which are extracted into the cache first.
    thumbnails
        Thumbnails in the page at most, 0 to 20000; fewer if the page would exceed 150 MB.
    method
        tsne (openTSNE, extra analysis), or pca: the first two principal components. Above 200,000 rows, tsne
        fits a sample and places the other rows by their nearest fitted ones.
    perplexity
        Of tsne: about how many neighbours of a row count. Small maps have less.
    seed
        The same seed gives the same map on the same machine.
    values
        A .csv, .tsv or .parquet file with values to colour by, such as clusters: a column key (of rows) or
        name (of media), and a column for each value. It may be given several times.
    colour
        What the page colours points by at first: label, split, folder, medium, time or a column of --values.
    html
        The page (default: map.html, unless --output is given). It must not be inside a store.
    output
        Write the position of each row to this .csv or .parquet file.
    """
    keep_pandas_out()
    import vifex

    if html is None and output is None:
        html = Path("map.html")
    notices, problems = Notices(), Problems(quiet=quiet)
    with _progress(is_wanted=not quiet) as progress:
        found = vifex.map(
            store,
            method=method,
            perplexity=perplexity,
            seed=seed,
            values=values or (),
            colour=colour,
            thumbnails=thumbnails,
            html=html,
            output=output,
            overwrite=overwrite,
            view=view,
            column=column,
            where=where,
            on=on,
            model=model,
            on_outcome=problems.print,
            on_notice=notices.print,
            on_progress=progress,
            **chosen(fps),
        )
    if json:
        print_json(found.to_dict())
    else:
        _print(found, html, output)
    return 0


@contextmanager
def _progress(*, is_wanted: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """Show on a terminal what is being done; elsewhere nothing is shown."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not is_wanted or not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, int] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                for task in tasks.values():
                    bars.update(task, visible=False)  # type: ignore[arg-type]
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)  # type: ignore[arg-type]

        yield show


def _print(found: Map, html: Path | None, output: Path | None) -> None:
    names = {"tsne": "t-SNE", "pca": "principal components"}
    print_line(f"{len(found.positions)} points by {names[found.method]}")
    if found.trustworthiness is not None:
        measured = f"{found.neighbours} neighbours, {found.judged} points"
        print_line(f"trustworthiness {found.trustworthiness:.3f} ({measured})")
    if output is not None:
        print_line(f"table: {clean(output)}")
    if html is not None:
        print_line(f"colours: {clean(', '.join(found.colours))}")
        print_line(f"page: {clean(html)} ({size(html.stat().st_size)}, {found.thumbnails} thumbnails)")
