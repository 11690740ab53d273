"""`vifex.advise`: which layer of which model to store, from a sample of the media."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from vifex.analysis.comparing.advice import Advice, smaller_layer
from vifex.analysis.comparing.examples import ExampleSet, choose_examples, usable_media
from vifex.analysis.comparing.sketches import Sketches
from vifex.analysis.comparing.table import LayerInput, judge_layers
from vifex.analysis.rows import FloatMatrix, MediumFacts
from vifex.api.answers.comparing import groups_of
from vifex.api.answers.labels import LabelSource, labels_of
from vifex.api.arguments import checked
from vifex.api.models.loaded import LoadedModel
from vifex.api.notices import tell
from vifex.api.views import plan_views
from vifex.engines import load_engine
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.extraction.streaming import stream_plan
from vifex.media.sources import find
from vifex.media.sources.folders import is_store
from vifex.models import load_model
from vifex.values import InputError, Medium, ModelError, Outcome

__all__ = ["advise"]

_LEAST: Final = 200
_MOST: Final = 500
_PER_CLASS: Final = 5
_SHARE: Final = 20


@checked("media", "models", "labels")
def advise(
    media: str | os.PathLike[str],
    *,
    models: Sequence[str | os.PathLike[str] | LoadedModel] = ("default",),
    labels: LabelSource | None = None,
    group: str | None = None,
    layers: Sequence[str] | None = None,
    sample: int | None = None,
    resamples: int = 300,
    seed: int = 0,
    workers: int | None = None,
    choices: Mapping[str, Any] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Advice:
    """Say which layer of which model to store for labelled media, without a store.

    A sample of the media, of each class alike, goes through each model. Each layer is pooled and projected to
    at most 256 numbers, the mean over a medium, and judged as by `vifex.compare_layers`.

    Args:
        media: A folder or a manifest.
        models: Names or files of models, or models from `vifex.load_model`.
        labels: `label`, `split`, `folder` (the first folder of each name), a file with the columns `name` and
            `label`, or a mapping of names to labels. By default the labels of a manifest, or the folders.
        group: A column of the file of labels, or `split`: media of one group are held out together.
        layers: Names or patterns of layers, each of which one of the models must have; by default all of each
            model.
        sample: How many media are read; by default a twentieth, at most 500, but at least 200 and five
            of each class.
        resamples: Of the intervals.
        seed: Of the sample, the projections, the folds and the resamples.
        workers: Decoder processes; by default one for each core.
        choices: Further choices as for `vifex.extract`: `fps`, `pool`, `decode` and others.
        on_outcome: Called for each medium that failed or is partial.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.

    Returns:
        The best layer, the choices that store it, and the figures of all layers.

    Raises:
        InputError: If the media have no labels, or fewer than two classes have two media.
        VifexError: If a model cannot be used, or nothing is found.
    """
    if sample is not None and sample < 4:
        raise InputError(f"is at least 4, got {sample}.", option="sample")
    wanted = [models] if isinstance(models, str | os.PathLike | LoadedModel) else list(models)
    if not wanted:
        raise InputError("no model was named.", todo='Name some, e.g. `models="default"`.')
    began_s = time.monotonic()
    plans = _plans(wanted, layers, choices, on_notice)
    known, total = _labelled(media, labels, group, sample, seed, on_notice)
    runs = [_Run(plan, model, Sketches(seed=seed)) for plan, model in zip(plans, wanted, strict=True)]
    for run in runs:
        run.read([one.medium for one in known], workers, on_outcome)
    named = {run.word: run.model for run in runs}
    read = set.intersection(*(set(run.sketches.media) for run in runs))
    inputs = [one for run in runs for one in run.layers()]
    examples, ids = _examples([one for one in known if one.medium.medium_id in read])
    found = judge_layers(
        [one for one, _ in inputs],
        lambda place: inputs[place][1](ids),
        examples,
        resamples=resamples,
        seed=seed,
    )
    for note in found.notes:
        tell(note, on_notice)
    return Advice(
        comparison=found,
        smaller=smaller_layer(found),
        sampled=len(known),
        media=total,
        seconds=round(time.monotonic() - began_s, 3),
        choices={**(choices or {}), "model": named[found.best.view], "layers": [found.best.layer]},
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """A medium with its label and its group."""

    medium: Medium
    label: str | None
    group: str


@dataclass(slots=True)
class _Run:
    """One model over the sample."""

    plan: ViewPlan
    model: str | os.PathLike[str] | LoadedModel
    sketches: Sketches
    _failed: set[str] = field(default_factory=set)

    def read(
        self, media: Sequence[Medium], workers: int | None, on_outcome: Callable[[Outcome], None] | None
    ) -> None:
        """Decode the media and compute all layers."""

        def settled(outcome: Outcome) -> None:
            if outcome.status == "failed":
                self._failed.add(outcome.medium.medium_id)
            if on_outcome is not None and outcome.status in ("failed", "partial"):
                on_outcome(outcome)

        given = cast("Iterator[Medium | Outcome]", iter(media))
        for batch in stream_plan(self.plan, given, workers=workers, limits=None, on_outcome=settled):
            self.sketches.add(batch.features, [medium.medium_id for medium in batch.media])
        for medium in self._failed:
            self.sketches.drop(medium)

    @property
    def word(self) -> str:
        """What names the model for a user."""
        return os.fspath(self.model) if isinstance(self.model, str | os.PathLike) else self.model.card.name

    def layers(self) -> list[tuple[LayerInput, Callable[[Sequence[str]], FloatMatrix]]]:
        """Describe each layer, and give what reads its sketches."""
        specs = {spec.layer.name: spec for spec in self.plan.recipe.layers}
        return [
            (
                LayerInput(
                    view=self.word,
                    column=specs[name].column,
                    model=self.plan.recipe.model,
                    layer=name,
                    size=specs[name].size,
                    row_bytes=specs[name].size * np.dtype(specs[name].dtype).itemsize,
                    total_bytes=None,
                    seconds_per_row=None,
                ),
                partial(self.sketches.matrix, name),
            )
            for name in self.sketches.layers
        ]


def _plans(
    models: Sequence[str | os.PathLike[str] | LoadedModel],
    layers: Sequence[str] | None,
    choices: Mapping[str, Any] | None,
    on_notice: Callable[[str], None] | None,
) -> list[ViewPlan]:
    """Plan the reading of each model: of the layers that are named, those that it has."""
    names = ["**"] if layers is None else [layers] if isinstance(layers, str) else list(layers)
    mine = [_had(model, names, choices or {}) for model in models]
    for name in names:
        errors = [found[name] for found in mine]
        if all(error is not None for error in errors):
            raise cast("ModelError", errors[0])
    plans = []
    for model, found in zip(models, mine, strict=True):
        kept = [name for name in names if found[name] is None]
        if not kept:
            raise cast("ModelError", found[names[0]])
        common: Any = {**(choices or {}), "layers": kept}
        own: Any = {"model": model}
        plans += plan_views([("advice", own)], common, on_notice)
    return plans


def _had(
    model: str | os.PathLike[str] | LoadedModel, names: Sequence[str], choices: Mapping[str, Any]
) -> dict[str, ModelError | None]:
    """Return for each name why the model has no such layer; `None` if it has one."""
    known = {name: choices[name] for name in ("weights", "card", "trust_code") if name in choices}
    loaded = model.model if isinstance(model, LoadedModel) else load_model(model, **known)
    engine = load_engine(loaded.engine)
    found: dict[str, ModelError | None] = {}
    for name in names:
        try:
            engine.resolve_layers(loaded, [name])
            found[name] = None
        except ModelError as exc:
            found[name] = exc
    return found


def _labelled(
    source: str | os.PathLike[str],
    labels: LabelSource | None,
    group: str | None,
    sample: int | None,
    seed: int,
    on_notice: Callable[[str], None] | None,
) -> tuple[list[_Known], int]:
    """Return a sample of the media that have labels, and how many media there are."""
    if Path(source).is_dir() and is_store(os.fspath(source)):
        raise InputError(
            "this is a store: its layers are there already.",
            of=os.fspath(source),
            todo="Use vifex layers compare, or name the media.",
        )
    listed = find(os.fspath(source), on_notice=lambda notice: tell(notice, on_notice))
    media = [one for one in listed if isinstance(one, Medium)]
    facts = [MediumFacts(m.medium_id, m.uri, m.name, m.label, m.split) for m in media]
    if not media:
        raise InputError("no image, video or sound was found.", of=os.fspath(source))
    found = labels_of(facts, labels)
    for note in found.notes:
        tell(note, on_notice)
    stated = groups_of(found, group) if group is not None else [None] * len(media)
    owners = [name or medium.uri for name, medium in zip(stated, media, strict=True)]
    known = [_Known(*one) for one in zip(media, found.labels, owners, strict=True)]
    classes, kept, _ = usable_media(found.labels, owners)
    numbers = np.array([classes.index(known[place].label or "") for place in kept], np.int64)
    if sample is None:
        sample = max(_LEAST, _PER_CLASS * len(classes), min(_MOST, len(kept) // _SHARE))
    chosen = choose_examples(numbers, np.ones(len(kept), np.int64), sample, seed=seed)
    return [known[kept[place]] for place in chosen], len(media)


def _examples(known: Sequence[_Known]) -> tuple[ExampleSet, list[str]]:
    """Make examples of the media that could be read, one of each."""
    classes, kept, notes = usable_media([one.label for one in known], [one.group for one in known])
    chosen = [known[place] for place in kept]
    labels = np.array([classes.index(one.label or "") for one in chosen], np.int64)
    _, groups = np.unique([one.group for one in chosen], return_inverse=True)
    made = ExampleSet(classes, labels, groups.astype(np.int64), len(chosen), "medium", tuple(notes))
    return made, [one.medium.medium_id for one in chosen]
