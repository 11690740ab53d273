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
from vifex.analysis.labels import label_media
from vifex.analysis.rows import FloatMatrix, MediumFacts
from vifex.api.arguments import checked
from vifex.api.models.loaded import LoadedModel
from vifex.api.notices import tell
from vifex.api.views import plan_views
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.extraction.streaming import stream_plan
from vifex.media.sources import find
from vifex.media.sources.folders import is_store
from vifex.values import InputError, Medium, Outcome

__all__ = ["advise"]

_LEAST: Final = 200
_MOST: Final = 2000
_SHARE: Final = 10


@checked("media", "models", "labels")
def advise(
    media: str | os.PathLike[str],
    *,
    models: Sequence[str | os.PathLike[str] | LoadedModel] = ("default",),
    labels: str | os.PathLike[str] | None = None,
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
        labels: `label`, `split`, `folder` (the first folder of each name), or a file with the columns `name`
            and `label`. By default the labels of a manifest, or the folders.
        layers: Names or patterns of layers; by default all of each model.
        sample: How many media are read; by default a tenth, at least 200 and at most 2000.
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
    plans = [_plan(model, layers, choices, on_notice) for model in wanted]
    known, total = _labelled(media, labels, sample, seed, on_notice)
    runs = [_Run(plan, model, Sketches(seed=seed)) for plan, model in zip(plans, wanted, strict=True)]
    for run in runs:
        run.read([medium for medium, _ in known], workers, on_outcome)
    named = {run.word: run.model for run in runs}
    read = set.intersection(*(set(run.sketches.media) for run in runs))
    inputs = [one for run in runs for one in run.layers()]
    examples, ids = _examples([(m.medium_id, label) for m, label in known if m.medium_id in read])
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


def _plan(
    model: str | os.PathLike[str] | LoadedModel,
    layers: Sequence[str] | None,
    choices: Mapping[str, Any] | None,
    on_notice: Callable[[str], None] | None,
) -> ViewPlan:
    names = ["**"] if layers is None else [layers] if isinstance(layers, str) else list(layers)
    common: Any = {**(choices or {}), "layers": names}
    own: Any = {"model": model}
    return plan_views([("advice", own)], common, on_notice)[0]


def _labelled(
    source: str | os.PathLike[str],
    labels: str | os.PathLike[str] | None,
    sample: int | None,
    seed: int,
    on_notice: Callable[[str], None] | None,
) -> tuple[list[tuple[Medium, str]], int]:
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
    found = label_media(facts, labels)
    classes, kept, _ = usable_media(found, [m.medium_id for m in media])
    numbers = np.array([classes.index(found[place] or "") for place in kept], np.int64)
    most = min(_MOST, max(_LEAST, len(kept) // _SHARE)) if sample is None else sample
    chosen = choose_examples(numbers, np.ones(len(kept), np.int64), most, seed=seed)
    return [(media[kept[place]], found[kept[place]] or "") for place in chosen], len(media)


def _examples(known: Sequence[tuple[str, str]]) -> tuple[ExampleSet, list[str]]:
    """Make examples of the media that could be read, one of each."""
    classes, kept, notes = usable_media([label for _, label in known], [medium for medium, _ in known])
    labels = np.array([classes.index(known[place][1]) for place in kept], np.int64)
    ids = [known[place][0] for place in kept]
    made = ExampleSet(classes, labels, np.arange(len(ids)), len(ids), "medium", tuple(notes))
    return made, ids
