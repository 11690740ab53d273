"""`vifex summarize`: the shots of a video and the frames that stand for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from vifex.cli.answers.options import (
    METHOD,
    Column,
    Fps,
    Html,
    ModelName,
    Output,
    Overwrite,
    ViewName,
    chosen,
)
from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import OUTPUT, SOURCE, Json, Quiet, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import Notices, Problems
from vifex.cli.targets import named_file

if TYPE_CHECKING:
    from vifex import Summary

__all__ = ["summarize"]

_CUTS = Group.create_ordered("Shots")


@helped
def summarize(
    video: Path,
    /,
    *,
    medium: Annotated[str | None, Parameter(group=SOURCE)] = None,
    view: ViewName = None,
    column: Column = None,
    fps: Fps = None,
    count: Annotated[int | None, Parameter(name=["-k", "--count"], group=METHOD)] = None,
    coverage: Annotated[float | None, Parameter(group=METHOD)] = None,
    output: Output = None,
    shots: Annotated[Path | None, Parameter(converter=named_file, group=OUTPUT)] = None,
    html: Html = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    model: ModelName = None,
    radius: Annotated[int, Parameter(group=_CUTS)] = 5,
    factor: Annotated[float, Parameter(group=_CUTS)] = 3.0,
    least: Annotated[float, Parameter(group=_CUTS)] = 0.05,
    shortest: Annotated[int, Parameter(group=_CUTS)] = 1,
) -> int:
    """Find the shots of a video and choose key frames that stand for all of it.

    For example:
        vifex summarize clip.mp4 --fps 4 --html summary.html
        vifex summarize lib.vifex --medium clip.mp4 -k 6 -o frames.csv
        vifex summarize clip.mp4 --coverage 0.8 --shots shots.csv

    Key frames are chosen one by one, each so that all rows come as near as possible to a key frame. Times are
    those of the stored rows: the more rows a second has, the more exact are the cuts.

    Parameters
    ----------
    video
        A video or a sound, which is extracted into the cache first, or a store.
    medium
        Name, path or medium_id of the medium in a store. It may be left out if there is only one.
    count
        Number of key frames at most (default: the number of shots).
    coverage
        Stop as soon as the key frames explain this share of the spread, above 0 and at most 1. The spread
        is the mean cosine distance to the single best frame.
    output
        Write the key frames with their times to this .csv or .parquet file.
    shots
        Write the shots with their times to this .csv or .parquet file.
    html
        Write a page with key frames and shots to this file. It must not be inside a store.
    radius
        Rows on both sides with which a cut is compared.
    factor
        Smallest ratio of a cut's distance to the median distance around it.
    least
        Smallest cosine distance of a cut.
    shortest
        Rows of the shortest shot.
    """
    keep_pandas_out()
    import vifex

    notices, problems = Notices(), Problems(quiet=quiet)
    found = vifex.summarize(
        video,
        medium=medium,
        count=count,
        coverage=coverage,
        radius=radius,
        factor=factor,
        least=least,
        shortest=shortest,
        output=output,
        shots=shots,
        html=html,
        overwrite=overwrite,
        view=view,
        column=column,
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
    for what, file in (("key frames", output), ("shots", shots), ("page", html)):
        if file is not None:
            print_line(f"{what}: {clean(file)}")
    return 0


def _print(found: Summary) -> None:
    from vifex.search.times import format_time

    rows = [
        [
            one.order,
            format_time(one.frame.t_s),
            one.shot,
            f"{one.share:.0%}",
            f"{one.explained:.0%}",
            one.frame.key,
        ]
        for one in found.key_frames
    ]
    print_table(
        ["choice", "time", "shot", "stands for", "explained", "key"],
        rows,
        right=["choice", "time", "shot", "stands for", "explained"],
    )
    frames, shots = len(found.key_frames), len(found.shots)
    print_line(
        f"{clean(found.name)}: {shots} shot{'s' * (shots != 1)} and {frames} key frame{'s' * (frames != 1)} "
        f"of {found.rows} rows; {found.explained:.0%} of the spread explained."
    )
