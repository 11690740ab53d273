"""`vifex bridge`: a map by which a new model's queries search an old model's rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import MODEL, OUTPUT, SOURCE, Flag, Json, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import print_notice
from vifex.cli.targets import as_typed, named_file

if TYPE_CHECKING:
    from vifex import Bridge
    from vifex.evaluation import Interval

__all__ = ["bridge"]

_FIGURES = Group.create_ordered("Map and figures")


@helped
def bridge(
    old: Annotated[Path, Parameter(converter=as_typed)],
    new: Annotated[Path, Parameter(converter=as_typed)],
    /,
    *,
    view: Annotated[str | None, Parameter(group=SOURCE)] = None,
    column: Annotated[str | None, Parameter(group=SOURCE)] = None,
    new_view: Annotated[str | None, Parameter(group=SOURCE)] = None,
    new_column: Annotated[str | None, Parameter(group=SOURCE)] = None,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], converter=named_file, group=OUTPUT)
    ] = None,
    overwrite: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    json: Json = False,
    method: Annotated[Literal["auto", "ridge", "procrustes"], Parameter(group=_FIGURES)] = "auto",
    resamples: Annotated[int, Parameter(group=_FIGURES)] = 1000,
    seed: Annotated[int, Parameter(group=_FIGURES)] = 0,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], group=MODEL)] = None,
) -> int:
    """Fit a linear map from a new model's vectors to an old model's, so that old rows need not be made anew.

    For example:
        vifex bridge old.vifex new.vifex -o new-to-old.npz
        vifex bridge lib.vifex lib.vifex --view main --new-view clip -o clip-to-main.npz
        vifex search old.vifex photo.jpg --bridge new-to-old.npz

    It is fitted on rows of media that both stores have, of the same time. Its recall is measured on held-out
    media: how often a query finds its own row among the old rows. It is printed beside that without a map.

    Parameters
    ----------
    old
        The store that is to be searched.
    new
        A store of some of the same media, made by the new model. It may be the same store, or media, which
        are extracted into the cache first.
    view
        The view of the old store (default: its only one, or main).
    column
        Its column, if it has several.
    new_view
        The view of the new store (default: its only one, or main).
    new_column
        Its column, if it has several.
    output
        The file for the map (.npz). It must not be inside a store.
    overwrite
        Replace the file if it exists.
    method
        ridge regression, a procrustes rotation for vectors of one size, or auto: the better one on a part of
        the training media.
    resamples
        Number of bootstrap resamples.
    seed
        Seed of the division of the media and of the resamples.
    model
        Where NEW is media, the model that they are extracted with.
    """
    keep_pandas_out()
    import vifex

    found = vifex.bridge(
        old,
        new,
        output,
        view=view,
        column=column,
        new_view=new_view,
        new_column=new_column,
        method=method,
        resamples=resamples,
        seed=seed,
        overwrite=overwrite,
        model=model,
    )
    if json:
        print_json({**found.to_dict(), "file": None if output is None else str(output)})
    else:
        _print(found, output)
    return 0


def _print(found: Bridge, output: Path | None) -> None:
    print_line(
        f"{found.method} map from {clean(found.new.recipe.model)} {clean(found.new.layer)} "
        f"({found.new.size} numbers) to {clean(found.old.recipe.model)} {clean(found.old.layer)} "
        f"({found.old.size}), fitted on {found.pairs} rows of {found.media} media"
    )
    rows = [[f"recall@{k}", _shown(one), _shown(found.baseline.at[k])] for k, one in found.recall.at.items()]
    rows.append(["overlap@10", _shown(found.recall.overlap), _shown(found.baseline.overlap)])
    print_table(["figure", "with the map", f"without ({found.baseline_is})"], rows)
    print_line(
        f"{found.queries} held-out queries among {found.rows} old rows. recall@K: its own row is among the K "
        "nearest. overlap@10: share of the 10 nearest that the old model finds too."
    )
    if not found.is_better:
        print_notice("the map is not clearly better than none: more media that both stores have may help.")
    if output is not None:
        print_line(f"bridge: {clean(output)}")


def _shown(figure: Interval) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
