"""`vifex.fuse` and `vifex.tree`: views made from views of the same store."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from vifex.api.arguments import checked
from vifex.derived.fuse import fuse_vectors, fuse_views
from vifex.derived.plan import Learn, learned_of
from vifex.derived.tree import grow_trees
from vifex.pool import l2_normalize
from vifex.pool.fusion import load_fusion
from vifex.values import InputError, Outcome, Recipe
from vifex.values.reports import Report

__all__ = ["derived_vector", "fuse", "tree"]

_HIDDEN: Final = 256

Vector = npt.NDArray[np.floating[Any]]


@checked()
def fuse(
    store: str | os.PathLike[str],
    views: Sequence[str],
    *,
    method: str = "concat",
    name: str = "fused",
    weights: Sequence[float] | str | os.PathLike[str] | None = None,
    mean: Sequence[str] = (),
    within_s: float = 0.5,
    unit: bool = True,
    dims: int | None = None,
    train_on: Literal["label"] | None = None,
    seed: int = 0,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Report:
    """Make a view whose rows are fused from rows of other views. The same call again brings it up to date.

    The rows of the first view are the base. A row of another view is its partner if it is of the same
    medium and the same box (or of the whole image), and at the same time: the one that overlaps most,
    else the nearest within `within_s`. A base row without a partner is left out and told in the ledger.

    Args:
        store: The store's folder.
        views: `VIEW` or `VIEW:COLUMN`, at least two.
        method: `concat`; `weighted`: cosines become the weighted mean of the parts'; `sum`; `pca`; or
            `gated` and `attention`, which are learned from labels.
        name: Of the new view.
        weights: One number for each view, for `weighted` and `sum`, equal by default; or a file of what was
            learned: the `fusion.npz` of another view, or the head's state (.safetensors, .pt).
        mean: Views of which the mean over the whole medium is taken, not the partner of each row.
        within_s: How far apart in time partners may be that do not overlap, in seconds.
        unit: Scale each input to length 1 first.
        dims: How many numbers a row has, for `pca` and what is trained (256 by default).
        train_on: `label`: learn the fusion from the rows' labels, when the view is made.
        seed: Of that.
        on_outcome: Called for each medium that did not end `ok`.
        on_notice: Called with what learning came to.

    Returns:
        Counts and problems. A medium that one of the views lacks is an outcome, never an exception.

    Raises:
        VifexError: If views, columns or options do not fit each other, or the store cannot be written.
    """
    file = Path(weights) if isinstance(weights, str | os.PathLike) else None
    if file is not None and train_on is not None:
        raise InputError(
            "weights were given and are to be learned as well.", todo="Give either `weights=` or `train_on=`."
        )
    return fuse_views(
        store,
        views,
        method=method,
        name=name,
        weights=None if isinstance(weights, str | os.PathLike) else weights,
        mean=mean,
        within_s=within_s,
        unit=unit,
        dims=dims,
        learned=None if file is None else _read_learned(file),
        learn=None if train_on is None else _learner(method, dims, seed, on_notice),
        on_outcome=on_outcome,
    )


@checked()
def tree(
    store: str | os.PathLike[str],
    *,
    view: str = "main",
    column: str | None = None,
    name: str = "tree",
    pooling: str = "mean",
    radius: int = 5,
    factor: float = 3.0,
    least: float = 0.05,
    shortest: int = 1,
    similar: float = 0.8,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Report:
    """Make views of shots, scenes and whole videos from a view of their frames: `NAME.shot` and so on.

    The same call again brings them up to date. `vifex.pool.tree` says how shots and scenes are found.

    Args:
        store: The store's folder.
        view: Whose rows are the frames, or windows.
        column: Feature column of it; may be left out where there is one.
        name: What the names of the three views begin with.
        pooling: How parts become a whole: `mean` by duration, `max` or `gem`.
        radius: Gaps on both sides that a cut is compared with.
        factor: How many times their median the cosine distance at a cut must be.
        least: Cosine distance that a cut must have in any case.
        shortest: Frames of the shortest shot that is kept apart.
        similar: Cosine from which neighbouring shots are of one scene; above 1 every shot is one.
        on_outcome: Called for each medium that did not end `ok`.

    Raises:
        VifexError: If the view or a choice cannot be used, or the store cannot be written.
    """
    return grow_trees(
        store,
        view=view,
        column=column,
        name=name,
        on_outcome=on_outcome,
        pooling=pooling,
        radius=radius,
        factor=factor,
        least=least,
        shortest=shortest,
        similar=similar,
    )


def derived_vector(recipe: Recipe, folder: Path, ask: Callable[[str, str, str], Vector]) -> Vector:
    """Make a query's vector for a view that was made from others.

    Args:
        recipe: Of the view.
        folder: Of the view.
        ask: Gives the query's vector for a view, the hash of its recipe, and a column.

    Returns:
        `[D]`.
    """
    if recipe.tree is not None:  # what a part of a video is pooled from stands for the part
        return ask(recipe.tree.view, recipe.tree.recipe_hash, recipe.tree.column)
    fusion = recipe.fusion
    if fusion is None:
        raise ValueError(f"{recipe.model} was made from media")
    inputs = [
        np.asarray(ask(i.view, i.recipe_hash, i.column), np.float32).reshape(1, -1) for i in fusion.inputs
    ]
    if fusion.unit:
        inputs = [l2_normalize(x) for x in inputs]
    learned = learned_of(folder, fusion)
    vector: Vector = fuse_vectors(inputs, fusion, load_fusion(fusion.method), learned)[0]
    return vector


def _read_learned(file: Path) -> dict[str, npt.NDArray[Any]]:
    """Read what a fusion learned, from a view's own file or a checkpoint."""
    if not file.is_file():
        raise InputError(
            f"{os.fspath(file)!r} is neither numbers nor a file.",
            todo="Write for example `weights=[0.7, 0.3]`.",
        )
    if file.suffix.lower() != ".npz":
        from vifex.models.families.shared.weights import load_state

        state = load_state(file)
        return {k.removeprefix("head."): v.float().numpy() for k, v in state.items()}
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, BadZipFile) as exc:
        raise InputError(
            "this is no readable file of what a fusion learned.", of=str(file), todo="Give another file."
        ) from exc


def _learner(method: str, dims: int | None, seed: int, on_notice: Callable[[str], None] | None) -> Learn:
    def learn(
        inputs: list[npt.NDArray[np.float32]], labels: Sequence[str | None]
    ) -> dict[str, npt.NDArray[np.float32]]:
        from vifex.models.heads.fitting import fit_fusion

        fitted = fit_fusion(method, inputs, labels, hidden=dims or _HIDDEN, seed=seed)
        told = f"learned from {fitted.rows} rows with {fitted.labels} labels"
        if fitted.accuracy is not None:
            told += f"; of {fitted.held_out} others {fitted.accuracy:.1%} were told rightly"
        if on_notice is not None:
            on_notice(f"{told}.")
        return fitted.arrays

    return learn
