"""`vifex classify`: the classes of media, by a saved classifier or by words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import MODEL, OUTPUT, SAMPLING, SOURCE, Flag, Json, Quiet, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import Notices, Problems
from vifex.cli.targets import as_typed, named_file

if TYPE_CHECKING:
    from vifex import Classified

__all__ = ["classify"]

_CLASSES = Group.create_ordered("Classes")
_SHOWN = 50
"""Lines of the table on the screen."""


@helped
def classify(
    store: Annotated[Path, Parameter(converter=as_typed)],
    /,
    *,
    with_: Annotated[Path | None, Parameter(name="--with", group=_CLASSES)] = None,
    words: Annotated[str | None, Parameter(group=_CLASSES)] = None,
    top_k: Annotated[int, Parameter(group=_CLASSES)] = 1,
    anyway: Annotated[Flag, Parameter(group=_CLASSES)] = False,
    view: Annotated[str | None, Parameter(group=SOURCE)] = None,
    column: Annotated[str | None, Parameter(group=SOURCE)] = None,
    where: Annotated[str | None, Parameter(group=SOURCE)] = None,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], converter=named_file, group=OUTPUT)
    ] = None,
    overwrite: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    each_row: Annotated[Flag, Parameter(name=["--each-row", "--rows"], group=OUTPUT)] = False,
    relabel: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    min_probability: Annotated[float, Parameter(group=OUTPUT)] = 0.0,
    json: Json = False,
    quiet: Quiet = False,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], group=MODEL)] = None,
    fps: Annotated[float | None, Parameter(group=SAMPLING)] = None,
) -> int:
    """Print the class of each medium of a store or a folder.

    For example:
        vifex classify lib.vifex --with sorted
        vifex classify holiday --with sorted -o classes.csv
        vifex classify lib.vifex --words "a cat,a dog" --top-k 2

    Parameters
    ----------
    store
        A store, or media that are extracted into the cache first.
    with_
        A folder with a classifier, as vifex probe -o writes it.
    words
        In place of a classifier, a name or a description of each class, between commas. The model needs a
        text tower.
    top_k
        Number of classes of each medium, the most probable first.
    anyway
        Classify features of another recipe than those that the classifier learned from.
    view
        The view (default: the only one, or main).
    column
        Column of the layer (default: the one that the classifier learned from).
    where
        An SQL filter over the columns, e.g. "t_s >= 10".
    output
        A table to write, .csv or .parquet.
    overwrite
        Replace the table if it exists.
    each_row
        Classify rows, such as the frames of a video, not media.
    relabel
        Make the most probable class the label of each medium in the store.
    min_probability
        Probability from which on a medium gets its label.
    model
        The model that media are extracted with, or that reads words.
    fps
        Frames per second that are extracted of videos.
    """
    keep_pandas_out()
    import vifex

    chosen: dict[str, Any] = {} if fps is None else {"fps": fps}
    found = vifex.classify(
        str(store),
        with_,
        words=words,
        view=view,
        column=column,
        where=where,
        model=model,
        each_row=each_row,
        top_k=top_k,
        output=output,
        overwrite=overwrite,
        relabel=relabel,
        min_probability=min_probability,
        anyway=anyway,
        on_outcome=Problems(quiet=quiet).print,
        on_notice=Notices().print,
        **chosen,
    )
    if json:
        print_json(found.to_dict(top_k))
    else:
        _print(found, top_k, relabelled=relabel)
    return 0


def _print(found: Classified, top_k: int, *, relabelled: bool) -> None:
    from vifex.search.times import format_time

    table = found.to_arrow(top_k).slice(0, _SHOWN).to_pylist()
    times = any(row["t_s"] is not None for row in table)
    after = ["", *(f"_{place}" for place in range(2, min(top_k, len(found.classes)) + 1))]
    columns = [*(["time"] if times else []), "name"]
    for end in after:
        columns += [f"label{end}", f"probability{end}"]
    lines = []
    for row in table:
        line = [format_time(row["t_s"])] if times else []
        line.append(row["name"])
        for end in after:
            line += [row[f"label{end}"], f"{row[f'probability{end}']:.4f}"]
        lines.append(line)
    print_table(columns, lines, right=[name for name in columns if name.startswith(("probability", "time"))])
    if len(found) > _SHOWN:
        print_line(f"... and {len(found) - _SHOWN} more; -o FILE.csv writes all.")
    for note in found.notes:
        print_line(f"note: {clean(note)}")
    if relabelled:
        print_line(f"{found.relabelled} media have another label now")
    if "table" in found.files:
        print_line(f"table: {clean(found.files['table'])}")
