"""`vifex fuse` and `vifex tree`: views made from views of the same store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import OUTPUT, SOURCE, Flag, Json, Quiet, helped
from vifex.cli.output import clean, print_json, print_line
from vifex.cli.reporting import Problems, counts, print_notice
from vifex.cli.targets import StorePath

if TYPE_CHECKING:
    from vifex import Report

__all__ = ["fuse", "tree"]

_METHOD = Group.create_ordered("Method")
_CUTS = Group.create_ordered("Shots and scenes")


@helped
def fuse(
    store: StorePath,
    /,
    *,
    view: Annotated[list[str] | None, Parameter(name=["--view", "-v"], negative=(), group=SOURCE)] = None,
    mean: Annotated[list[str] | None, Parameter(negative=(), group=SOURCE)] = None,
    within: Annotated[float, Parameter(group=SOURCE)] = 0.5,
    output: Annotated[str, Parameter(name=["--output", "-o"], group=OUTPUT)] = "fused",
    json: Json = False,
    quiet: Quiet = False,
    method: Annotated[str, Parameter(group=_METHOD)] = "concat",
    weights: Annotated[str | None, Parameter(group=_METHOD)] = None,
    raw: Annotated[Flag, Parameter(group=_METHOD)] = False,
    dims: Annotated[int | None, Parameter(group=_METHOD)] = None,
    train_on: Annotated[Literal["label"] | None, Parameter(group=_METHOD)] = None,
    seed: Annotated[int, Parameter(group=_METHOD)] = 0,
) -> int:
    """Make a view of rows fused from other views; the same command again updates it.

    For example:
        vifex fuse lib.vifex -v main -v sound
        vifex fuse lib.vifex -v main:layer3 -v main:layer4 --method pca --dims 256
        vifex fuse lib.vifex -v a -v b --method weighted --weights 0.7,0.3 -o both

    The rows of the first view are the base. From each other view a base row takes the row of the same
    medium, the same box (or the whole image) and the same time: the row that overlaps it most, else the
    nearest one within --within. A row without a partner is left out, and the ledger records it.

    Parameters
    ----------
    store
        The store.
    view
        A view, or VIEW:COLUMN. Give it twice or more, the base first.
    mean
        A view of which the mean over the whole medium is taken, instead of the partner of each row.
    within
        Seconds between partners that do not overlap in time, at most.
    output
        Name of the new view.
    method
        concat, weighted (cosines become the weighted mean of the parts' cosines), sum, pca (needs --dims), or
        gated and attention (learned: they need --train-on or --weights).
    weights
        For weighted and sum, a number for each view, e.g. 0.7,0.3. For learned methods, a file: the
        fusion.npz of another view, or a .safetensors or .pt file.
    raw
        Keep the lengths of the inputs (default: each input is scaled to length 1).
    dims
        Numbers in a row, for pca and for learned methods (default: 256 for learned methods).
    train_on
        Learn the fusion from the labels of the rows when the view is made.
    seed
        Seed of the learning.
    """
    keep_pandas_out()
    import vifex

    problems = Problems(quiet=quiet)
    report = vifex.fuse(
        store,
        view or [],
        method=method,
        name=output,
        weights=_weights(weights),
        mean=mean or [],
        within_s=within,
        unit=not raw,
        dims=dims,
        train_on=train_on,
        seed=seed,
        on_outcome=problems.print,
        on_notice=print_notice,
    )
    return _print(report, problems, json=json)


@helped
def tree(
    store: StorePath,
    /,
    *,
    view: Annotated[str, Parameter(name=["--view", "-v"], group=SOURCE)] = "main",
    column: Annotated[str | None, Parameter(group=SOURCE)] = None,
    output: Annotated[str, Parameter(name=["--output", "-o"], group=OUTPUT)] = "tree",
    pooling: Annotated[str, Parameter(group=OUTPUT)] = "mean",
    json: Json = False,
    quiet: Quiet = False,
    radius: Annotated[int, Parameter(group=_CUTS)] = 5,
    factor: Annotated[float, Parameter(group=_CUTS)] = 3.0,
    least: Annotated[float, Parameter(group=_CUTS)] = 0.05,
    shortest: Annotated[int, Parameter(group=_CUTS)] = 1,
    similar: Annotated[float, Parameter(group=_CUTS)] = 0.8,
) -> int:
    """Make views of shots, scenes and whole videos from a view of frames.

    For example:
        vifex tree lib.vifex
        vifex tree lib.vifex --view dense --output cuts --similar 0.85
        vifex search lib.vifex query.jpg --view tree.scene

    A new shot begins where the cosine distance between two rows is larger than the distances around it.
    Neighbouring shots that are similar form a scene. Each shot, scene and video is a row with its times and
    its vector, in the views tree.shot, tree.scene and tree.video. The same command again updates them.

    Parameters
    ----------
    store
        The store.
    view
        The view whose rows are the frames or windows. The denser its rows, the more exact the cuts.
    column
        Column of the layer. It may be left out if the view has one layer.
    output
        Prefix of the names of the new views.
    pooling
        How rows become the vector of a part: mean (weighted by duration), max or gem.
    radius
        Rows on both sides with which a cut is compared.
    factor
        Smallest ratio of a cut's distance to the median distance around it.
    least
        Smallest cosine distance of a cut.
    shortest
        Rows of the shortest shot.
    similar
        Cosine from which neighbouring shots belong to one scene. Above 1, every shot is a scene.
    """
    keep_pandas_out()
    import vifex

    problems = Problems(quiet=quiet)
    report = vifex.tree(
        store,
        view=view,
        column=column,
        name=output,
        pooling=pooling,
        radius=radius,
        factor=factor,
        least=least,
        shortest=shortest,
        similar=similar,
        on_outcome=problems.print,
    )
    return _print(report, problems, json=json)


def _weights(text: str | None) -> list[float] | Path | None:
    """Read numbers for the views, else the name of a file."""
    if text is None:
        return None
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        return Path(text)


def _print(report: Report, problems: Problems, *, json: bool) -> int:
    problems.close(report.store, report.views[0])
    if json:
        print_json(report.to_dict())
        return report.exit_status
    views = ", ".join(clean(v) for v in report.views)
    print_line(f"{counts(report)} -> {clean(report.store)}, view{'s' * (len(report.views) > 1)} {views}")
    return report.exit_status
