"""`vifex layers compare`: the layers of a store, ranked by what they say of labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from cyclopts import Group, Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import MODEL, OUTPUT, SOURCE, Flag, Json, Quiet, helped, split_names
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import Notices, Problems, size
from vifex.cli.targets import as_typed, named_file

if TYPE_CHECKING:
    from vifex import LayerComparison
    from vifex.evaluation import Interval

__all__ = ["compare", "print_layers"]

_FIGURES = Group.create_ordered("Figures")
_SHOWN_ALIKE = 0.98
_PAIRS = 10


@helped
def compare(
    store: Annotated[Path, Parameter(converter=as_typed)],
    /,
    *,
    labels: Annotated[str | None, Parameter(group=SOURCE)] = None,
    group: Annotated[str | None, Parameter(name=["--group", "-g"], group=SOURCE)] = None,
    view: Annotated[list[str] | None, Parameter(name=["--view", "-v"], negative=(), group=SOURCE)] = None,
    layers: Annotated[str | None, Parameter(name=["--layers", "-l"], group=SOURCE)] = None,
    where: Annotated[str | None, Parameter(group=SOURCE)] = None,
    by: Annotated[Literal["mean", "knn", "linear"], Parameter(group=_FIGURES)] = "mean",
    examples: Annotated[int, Parameter(group=_FIGURES)] = 5000,
    resamples: Annotated[int, Parameter(group=_FIGURES)] = 1000,
    seed: Annotated[int, Parameter(group=_FIGURES)] = 0,
    html: Annotated[Path | None, Parameter(converter=named_file, group=OUTPUT)] = None,
    overwrite: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    json: Json = False,
    quiet: Quiet = False,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], group=MODEL)] = None,
) -> int:
    """Rank the layers of a store by how well they tell labelled media apart.

    For example:
        vifex layers compare lib.vifex --labels label
        vifex layers compare lib.vifex --labels labels.csv --html layers.html
        vifex layers compare photos --labels folder --layers stages.1,stages.2,embedding

    Each layer is judged on held-out media by 20 weighted nearest neighbours and by a linear classifier, both
    as balanced accuracy. A medium is held out with all its rows. Intervals are of 95 % over resampled media.

    Parameters
    ----------
    store
        A store, or a folder of media, which is extracted into the cache first.
    labels
        A column of the rows, folder (the first folder of each name), or a CSV, TSV, JSONL or Parquet file
        with the columns name and label (default: the label column, or the folders if no medium has a label).
    group
        A column of the file of labels: media of one group are held out together (default: those of one file).
    view
        Only this view. It may be given several times (default: all).
    layers
        Only these layers or columns, separated by commas (default: all). For media, the layers that are
        extracted.
    where
        An SQL filter over the columns, e.g. "split = 'train'".
    by
        What ranks the layers: knn, linear, or the mean of both.

    Examples:
        Number of examples at most. They are taken of each class alike.
    resamples
        Number of bootstrap resamples.
    seed
        Seed of the choice of examples, the folds and the resamples.
    html
        Write the table as a page to this file.
    overwrite
        Replace the page if it exists.
    model
        For media, the model that they are extracted with (default: the embedded one).
    """
    keep_pandas_out()
    import vifex
    from vifex.api.answers.given import is_media

    names = split_names(layers) or None
    media = is_media(store)
    choices: dict[str, Any] = {"layers": names} if media and names else {}
    problems = Problems(quiet=quiet)
    found = vifex.compare_layers(
        store,
        labels=labels,
        group=group,
        views=view or None,
        layers=None if media else names,
        where=where,
        by=by,
        examples=examples,
        resamples=resamples,
        seed=seed,
        html=html,
        overwrite=overwrite,
        model=model,
        choices=choices,
        on_outcome=problems.print,
        on_notice=Notices().print,
    )
    if json:
        print_json(found.to_dict())
        return 0
    print_layers(found)
    if html is not None:
        print_line(f"page: {clean(html)}")
    return 0


def print_layers(found: LayerComparison, *, limit: int | None = None) -> None:
    """Print the table of layers, or its first `limit` lines, and which of them are nearly the same."""
    several = len({(layer.model, layer.view) for layer in found.layers}) > 1
    print_line(
        f"{found.examples} examples of {found.media} media in {len(found.classes)} classes, {found.folds} "
        f"folds, ranked by {'the mean of k-NN and linear' if found.ranked_by == 'mean' else found.ranked_by}"
    )
    print_table(
        [
            *("rank", "95 %", "layer"),
            *(("view", "model") if several else ()),
            *("score", "k-NN", "linear", "numbers", "eff. rank", "stored", "s/row"),
        ],
        [
            [
                f"{layer.rank.value:.0f}",
                _ranks(layer.rank),
                layer.layer,
                *((layer.view, layer.model) if several else ()),
                f"{layer.score.value:.3f} ± {(layer.score.high - layer.score.low) / 2:.3f}",
                f"{layer.knn.value:.3f}",
                f"{layer.linear.value:.3f}",
                layer.size,
                f"{layer.effective_rank:.1f}",
                f"{layer.row_bytes} B/row" if layer.total_bytes is None else size(layer.total_bytes),
                "" if layer.seconds_per_row is None else f"{layer.seconds_per_row:.4f}",
            ]
            for layer in found.layers[:limit]
        ],
        right=["rank", "95 %", "score", "k-NN", "linear", "numbers", "eff. rank", "stored", "s/row"],
    )
    if limit is not None and len(found.layers) > limit:
        print_line(f"... and {len(found.layers) - limit} more: --all lists all")
    _print_alike(found, limit)


def _ranks(rank: Interval) -> str:
    low, high = round(rank.low), round(rank.high)
    return f"{low}" if low == high else f"{low}-{high}"


def _print_alike(found: LayerComparison, limit: int | None) -> None:
    """Name pairs among the first layers that say nearly the same."""
    cka = np.nan_to_num(found.cka[:limit, :limit])
    for i, j in np.argwhere(np.triu(cka, 1) >= _SHOWN_ALIKE).tolist()[:_PAIRS]:
        names = [clean(found.layers[place].layer) for place in (i, j)]
        print_line(f"nearly the same (CKA {found.cka[i, j]:.3f}): {', '.join(names)}")
