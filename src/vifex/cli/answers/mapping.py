"""`vifex map`: the rows of a store as points in the plane, on one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import MODEL, OUTPUT, QUERY, SAMPLING, Flag, Json, Quiet, helped
from vifex.cli.output import clean, print_json, print_line
from vifex.cli.reporting import Problems, print_notice, size
from vifex.cli.targets import as_typed, named_file

if TYPE_CHECKING:
    from vifex import Choices, Map

__all__ = ["map_"]

_MAP = Group.create_ordered("Map")
_COLOURS = Group.create_ordered("Colours")


@helped
def map_(
    store: Annotated[Path, Parameter(converter=as_typed)],
    /,
    *,
    view: Annotated[str | None, Parameter(group=QUERY)] = None,
    column: Annotated[str | None, Parameter(group=QUERY)] = None,
    where: Annotated[str | None, Parameter(group=QUERY)] = None,
    output: Annotated[Path, Parameter(name=["--output", "-o"], converter=named_file, group=OUTPUT)] = Path(
        "map.html"
    ),
    overwrite: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    thumbnails: Annotated[int, Parameter(group=OUTPUT)] = 5000,
    json: Json = False,
    quiet: Quiet = False,
    method: Annotated[Literal["tsne", "pca"], Parameter(group=_MAP)] = "tsne",
    perplexity: Annotated[float, Parameter(group=_MAP)] = 30.0,
    seed: Annotated[int, Parameter(group=_MAP)] = 0,
    values: Annotated[list[Path] | None, Parameter(negative=(), group=_COLOURS)] = None,
    colour: Annotated[str | None, Parameter(group=_COLOURS)] = None,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], group=MODEL)] = None,
    fps: Annotated[float | None, Parameter(group=SAMPLING)] = None,
    uniform: Annotated[int | None, Parameter(group=SAMPLING)] = None,
) -> int:
    """Write a page with a map of the rows: points that lie near each other have similar vectors.

    For example:
        vifex map lib.vifex
        vifex map lib.vifex --values clusters.csv --colour cluster -o clusters.html
        vifex map photos/ --method pca --thumbnails 20000

    The page is one file that opens in a browser without a network. It shows thumbnails when zoomed in,
    colours points by label, split, folder, medium, time or a table of values, searches in names, and saves
    the names of the points inside a lasso.

    Parameters
    ----------
    store
        A store, or media, which are extracted into the cache first.
    view
        The view of the store (default: its only one, or main).
    column
        Column of the layer. It may be left out if the view has one layer.
    where
        An SQL filter over the columns, e.g. "label = 'cat'".
    output
        The page. It must not be inside a store.
    overwrite
        Replace the page if it exists.
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
    model
        The model that media are extracted with.
    fps
        Frames per second of videos, where media are given.
    uniform
        Number of frames, evenly spread over a video, where media are given.
    """
    keep_pandas_out()
    import vifex

    choices: Choices = {}
    if fps is not None:
        choices["fps"] = fps
    if uniform is not None:
        choices["uniform"] = uniform
    problems = Problems(quiet=quiet)
    notices: list[str] = []
    with _progress(is_wanted=not quiet) as progress:
        found = vifex.map(
            store,
            output,
            view=view,
            column=column,
            where=where,
            method=method,
            perplexity=perplexity,
            seed=seed,
            values=values or (),
            colour=colour,
            thumbnails=thumbnails,
            overwrite=overwrite,
            model=model,
            choices=choices,
            on_outcome=problems.print,
            on_notice=notices.append,
            on_progress=progress,
        )
    for notice in notices:
        print_notice(notice)
    if json:
        print_json(found.to_dict())
    else:
        _print(found, output)
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


def _print(found: Map, output: Path) -> None:
    names = {"tsne": "t-SNE", "pca": "principal components"}
    print_line(f"{len(found.positions)} points by {names[found.method]}")
    if found.trustworthiness is not None:
        measured = f"{found.neighbours} neighbours, {found.judged} points"
        print_line(f"trustworthiness {found.trustworthiness:.3f} ({measured})")
    print_line(f"colours: {clean(', '.join(found.colours))}")
    print_line(f"map: {clean(output)} ({size(output.stat().st_size)}, {found.thumbnails} thumbnails)")
