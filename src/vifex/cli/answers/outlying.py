"""`vifex outliers`: what is unlike the rest of a collection or of a video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from vifex.cli.answers.options import (
    METHOD,
    Column,
    Fps,
    Html,
    ModelName,
    Output,
    Overwrite,
    ViewName,
    Where,
    chosen,
)
from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import Flag, Json, Quiet, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import Notices, Problems
from vifex.cli.targets import StorePath

if TYPE_CHECKING:
    from vifex import Outliers, TimeLines

__all__ = ["outliers"]

_LISTED = 20


@helped
def outliers(
    store: StorePath,
    /,
    *,
    view: ViewName = None,
    column: Column = None,
    where: Where = None,
    fps: Fps = None,
    count: Annotated[int | None, Parameter(name=["-k", "--count"], group=METHOD)] = None,
    method: Annotated[Literal["lof", "distance"] | None, Parameter(group=METHOD)] = None,
    neighbours: Annotated[int | None, Parameter(group=METHOD)] = None,
    seed: Annotated[int, Parameter(group=METHOD)] = 0,
    along_time: Annotated[Flag, Parameter(group=METHOD)] = False,
    z: Annotated[float | None, Parameter(group=METHOD)] = None,
    least: Annotated[float | None, Parameter(group=METHOD)] = None,
    gap: Annotated[float | None, Parameter(group=METHOD)] = None,
    output: Output = None,
    html: Html = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    model: ModelName = None,
) -> int:
    """Find the rows that are farthest from the others, or the unusual moments of each video.

    For example:
        vifex outliers lib.vifex --html outliers.html
        vifex outliers lib.vifex --method distance -k 100 -o scores.csv
        vifex outliers camera.mp4 --fps 2 --along-time --html moments.html

    Distances are cosine distances. Above 50,000 rows the neighbours are looked for in a sample of that size.
    With --along-time each row of a video is compared with the nearest tenth of the other rows of its video:
    what lasts longer than about a tenth of a video is ordinary.

    Parameters
    ----------
    store
        A store, or media, which are extracted into the cache first.
    count
        Number of rows to show (default: 50).
    method
        lof (local outlier factor: compares the density around a row with that around its neighbours; the
        default) or distance (mean distance to the neighbours).
    neighbours
        Number of nearest rows that count (default: 20).
    seed
        Seed of the draw of a sample.
    along_time
        Find unusual moments of each video or sound instead of rows of the whole view.
    z
        With --along-time: smallest modified z-score of an unusual row (default: 3.5).
    least
        With --along-time: smallest difference of its distance to the median of the video (default: 0.02).
    gap
        With --along-time: seconds between unusual rows of one span, at most (default: 2).
    output
        Write the scores of all rows, or the spans of unusual moments, to this .csv or .parquet file.
    html
        Write a page with the images to this file. It must not be inside a store.
    """
    keep_pandas_out()
    import vifex
    from vifex.values import InputError

    in_view = {"count": count, "method": method, "neighbours": neighbours}
    in_time = {"z": z, "least": least, "gap_s": gap}
    for name in in_view if along_time else in_time:
        if (in_view | in_time)[name] is not None:
            raise InputError(
                f"is {'not ' if along_time else ''}for `along_time=True`.",
                option=name,
                todo="Leave one of the two out." if along_time else "Give both.",
            )
    options = {n: v for n, v in (in_time if along_time else in_view).items() if v is not None}
    notices, problems = Notices(), Problems(quiet=quiet)
    common = {
        "output": output,
        "html": html,
        "overwrite": overwrite,
        "view": view,
        "column": column,
        "where": where,
        "model": model,
        "on_outcome": problems.print,
        "on_notice": notices.print,
        **chosen(fps),
        **options,
    }
    found: Outliers | TimeLines = (
        vifex.unusual_moments(store, **common) if along_time else vifex.outliers(store, seed=seed, **common)
    )
    for note in found.notes:
        notices.print(note)
    if json:
        print_json(found.to_dict())
        return 0
    if isinstance(found, vifex.TimeLines):
        _print_spans(found)
    else:
        _print_rows(found)
    for what, file in (("table", output), ("page", html)):
        if file is not None:
            print_line(f"{what}: {clean(file)}")
    return 0


def _print_rows(found: Outliers) -> None:
    from vifex.search.times import format_time

    rows = [
        [
            one.row.rank,
            f"{one.lof:.2f}",
            f"{one.distance:.3f}",
            format_time(one.row.t_s),
            one.row.name,
            one.row.label or "",
            f"{one.nearest.name} {format_time(one.nearest.t_s)}".strip(),
        ]
        for one in found.outliers[:_LISTED]
    ]
    print_table(
        ["rank", "lof", "distance", "time", "name", "label", "nearest"],
        rows,
        right=["rank", "lof", "distance", "time"],
    )
    if len(found.outliers) > _LISTED:
        print_line(f"... and {len(found.outliers) - _LISTED} more; --json, --output or --html has them.")


def _print_spans(found: TimeLines) -> None:
    from vifex.search.times import format_time

    rows = [
        [
            f"{format_time(span.t_start_s)} to {format_time(span.t_end_s)}",
            format_time(span.peak.t_s),
            f"{span.z:.1f}",
            f"{span.peak.score:.3f}",
            line.name,
        ]
        for line in found.lines
        for span in line.spans
    ]
    if not rows:
        print_line(f"No unusual moment in {len(found.lines)} media; a smaller --z finds more.")
        return
    print_table(["span", "peak", "z", "novelty", "name"], rows, right=["span", "peak", "z", "novelty"])
