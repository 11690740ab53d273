"""`vifex copies`: what occurs more than once."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from vifex.cli.answers.options import OnCluster
from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import MODEL, OUTPUT, SOURCE, Flag, Json, Quiet, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import Problems, print_notice
from vifex.cli.targets import StorePath, named_file

if TYPE_CHECKING:
    from vifex import Copies

__all__ = ["copies"]

_THRESHOLD = Group.create_ordered("Threshold and marks")


@helped
def copies(
    store: StorePath,
    other: Path | None = None,
    /,
    *,
    view: Annotated[str | None, Parameter(group=SOURCE)] = None,
    other_view: Annotated[str | None, Parameter(group=SOURCE)] = None,
    column: Annotated[str | None, Parameter(group=SOURCE)] = None,
    where: Annotated[str | None, Parameter(group=SOURCE)] = None,
    anyway: Annotated[Flag, Parameter(group=SOURCE)] = False,
    threshold: Annotated[float | None, Parameter(group=_THRESHOLD)] = None,
    sample: Annotated[int, Parameter(group=_THRESHOLD)] = 80,
    false_alarms: Annotated[float, Parameter(group=_THRESHOLD)] = 0.05,
    shortest: Annotated[float, Parameter(group=_THRESHOLD)] = 1.0,
    marks: Annotated[Path | None, Parameter(group=_THRESHOLD)] = None,
    count: Annotated[int, Parameter(name=["--count", "-n"], group=OUTPUT)] = 20,
    html: Annotated[Path | None, Parameter(converter=named_file, group=OUTPUT)] = None,
    overwrite: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    json: Json = False,
    quiet: Quiet = False,
    on: OnCluster = None,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], group=MODEL)] = None,
) -> int:
    """Print images that are nearly the same and copied segments of videos, in one store or between two.

    For example:
        vifex copies lib.vifex
        vifex copies new.vifex archive.vifex --html copies.html
        vifex copies lib.vifex --marks copies-marks.json

    Every pair of images is compared, and every pair of videos frame by frame: extract videos with --fps 4 or
    more for that. The threshold is found on the store itself: edited copies of some of its
    images are made and go through the network, and the precision that is printed is measured on images that
    did not set it. The page of --html shows the groups side by side, where pairs can be marked as confirmed
    or wrong.

    Parameters
    ----------
    store
        The store, or a folder or file of media, which is extracted into the cache first.
    other
        A second one: its images are compared with those of the first.
    view
        View of the store.
    other_view
        View of the second store.
    column
        Column of the layer. It may be left out if the view has one layer.
    where
        An SQL filter over the columns, e.g. "label = 'cat'".
    anyway
        Compare stores of different recipes.
    threshold
        Least cosine similarity of a pair (default: found on the store).
    sample
        Images that edited copies are made of to find the threshold. With 0 unrelated images alone set it.
    false_alarms
        Segments of videos that are no copies, allowed in the whole answer on average.
    shortest
        Seconds of the shortest segment.
    marks
        A file of marks that the page saved. The store keeps them: pairs marked as wrong are left out from
        then on, and confirmed ones stay.
    count
        Groups, and segments, to print. --json and --html have all.
    html
        Write a page with the images of each group to this file. It must not be inside a store.
    overwrite
        Replace the page if it exists.
    model
        The model that made the view, if it is a file or code; for media the model that they are extracted
        with.
    """
    keep_pandas_out()
    import vifex
    from vifex.search.files import check_target

    if html is not None:
        check_target(html, overwrite=overwrite)
    problems = Problems(quiet=quiet)
    with _progress(quiet=quiet) as on_progress:
        found = vifex.copies(
            store,
            other,
            view=view,
            other_view=other_view,
            column=column,
            where=where,
            threshold=threshold,
            sample=sample,
            false_alarms=false_alarms,
            shortest=shortest,
            marks=marks,
            anyway=anyway,
            on=on,
            model=model,
            on_outcome=problems.print,
            on_notice=print_notice,
            on_progress=on_progress,
        )
    if html is not None:
        found.write_html(html, overwrite=overwrite)
    if json:
        print_json(found.to_dict())
        return 0
    _print_groups(found, count)
    _print_segments(found, count)
    for sentence in found.facts():
        print_line(sentence)
    cut = max(len(found.groups), len(found.segments), len(found.images_in_videos)) > count
    if cut:
        print_line(f"At most {count} of each are printed; --count prints more, --html and --json have all.")
    if html is not None:
        print_line(f"page: {clean(html)}")
    return 0


@contextlib.contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[float], None] | None]:
    """Show on a terminal how much was compared, and nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("reading rows and setting the threshold") as status:
        yield lambda share: status.update(f"comparing: {share:.0%}")


def _print_groups(found: Copies, count: int) -> None:
    shown = found.groups[:count]
    if shown:
        rows = [
            [
                number if first else "",
                "" if first else f"{image.similarity:.4f}",
                image.name,
                image.mark or "",
            ]
            for number, group in enumerate(shown, start=1)
            for first, image in [(True, group.representative), *((False, c) for c in group.copies)]
        ]
        print_table(["group", "similarity", "name", "mark"], rows, right=["group", "similarity"])


def _print_segments(found: Copies, count: int) -> None:
    if found.segments:
        rows = [
            [f"{one.score:.1f}", str(one.a), str(one.b), f"{one.speed:.2f}", one.mark or ""]
            for one in found.segments[:count]
        ]
        print_table(["score", "segment", "same as", "speed", "mark"], rows, right=["score", "speed"])
    if found.images_in_videos:
        shown = [[f"{one.score:.3f}", one.name, str(one.video)] for one in found.images_in_videos[:count]]
        print_table(["score", "image", "shown by"], shown, right=["score"])
