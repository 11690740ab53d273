"""The table of layers: ranks, figures of two classifiers, size, cost, effective rank and likeness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from vifex.analysis.comparing.judging import Folds, knn_predictions, linear_predictions, make_folds
from vifex.analysis.comparing.ranking import Ranking, rank_layers
from vifex.analysis.comparing.similarity import effective_rank, linear_cka
from vifex.analysis.rows import FloatMatrix, unit_vectors
from vifex.evaluation.statistics.bootstrap import Interval
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.analysis.comparing.examples import ExampleSet
    from vifex.store import View

__all__ = ["ComparedLayer", "LayerComparison", "LayerInput", "judge_layers", "layers_of"]

RankBy = Literal["mean", "knn", "linear"]
_FEW: Final = 1 << 20
"""Numbers of a matrix that one thread is quickest with."""
_PARTS: Final[dict[str, list[int]]] = {"mean": [0, 1], "knn": [0], "linear": [1]}


@dataclass(frozen=True, slots=True)
class LayerInput:
    """A layer before it is judged."""

    view: str
    column: str
    model: str
    layer: str
    size: int
    """Numbers of a vector."""
    row_bytes: int
    total_bytes: int | None
    """Of all rows of the view; `None` without a store."""
    seconds_per_row: float | None
    """Time of a decoder per row of the view, from its ledger; `None` if it is not known."""


@dataclass(frozen=True, slots=True)
class ComparedLayer:
    """One layer of the table. Figures are of held-out examples, intervals of 95 % over resampled media."""

    view: str
    column: str
    model: str
    layer: str
    size: int
    """Numbers of a vector."""
    row_bytes: int
    """Bytes of a vector as it is stored."""
    total_bytes: int | None
    """Bytes of the column; `None` without a store."""
    seconds_per_row: float | None
    """Time of a decoder per row of the view, from its ledger; `None` if it is not known."""
    rank: Interval
    """1 is the best."""
    score: Interval
    """By which layers are ranked: the mean of `knn` and `linear`, or the one of them that was chosen."""
    knn: Interval
    """Balanced accuracy of 20 weighted nearest neighbours."""
    linear: Interval
    """Balanced accuracy of a ridge classifier."""
    effective_rank: float
    """How many directions the vectors use (Roy and Vetterli 2007)."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerComparison:
    """Layers ranked by how well their vectors tell classes apart, the best first."""

    layers: tuple[ComparedLayer, ...]
    cka: npt.NDArray[np.float64]
    """`[L, L]`: linear CKA of each pair of layers, in the order of `layers`; NaN where it is not defined."""
    examples: int
    media: int
    """How many media the examples are of; a medium is held out whole."""
    unit: Literal["row", "medium"]
    """`row` if all views share their rows, else `medium`: the mean vector of each medium."""
    classes: tuple[str, ...]
    folds: int
    ranked_by: RankBy
    notes: tuple[str, ...]
    """What was left out, in sentences."""

    @property
    def best(self) -> ComparedLayer:
        """The layer of rank 1."""
        return self.layers[0]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "layers": [asdict(layer) for layer in self.layers],
            "cka": [[None if np.isnan(v) else float(v) for v in row] for row in self.cka],
            "examples": self.examples,
            "media": self.media,
            "unit": self.unit,
            "classes": list(self.classes),
            "folds": self.folds,
            "ranked_by": self.ranked_by,
            "notes": list(self.notes),
        }


def layers_of(view: View) -> list[LayerInput]:
    """Describe each feature column of a view."""
    rows = view.count_rows()
    seconds = _seconds_per_row(view)
    return [
        LayerInput(
            view=view.name,
            column=spec.column,
            model=view.recipe.model,
            layer=spec.layer.name,
            size=spec.size,
            row_bytes=spec.size * np.dtype(spec.dtype).itemsize,
            total_bytes=rows * spec.size * np.dtype(spec.dtype).itemsize,
            seconds_per_row=seconds,
        )
        for spec in view.recipe.layers
    ]


def judge_layers(
    layers: Sequence[LayerInput],
    vectors: Callable[[int], FloatMatrix],
    examples: ExampleSet,
    *,
    by: RankBy = "mean",
    resamples: int = 1000,
    seed: int = 0,
    tick: Callable[[int], None] | None = None,
) -> LayerComparison:
    """Judge and rank layers on the same held-out examples.

    Args:
        layers: Of what there is to choose from.
        vectors: Reads the vectors of a layer by its place, float32 `[N, D]`.
        examples: N of them.
        by: Which figure ranks them.
        resamples: Of the bootstrap.
        seed: Of folds, batches and resamples.
        tick: Called after each layer, with how many are done.

    Raises:
        InputError: If there are too few examples, or no layer is finite.
    """
    folds = make_folds(examples.labels, examples.groups, seed=seed)
    kept: list[LayerInput] = []
    correct, ranks, notes, read = [], [], list(examples.notes), []
    for place, layer in enumerate(layers):
        values = vectors(place)
        if not np.isfinite(values).all():
            notes.append(f"{layer.view}: {layer.layer} was left out: some numbers are NaN or infinite.")
            continue
        if not np.ptp(values, axis=0).any():
            notes.append(f"{layer.view}: {layer.layer}: all vectors are equal.")
        with _threads(values.size):
            correct.append(_correct(values, folds))
            ranks.append(effective_rank(values))
        read.append(values)
        kept.append(layer)
        if tick is not None:
            tick(place + 1)
    if not kept:
        raise InputError("no layer has vectors of finite numbers.")
    with _threads(0):
        ranking = rank_layers(
            np.stack(correct),
            examples.labels,
            examples.groups,
            by=_PARTS[by],
            resamples=resamples,
            seed=seed,
        )
        cka = linear_cka(read, seed=seed)
    made = [_made(*facts) for facts in zip(kept, ranking, ranks, strict=True)]
    order = sorted(range(len(made)), key=lambda i: (-made[i].score.value, made[i].row_bytes, i))
    return LayerComparison(
        layers=tuple(made[i] for i in order),
        cka=cka[np.ix_(order, order)],
        examples=len(examples.labels),
        media=examples.media,
        unit=examples.unit,
        classes=examples.classes,
        folds=folds.count,
        ranked_by=by,
        notes=tuple(notes),
    )


def _threads(numbers: int) -> AbstractContextManager[Any]:
    """Keep linear algebra over few numbers in one thread: several would mostly wait for each other."""
    if numbers > _FEW:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limits


def _correct(values: FloatMatrix, folds: Folds) -> npt.NDArray[np.bool_]:
    """Whether each classifier is right on each example, `[2, N]`: k nearest neighbours, linear."""
    predicted = knn_predictions(unit_vectors(values), folds), linear_predictions(values, folds)
    correct: npt.NDArray[np.bool_] = np.stack(predicted) == folds.labels
    return correct


def _made(layer: LayerInput, ranking: Ranking, effective: float) -> ComparedLayer:
    knn, linear = ranking.parts
    return ComparedLayer(
        view=layer.view,
        column=layer.column,
        model=layer.model,
        layer=layer.layer,
        size=layer.size,
        row_bytes=layer.row_bytes,
        total_bytes=layer.total_bytes,
        seconds_per_row=layer.seconds_per_row,
        rank=ranking.rank,
        score=ranking.score,
        knn=knn,
        linear=linear,
        effective_rank=round(effective, 3),
    )


def _seconds_per_row(view: View) -> float | None:
    seconds, rows = 0.0, 0
    for batch in view.ledger_batches(["wall_s", "rows"], "rows > 0"):
        seconds += float(np.sum(batch.column("wall_s").to_numpy()))
        rows += int(np.sum(batch.column("rows").to_numpy()))
    return seconds / rows if rows and seconds > 0 else None
