"""`vifex.bridge`: a map by which a new model's queries search an old model's rows."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from vifex.analysis.bridging.bridge import Bridge, BridgeSide, PairedVectors, fit_bridge, save_bridge
from vifex.analysis.bridging.fitting import Method
from vifex.analysis.pairs import pair_media, pair_rows, read_media
from vifex.analysis.rows import FeatureRows, read_rows, unit_vectors
from vifex.analysis.vectors import vectors_at
from vifex.api.answers.given import Given, opened
from vifex.api.arguments import checked
from vifex.api.models.loaded import LoadedModel
from vifex.api.stores.naming import last_ref
from vifex.search.files import check_target
from vifex.values import InputError

__all__ = ["bridge"]

Ints = npt.NDArray[np.int64]

_METHODS: Final = ("auto", "ridge", "procrustes")
_MOST_PAIRS: Final = 50_000
_MOST_ROWS: Final = 100_000


@checked("old", "new", "method", "model")
def bridge(
    old: Given,
    new: Given,
    path: str | os.PathLike[str] | None = None,
    *,
    view: str | None = None,
    column: str | None = None,
    new_view: str | None = None,
    new_column: str | None = None,
    method: Literal["auto"] | Method = "auto",
    resamples: int = 1000,
    seed: int = 0,
    overwrite: bool = False,
    model: str | os.PathLike[str] | LoadedModel | None = None,
) -> Bridge:
    """Fit a linear map from a new model's vectors to an old model's, on rows that both have.

    Rows are paired by medium (its address, else its name and content) and time. The map is fitted on four
    fifths of the media, and its recall is measured on the others: how often a mapped query finds its own row
    among the old rows. Then it is fitted on all. Without a map, the identity or a random projection, the same
    queries give the baseline.

    Args:
        old: A store, an open store or view, or media: what is to be searched.
        new: What the new model made of some of the same media; may be the same store.
        path: A file for the bridge; `search(..., bridge=path)` takes it.
        view: The view of the old store.
        column: Its column, if it has several.
        new_view: The view of the new store.
        new_column: Its column, if it has several.
        method: `ridge` regression, a `procrustes` rotation for vectors of one size, or `auto`: the better
            one on a part of the training media.
        resamples: Of the intervals.
        seed: Of the division of the media and the resamples.
        overwrite: Whether the file may be replaced.
        model: Where `new` is media: the model that they are extracted with.

    Returns:
        The map with its recall, that of the baseline, and their intervals of 95 % over resampled media.

    Raises:
        InputError: If both sides share fewer than 10 media, or a choice does not fit.
        VifexError: If a store cannot be read.
    """
    if method not in _METHODS:
        raise InputError(f"takes {', '.join(_METHODS)}, got {method!r}.", option="method")
    if path is not None:
        check_target(path, overwrite=overwrite)
    with ExitStack() as stack:
        olds = stack.enter_context(opened(old, view=view))
        news = stack.enter_context(opened(new, view=new_view, model=model))
        old_rows, new_rows = read_rows(olds._stored, column), read_rows(news._stored, new_column)
        sides = _side(old_rows), _side(new_rows)
        _check(*sides)
        made = fit_bridge(
            *sides, _paired(old_rows, new_rows, seed), method=method, resamples=resamples, seed=seed
        )
    if path is not None:
        save_bridge(made, path, overwrite=overwrite)
    return made


def _side(rows: FeatureRows) -> BridgeSide:
    ref = last_ref(rows.view)
    words = (None, None, None) if ref is None else (ref.name, ref.weights, ref.card)
    return BridgeSide(rows.view.name, rows.column, rows.view.recipe, *words)


def _check(old: BridgeSide, new: BridgeSide) -> None:
    if old.recipe.hash == new.recipe.hash and old.column == new.column:
        raise InputError(
            "both sides hold the same column by the same recipe, so no map is needed.",
            of=new.view,
            todo="Name another view or column as `new_view=` or `new_column=`.",
        )
    if new.recipe.is_derived or new.recipe.graph_sha256 is not None:
        what = "was made of other views" if new.recipe.is_derived else "is int8"
        raise InputError(
            f"the new view {what}: a query cannot be computed for it without its store.",
            of=new.view,
            todo="Extract the media with the new model in fp32 or bf16.",
        )


def _paired(old: FeatureRows, new: FeatureRows, seed: int) -> PairedVectors:
    """Read the vectors of rows that both have, and of further old rows."""
    entries_old, entries_new = read_media(old.view), read_media(new.view)
    media = [
        (entries_old[i].medium_id, entries_new[j].medium_id) for i, j in pair_media(entries_old, entries_new)
    ]
    in_old, in_new = pair_rows(old, new, media)
    rng = np.random.default_rng(seed)
    if len(in_old) > _MOST_PAIRS:
        kept = np.sort(rng.permutation(len(in_old))[:_MOST_PAIRS])
        in_old, in_new = in_old[kept], in_new[kept]
    others = np.setdiff1d(np.arange(len(old)), in_old)
    others = np.sort(rng.permutation(others)[: max(0, _MOST_ROWS - len(in_old))])
    sides = _unit(old, in_old), _unit(new, in_new)
    # A row of zeros, or with NaN, has no direction.
    usable = sides[0].any(axis=1) & sides[1].any(axis=1)
    return PairedVectors(
        new=sides[1][usable],
        old=sides[0][usable],
        media=old.medium[in_old][usable].astype(np.int64),
        more=_unit(old, others),
    )


def _unit(rows: FeatureRows, which: Ints) -> npt.NDArray[np.float32]:
    return unit_vectors(vectors_at(rows.view, rows.column, rows.places[which]))
