"""Scores of a model for labelled media: decoded and computed as in extraction, one prediction a medium."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vifex.api.evaluation.labelled import Labelled, labelled_media
from vifex.api.evaluation.rows import MediaRows, Watch, layer_plan
from vifex.api.models.loaded import LoadedModel
from vifex.api.notices import tell
from vifex.evaluation.predictions import Predictions, ScoreKind, make_predictions
from vifex.evaluation.report import RowImage
from vifex.evaluation.views import average_views
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.models.run_folders import run_folder
from vifex.models.trainable.description import read_description
from vifex.values import InputError, ModelError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Scored", "ScoringChoices", "model_classes", "score_media"]

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
        run = MediaRows(source, plan, watch.on_outcome)
        run.collect(choices.workers, lambda notice: tell(notice, watch.on_notice))
        return _scored(run, model_classes(model), choices)
    except BaseException:
        source.close()
        raise


def model_classes(model: object) -> tuple[str, ...] | None:
    """Return the names of the classes that a run folder states, or `None`."""
    folder = run_folder(Path(model)) if isinstance(model, str | os.PathLike) else None
    return (read_description(folder).classes or None) if folder is not None else None


def _plan(
    model: str | os.PathLike[str] | LoadedModel,
    choices: ScoringChoices,
    on_notice: Callable[[str], None] | None,
) -> ViewPlan:
    """Plan the reading of the layer of scores."""
    try:
        plan = layer_plan(model, {**choices.extraction, "layers": [choices.layer or _LAYER]}, on_notice)
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


def _scored(run: MediaRows, of_model: tuple[str, ...] | None, choices: ScoringChoices) -> Scored:
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
