"""`vifex issues`: what a person should look at before training on the media of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
from vifex.cli.options import SOURCE, Flag, Json, Quiet, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import Notices, Problems
from vifex.cli.targets import StorePath

if TYPE_CHECKING:
    from vifex import Issues

__all__ = ["issues"]

_LISTED = 20


@helped
def issues(
    store: StorePath,
    /,
    *,
    labels: Annotated[str, Parameter(group=SOURCE)] = "label",
    view: ViewName = None,
    column: Column = None,
    where: Where = None,
    fps: Fps = None,
    no_pixels: Annotated[Flag, Parameter(group=METHOD)] = False,
    output: Output = None,
    html: Html = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    model: ModelName = None,
) -> int:
    """Find media that a person should look at before training on them.

    For example:
        vifex issues lib.vifex --html issues.html
        vifex issues photos --labels folder -o issues.csv

    Looks for copies across splits or labels, labels that the features contradict, images that are dark,
    bright, blurred or of an odd shape, and videos that stand still.

    Parameters
    ----------
    store
        A store, or media, which are extracted into the cache first.
    labels
        A column of the store, a table with name, label and maybe split (.csv, .tsv, .jsonl or .parquet), or
        folder for the first folder of each name.
    no_pixels
        Decode no image: look at copies and labels alone.
    output
        Write all issues to this .csv or .parquet file.
    html
        Write a page with the images to this file. It must not be inside a store.
    """
    keep_pandas_out()
    import vifex

    notices = Notices()
    found = vifex.issues(
        store,
        labels=labels,
        view=view,
        column=column,
        where=where,
        pixels=not no_pixels,
        output=output,
        html=html,
        overwrite=overwrite,
        model=model,
        on_outcome=Problems(quiet=quiet).print,
        on_notice=notices.print,
        **chosen(fps),
    )
    if json:
        print_json(found.to_dict())
        return 0
    _print(found)
    for note in found.notes:
        notices.print(note)
    for what, file in (("table", output), ("page", html)):
        if file is not None:
            print_line(f"{what}: {clean(file)}")
    return 0


def _print(found: Issues) -> None:
    counts = [(kind, count) for kind, count in found.counts().items() if count]
    if not counts:
        print_line(f"No issue in {found.media} media.")
        return
    print_table(["kind", "media"], counts, right=["media"])
    shown = found.issues[:_LISTED]
    print_table(
        ["kind", "name", "label", "what"], [[i.kind, i.row.name, i.row.label or "", i.note] for i in shown]
    )
    if len(found.issues) > _LISTED:
        print_line(f"... and {len(found.issues) - _LISTED} more; -o FILE.csv and --html FILE have them.")
