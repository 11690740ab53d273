"""The plan of a fused view: its inputs, and the arrays that are learned from them or given."""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import compress
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.derived.align import align, inputs_of
from vifex.derived.derive import derived_recipe
from vifex.derived.sources import ROWS_AT_ONCE, MadeFrom, SourceView, split_name
from vifex.pool.fusion import FusionRule, fit_pca, load_fusion
from vifex.store import Store, stored_view
from vifex.store.reading.columns import one_column
from vifex.values import Fusion, FusionInput, InputError, Recipe, StoreError
from vifex.values.spread import evenly

__all__ = ["PARAMETERS", "FusionPlan", "Learn", "learned_of", "open_inputs", "plan_fusion"]

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

PARAMETERS: Final = "fusion.npz"
"""Name of the file of learned arrays in a view's folder."""
_LEARN_ROWS: Final = 20_000
"""Largest number of rows to learn from, spread evenly."""

Learn = Callable[[list[npt.NDArray[np.float32]], Sequence[str | None]], Arrays]
"""Learns arrays from inputs, float32 `[N, D_i]` each, and the rows' labels."""


@dataclass(frozen=True, slots=True)
class FusionPlan:
    """Everything that a run needs to fill a fused view."""

    name: str
    fusion: Fusion
    rule: FusionRule
    sources: tuple[SourceView, ...]
    learned: Arrays
    file: bytes | None
    """The learned arrays as the view stores them."""

    @property
    def recipe(self) -> Recipe:
        """How each number of the view is made."""
        inputs = self.fusion.inputs
        size = self.rule.size([i.size for i in inputs], self.learned)
        said = " + ".join(f"{i.view}:{i.column}" for i in inputs)
        return derived_recipe(
            f"fuse/{self.fusion.method}({said})",
            self.fusion.method,
            size,
            self.fusion.parameters_sha256 or "",
            fusion=self.fusion,
        )


def open_inputs(
    store: Store,
    views: Sequence[str],
    name: str,
    method: str,
    mean: Sequence[str],
    within_s: float,
    unit: bool,
    weights: Sequence[float] | None,
) -> tuple[Fusion, tuple[SourceView, ...]]:
    """Open the columns that are fused; the arguments are those of `fuse_views`.

    Raises:
        InputError: If views, columns or weights do not fit each other.
    """
    known = store.views()
    wanted = [split_name(text, known) for text in views]
    for other in mean:
        if other not in [view for view, _ in wanted[1:]]:
            raise InputError(
                f"{other!r} cannot be averaged: it is not one of the other views of this fusion."
            )
    if name in [view for view, _ in wanted]:
        raise InputError(f"the view {name!r} cannot be made of itself.", todo="Name another: -o NAME.")
    sources: list[SourceView] = []
    by_name: dict[str, SourceView] = {}
    for view, column in wanted:
        if view not in by_name:
            opened = store.view(view)
            by_name[view] = SourceView(opened, one_column(opened, column))
        source = by_name[view]
        sources.append(source.beside(one_column(source.view, column)))
    inputs = tuple(
        FusionInput(
            s.name, s.view.recipe.hash, s.column, s.spec.size, "mean" if i and s.name in mean else "row"
        )
        for i, s in enumerate(sources)
    )
    if len({(i.view, i.column) for i in inputs}) < len(inputs):
        raise InputError("one column is given twice.", todo="Name each column once.")
    shares = _checked_weights(weights, method, len(inputs))
    try:
        return Fusion(method, inputs, unit=unit, within_s=within_s, weights=shares), tuple(sources)
    except ValueError as exc:
        raise InputError(f"the fusion is not possible: {exc}.", todo="Give at least two views.") from exc


def plan_fusion(
    store: Path,
    name: str,
    fusion: Fusion,
    sources: tuple[SourceView, ...],
    learned: Arrays | None,
    learn: Learn | None,
    dims: int | None,
) -> FusionPlan:
    """Resolve the learned arrays: those given, those that the view already has, or those learned from rows.

    Args:
        store: The store's folder.
        name: Of the new view.
        fusion: What is known of it before anything is learned.
        sources: One for each input.
        learned: Arrays that were learned elsewhere.
        learn: Instead, learns them from rows.
        dims: For `pca`, how many numbers a row keeps; else the number that was given with `learn`.

    Raises:
        InputError: If nothing says what is to be learned, or what was learned does not fit.
        StoreError: If the view has learned another size.
    """
    rule = load_fusion(fusion.method)
    wanted = rule.learns(len(sources))
    if learn is not None and (not wanted or rule.name == "pca"):
        raise InputError(
            f"the method {rule.name!r} learns nothing from labels.",
            todo='Use `method="gated"` or `method="attention"`.',
        )
    if not wanted and (learned is not None or dims is not None):
        raise InputError(
            f"the method {rule.name!r} takes no file of weights and no dimensions.",
            todo='Leave them out, or use `method="pca"`, `"gated"` or `"attention"`.',
        )
    if not wanted:
        return FusionPlan(name, fusion, rule, sources, {}, None)
    if rule.name == "pca" and dims is not None:
        learn = _by_pca(dims)
    if learned is None:
        kept = stored_view(store, name)
        if kept is not None and _same_but_learned(kept[0], fusion):
            assert kept[0].fusion is not None
            arrays = learned_of(kept[1], kept[0].fusion)
            return _with(FusionPlan(name, kept[0].fusion, rule, sources, arrays, None), dims)
        if learn is None:
            todo = "Give `dims=N`." if rule.name == "pca" else "Give `weights=FILE` or `train_on=label`."
            raise InputError(f"the method {rule.name!r} has nothing to go by.", todo=todo)
        learned = _learned(learn, fusion, sources)
    if sorted(learned) != sorted(wanted):
        raise InputError(
            f"the weights are not those of {rule.name!r} for {len(sources)} views "
            f"(they hold {', '.join(sorted(learned)[:4])}).",
            todo=f"It learns {', '.join(wanted)}.",
        )
    data = _packed(learned)
    fusion = replace(fusion, parameters_sha256=sha256(data).hexdigest())
    return FusionPlan(name, fusion, rule, sources, learned, data)


def _with(plan: FusionPlan, dims: int | None) -> FusionPlan:
    """Check that the learned arrays of a view have the requested size."""
    size = plan.recipe.layers[0].size
    if dims is not None and dims != size:
        raise StoreError(
            f"the view {plan.name!r} has {size} dimensions, not {dims}.", todo="Take another view: -o NAME."
        )
    return plan


def _same_but_learned(recipe: Recipe, fusion: Fusion) -> bool:
    return recipe.fusion is not None and replace(recipe.fusion, parameters_sha256=None) == fusion


def learned_of(folder: Path, fusion: Fusion) -> dict[str, Array]:
    """Read the learned arrays of a view; empty if its method learns nothing.

    Args:
        folder: The view's.
        fusion: Of its recipe.

    Raises:
        StoreError: If the file is gone or is not the one that the recipe names.
    """
    if fusion.parameters_sha256 is None:
        return {}
    file = folder / PARAMETERS
    try:
        data = file.read_bytes()
    except OSError:
        data = b""
    if sha256(data).hexdigest() != fusion.parameters_sha256:
        raise StoreError(
            "the file of what the fusion learned is not the one that made the view.",
            of=str(file),
            todo="Restore that file from a copy.",
        )
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return dict(arrays)


def _checked_weights(weights: Sequence[float] | None, method: str, n_inputs: int) -> tuple[float, ...] | None:
    if weights is None:
        return None
    if not load_fusion(method).takes_weights:
        raise InputError(
            f"the method {method!r} takes no weights.", todo='Use `method="weighted"` or `method="sum"`.'
        )
    if len(weights) != n_inputs or not all(np.isfinite(w) and w >= 0 for w in weights) or sum(weights) <= 0:
        raise InputError(
            f"{len(weights)} weights for {n_inputs} inputs."
            if len(weights) != n_inputs
            else "weights count from 0.",
            todo="Give one number of at least 0 for each view, in their order, not all 0.",
        )
    return tuple(float(w) for w in weights)


def _by_pca(dims: int) -> Learn:
    return lambda inputs, labels: fit_pca(np.concatenate(inputs, axis=1), dims)


def _learned(learn: Learn, fusion: Fusion, sources: Sequence[SourceView]) -> Arrays:
    """Learn from an even spread of all rows that have partners.

    The media are passed over twice: first their rows are counted, then those with chosen rows are read.
    """
    counts = array("q", (len(one) for chunk in align(_media(sources[0]), sources, fusion) for one in chunk))
    stops = np.cumsum(counts)
    if not len(stops) or not stops[-1]:
        raise InputError("no row has partners in all views, so nothing can be learned from them.")
    rows = np.array(evenly(range(stops[-1]), _LEARN_ROWS))
    owners = np.searchsorted(stops, rows, "right")
    wanted = np.zeros(len(stops), np.bool_)
    wanted[owners] = True
    media = compress(_media(sources[0]), wanted)
    found = (one for chunk in align(media, sources, fusion) for one in chunk)
    chosen = [
        one.only(rows[owners == n] - (stops[n] - len(one)), fusion)
        for n, one in zip(np.flatnonzero(wanted).tolist(), found, strict=True)
    ]
    inputs = [
        inputs_of(chosen, sources, fusion, start, start + ROWS_AT_ONCE)
        for start in range(0, len(rows), ROWS_AT_ONCE)
    ]
    labels = [label for one in chosen for label in one.facts.column("label").to_pylist()]
    return learn([np.concatenate(column) for column in zip(*inputs, strict=True)], labels)


def _media(source: SourceView) -> Iterator[MadeFrom]:
    for e in source.described():
        yield MadeFrom(e["uri"], e["name"], "unknown", e["size_bytes"], e["mtime_ns"], id=e["medium_id"])


def _packed(learned: Arrays) -> bytes:
    data = io.BytesIO()
    np.savez(data, **{k: np.asarray(v, dtype=np.float32) for k, v in sorted(learned.items())})  # type: ignore[arg-type]
    return data.getvalue()
