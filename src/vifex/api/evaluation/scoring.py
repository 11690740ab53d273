"""Scores of a model for labelled media: decoded and computed as in extraction, one prediction a medium."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vifex.api.evaluation.labelled import Labelled, LabelledMedia, labelled_media
from vifex.api.models.loaded import LoadedModel
from vifex.api.notices import tell
from vifex.api.views import plan_views
from vifex.evaluation.predictions import Floats, Predictions, ScoreKind, make_predictions
from vifex.evaluation.report import RowImage
from vifex.evaluation.views import average_views
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.extraction.streaming import StreamBatch, stream_plan
from vifex.models.run_folders import run_folder
from vifex.models.trainable.description import read_description
from vifex.values import InputError, Medium, ModelError, Outcome

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Scored", "ScoringChoices", "Watch", "model_classes", "score_media"]

_LAYER = "logits"


@dataclass(frozen=True, slots=True)
class ScoringChoices:
    """How media are scored."""

    classes: Sequence[str] | None
    layer: str | None
    scores: ScoreKind
    views: Literal["probabilities", "logits"]
    workers: int | None
    extraction: Mapping[str, Any]
    """Choices of `vifex.extract`."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is called while media are scored."""

    on_outcome: Callable[[Outcome], None] | None
    """With what became of each medium that failed or is partial."""
    on_notice: Callable[[str], None] | None
    """With what a user must know; by default it is a `UserWarning`."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Predictions of a model for media."""

    model: str
    predictions: Predictions
    protocol: str
    notes: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    image: RowImage | None
    close: Callable[[], None]
    """Removes temporary files."""


def score_media(
    model: str | os.PathLike[str] | LoadedModel,
    data: str | os.PathLike[str],
    choices: ScoringChoices,
    watch: Watch,
) -> Scored:
    """Score the media of a source with the output of a model.

    Args:
        model: Its name or file, a run folder, or a loaded one.
        data: See `labelled_media`.
        choices: How.
        watch: What is called meanwhile.

    Raises:
        VifexError: If the model has no layer of scores, no medium has a label and a score, or a label is no
            class.
    """
    source = labelled_media(data)
    try:
        plan = _plan(model, choices, watch.on_notice)
        run = _Run(source, plan, watch.on_outcome)
        run.collect(choices.workers, lambda notice: tell(notice, watch.on_notice))
        return _scored(run, model_classes(model), choices)
    except BaseException:
        source.close()
        raise


class _Run:
    """The rows of all media, and what became of each medium."""

    def __init__(
        self, source: LabelledMedia, plan: ViewPlan, on_outcome: Callable[[Outcome], None] | None
    ) -> None:
        self.source, self.plan, self._on_outcome = source, plan, on_outcome
        self.failed: list[tuple[str, str]] = []
        self.media: dict[str, Medium] = {}
        self._scores: list[Floats] = []
        self._rows: list[tuple[str, float | None]] = []

    def collect(self, workers: int | None, on_notice: Callable[[str], None]) -> None:
        """Decode and compute everything."""
        media = self.source.media(on_notice)
        for batch in stream_plan(self.plan, media, workers=workers, limits=None, on_outcome=self._settled):
            self._add(batch)

    def rows(self) -> tuple[Floats, list[tuple[str, float | None]]]:
        """Return the scores `[N, C]` and `medium_id` and time of each row, in the order of the source."""
        if not self._scores:
            raise InputError("no medium has a score.", of=self.source.source)
        scores = np.concatenate(self._scores)
        place = {medium_id: number for number, medium_id in enumerate(self.source.known)}
        order = sorted(range(len(scores)), key=lambda i: (place[self._rows[i][0]], self._rows[i][1] or 0.0))
        return scores[order], [self._rows[i] for i in order]

    def _add(self, batch: StreamBatch) -> None:
        (scores,) = batch.features.values()
        self._scores.append(np.asarray(scores, np.float64))
        for medium, t_s in zip(batch.media, batch.t_s.tolist(), strict=True):
            self.media[medium.medium_id] = medium
            self._rows.append((medium.medium_id, t_s if t_s == t_s else None))

    def _settled(self, outcome: Outcome) -> None:
        self.source.settled(outcome)
        if outcome.status == "failed":
            self.failed.append((outcome.medium.name, outcome.reason))
        if self._on_outcome is not None and outcome.status in ("failed", "partial"):
            self._on_outcome(outcome)


def model_classes(model: object) -> tuple[str, ...] | None:
    """Return the names of the classes that a run folder states, or `None`."""
    folder = run_folder(Path(model)) if isinstance(model, str | os.PathLike) else None
    return (read_description(folder).classes or None) if folder is not None else None


def _plan(
    model: str | os.PathLike[str] | LoadedModel,
    choices: ScoringChoices,
    on_notice: Callable[[str], None] | None,
) -> ViewPlan:
    """Plan the reading of the layer of scores, in fp32 and from exact pixels unless chosen otherwise."""
    common = {"precision": "fp32", "decode": "exact", **choices.extraction}
    common |= {"layers": [choices.layer or _LAYER], "dtype": "float32"}
    try:
        plan = plan_views([("evaluation", {"model": model})], common, on_notice)[0]  # type: ignore[arg-type]
    except ModelError as exc:
        if choices.layer is None and "layer" in exc.what:
            raise ModelError(exc.what, of=exc.of, todo="Name the layer of scores with `layer=`.") from exc
        raise
    found = plan.layers
    if len(found) != 1 or found[0].kind != "vector":
        words = ", ".join(f"{one.name} ({one.kind})" for one in found)
        raise InputError(
            f"scores are one vector for each input, and {words} was found.",
            of=plan.recipe.model,
            todo="Name the layer of scores with `layer=`.",
        )
    return plan


def _scored(run: _Run, of_model: tuple[str, ...] | None, choices: ScoringChoices) -> Scored:
    scores, rows = run.rows()
    source, known = run.source, run.source.known
    bad = sorted({known[rows[i][0]].name for i in np.flatnonzero(~np.isfinite(scores).all(axis=1))})
    if bad:
        raise InputError(f"the model gives NaN or infinite scores for {len(bad)} media, first {bad[0]!r}.")
    kind: ScoreKind = choices.scores
    averaged = average_views(scores, [row[0] for row in rows], over=choices.views, kind=kind)
    kept = [place for place, medium_id in enumerate(averaged.media) if known[medium_id].label is not None]
    if not kept:
        raise InputError(
            "no medium has a label.",
            of=source.source,
            todo="Put media into a folder for each class, or give a manifest or a Parquet file with labels.",
        )
    facts = [known[averaged.media[place]] for place in kept]
    stated = choices.classes or of_model or source.classes
    is_logits = choices.views == "logits"
    made = make_predictions(
        averaged.scores[kept],
        [str(fact.label) for fact in facts],
        classes=_classes(facts, scores.shape[1], stated, source.source),
        names=[fact.name for fact in facts],
        groups=_columns(facts),
        kind="logits" if is_logits else "probabilities",
    )
    places = {medium_id: place for place, medium_id in enumerate(known)}
    times = dict(reversed(rows))

    def image(row: int) -> Image | None:
        medium_id = averaged.media[kept[row]]
        return source.image(places[medium_id], run.media[medium_id], times[medium_id])

    notes = []
    if len(kept) < len(averaged.media):
        notes.append(f"{len(averaged.media) - len(kept)} media have no label and were left out.")
    recipe = run.plan.recipe
    return Scored(
        model=recipe.model,
        predictions=made,
        protocol=f"{averaged.protocol}, {recipe.precision}",
        notes=tuple(notes),
        failed=tuple(run.failed),
        image=image,
        close=source.close,
    )


def _classes(
    facts: Sequence[Labelled], columns: int, given: Sequence[str] | None, source: str
) -> tuple[str, ...]:
    """Return the classes in the order of the scores."""
    if given is not None:
        return tuple(given)
    labels = {str(fact.label) for fact in facts}
    if all(label.isdecimal() for label in labels):
        return tuple(map(str, range(columns)))
    if len(labels) == columns:
        return tuple(sorted(labels))
    raise InputError(
        f"the model gives {columns} scores, and the data has {len(labels)} labels.",
        of=source,
        todo="Name the classes in the order of the scores with `classes=`.",
    )


def _columns(facts: Sequence[Labelled]) -> dict[str, list[str]]:
    names = dict.fromkeys(name for fact in facts for name in fact.columns)
    return {name: [fact.columns.get(name, "") for fact in facts] for name in names}
