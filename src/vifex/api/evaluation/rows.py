"""Rows of labelled media: one layer of a model, decoded and computed as in extraction."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vifex.api.evaluation.labelled import Labelled, LabelledMedia, labelled_media
from vifex.api.models.loaded import LoadedModel
from vifex.api.notices import tell
from vifex.api.views import plan_views
from vifex.evaluation.predictions import Floats
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.extraction.streaming import StreamBatch, stream_plan
from vifex.values import InputError, Medium, Outcome

__all__ = ["LayerRows", "MediaRows", "Watch", "layer_plan", "layer_rows"]


@dataclass(frozen=True, slots=True)
class Watch:
    """What is called while media are scored."""

    on_outcome: Callable[[Outcome], None] | None
    """With what became of each medium that failed or is partial."""
    on_notice: Callable[[str], None] | None
    """With what a user must know; by default it is a `UserWarning`."""


class MediaRows:
    """The rows of all media, and what became of each medium."""

    def __init__(
        self, source: LabelledMedia, plan: ViewPlan, on_outcome: Callable[[Outcome], None] | None
    ) -> None:
        self.source, self.plan, self._on_outcome = source, plan, on_outcome
        self.failed: list[tuple[str, str]] = []
        self.media: dict[str, Medium] = {}
        self._failed: set[str] = set()
        self._values: list[Floats] = []
        self._rows: list[tuple[str, float | None]] = []

    def collect(self, workers: int | None, on_notice: Callable[[str], None]) -> None:
        """Decode and compute everything."""
        media = self.source.media(on_notice)
        for batch in stream_plan(self.plan, media, workers=workers, limits=None, on_outcome=self._settled):
            self._add(batch)

    def rows(self) -> tuple[Floats, list[tuple[str, float | None]]]:
        """Return the values `[N, D]` and `medium_id` and time of each row, in the order of the source.

        Rows of a medium that failed after some of them are left out.
        """
        place = {medium_id: number for number, medium_id in enumerate(self.source.known)}
        kept = [i for i, (medium_id, _) in enumerate(self._rows) if medium_id not in self._failed]
        if not kept:
            raise InputError("no medium could be read.", of=self.source.source)
        order = sorted(kept, key=lambda i: (place[self._rows[i][0]], self._rows[i][1] or 0.0))
        return np.concatenate(self._values)[order], [self._rows[i] for i in order]

    def _add(self, batch: StreamBatch) -> None:
        (values,) = batch.features.values()
        self._values.append(np.asarray(values, np.float64))
        for medium, t_s in zip(batch.media, batch.t_s.tolist(), strict=True):
            self.media[medium.medium_id] = medium
            self._rows.append((medium.medium_id, t_s if t_s == t_s else None))

    def _settled(self, outcome: Outcome) -> None:
        self.source.settled(outcome)
        if outcome.status == "failed":
            self._failed.add(outcome.medium.medium_id)
            self.failed.append((outcome.medium.name, outcome.reason))
        if self._on_outcome is not None and outcome.status in ("failed", "partial"):
            self._on_outcome(outcome)


@dataclass(frozen=True, slots=True)
class LayerRows:
    """One layer of a model for all media."""

    model: str
    layer: str
    precision: str
    values: Floats
    """`[N, D]`."""
    media: tuple[str, ...]
    """`[N]`: `medium_id` of each row."""
    known: Mapping[str, Labelled]
    """By `medium_id`."""
    failed: tuple[tuple[str, str], ...]
    """Name and reason of media without a row."""


def layer_plan(
    model: str | os.PathLike[str] | LoadedModel,
    choices: Mapping[str, Any],
    on_notice: Callable[[str], None] | None,
) -> ViewPlan:
    """Plan the reading of a model, in fp32 and from exact pixels unless chosen otherwise.

    Raises:
        VifexError: If the model cannot be used, or a choice is wrong.
    """
    common: Any = {"precision": "fp32", "decode": "exact", **choices, "dtype": "float32"}
    own: Any = {"model": model}
    return plan_views([("evaluation", own)], common, on_notice)[0]


def layer_rows(
    model: str | os.PathLike[str] | LoadedModel,
    data: str | os.PathLike[str],
    choices: Mapping[str, Any],
    workers: int | None,
    watch: Watch,
) -> LayerRows:
    """Read one layer for all media, pooled to vectors.

    Raises:
        VifexError: If the model or the data cannot be used, or several layers are chosen.
    """
    source = labelled_media(data)
    try:
        plan = layer_plan(model, choices, watch.on_notice)
        if len(plan.recipe.layers) != 1:
            names = ", ".join(spec.layer.name for spec in plan.recipe.layers)
            raise InputError(
                f"an embedding is one layer, and these were found: {names}.",
                of=plan.recipe.model,
                todo="Name one with `layer=`.",
            )
        run = MediaRows(source, plan, watch.on_outcome)
        run.collect(workers, lambda notice: tell(notice, watch.on_notice))
        values, rows = run.rows()
    finally:
        source.close()
    return LayerRows(
        model=plan.recipe.model,
        layer=plan.recipe.layers[0].layer.name,
        precision=plan.recipe.precision,
        values=values.reshape(len(values), -1),
        media=tuple(medium_id for medium_id, _ in rows),
        known=source.known,
        failed=tuple(run.failed),
    )
