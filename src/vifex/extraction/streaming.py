"""Features of media without a store, batch by batch.

Decoder processes, the transform and the network are those of a run. Memory is bounded by the slots of the
decoders and the batches in flight: while the caller keeps a batch, the decoders fill their slots and wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.engines import Network
from vifex.engines.cores import available_cores
from vifex.extraction.decoders.events import Ended, Filled, Retried
from vifex.extraction.decoders.loop import DecodingLoop
from vifex.extraction.pipeline.in_flight import InFlight, MediumInFlight
from vifex.extraction.pipeline.outcomes import outcome_of
from vifex.extraction.pipeline.rows import Part
from vifex.extraction.pipeline.vectors import to_vectors
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.values import Box, Limits, Medium, Outcome
from vifex.values.sample_facts import fact_values

__all__ = ["StreamBatch", "stream_plan"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class StreamBatch:
    """Rows of one batch: features of some media, and when they are.

    Rows of one medium come in the order of time; rows of several media may be mixed.
    """

    features: Mapping[str, Array]
    """By layer: `[N, *shape]`, as a store would keep them."""
    media: tuple[Medium, ...]
    """For each row the medium that it is of."""
    ordinals: tuple[int, ...]
    """Counts the rows of each medium from 0."""
    t_s: npt.NDArray[np.float64]
    """`[N]` seconds from the start of the medium; NaN for images."""
    t_start_s: npt.NDArray[np.float64]
    """`[N]`: where the row's frame, clip or window starts."""
    t_end_s: npt.NDArray[np.float64]
    """`[N]`: where its last frame ends."""
    frame_index: tuple[int | None, ...]
    """Numbers of the frames from 0, where they are known."""
    pts: tuple[int | None, ...]
    """The frames' own times in ticks of `time_base`."""
    time_base: tuple[str | None, ...]
    """Seconds per tick as a fraction, e.g. `1/90000`."""
    boxes: tuple[Box | None, ...]
    """The part of each image, in its pixels; `None` is the whole."""

    @property
    def names(self) -> tuple[str, ...]:
        """For each row the name of its medium, relative to the source that gave it."""
        return tuple(medium.name for medium in self.media)

    def __len__(self) -> int:
        return len(self.media)


@dataclass(frozen=True, slots=True)
class _Computed:
    filled: Filled
    result: Future[dict[str, Array]]


@dataclass(slots=True)
class _Running:
    """One stream at work."""

    plan: ViewPlan
    network: Network
    loop: DecodingLoop[_Computed]
    on_outcome: Callable[[Outcome], None]
    in_flight: InFlight = field(default_factory=InFlight)
    yielded: dict[MediumInFlight, int] = field(default_factory=dict)
    """The ordinal after the last row that was yielded of a medium: read again, it begins before that."""

    def batches(self, found: Iterator[Medium | Outcome]) -> Iterator[StreamBatch]:
        waiting: deque[Filled] = deque()
        computing: set[int] = set()
        more = True
        while more or self.in_flight or computing or waiting:
            more = more and self._feed(found)
            for event in self.loop.step(more=more):
                match event:
                    case Filled():
                        waiting.append(event)
                    case Ended(finished):
                        for medium in self.in_flight.end(finished):
                            self._settle(medium)
                    case Retried(before, now):
                        self.in_flight.retry(before, now).reset()
                    case _Computed(filled, result):
                        computing.discard(filled.slot)
                        self.loop.free(filled.request, filled.slot)
                        yield from self._batch(filled, result.result())
            while waiting and len(computing) < self.network.requests:
                self._submit(waiting.popleft(), computing)

    def _feed(self, found: Iterator[Medium | Outcome]) -> bool:
        """Give decoders what they would take now; returns whether there may be more."""
        spare = self.loop.capacity()
        while spare:
            one = next(found, None)
            if one is None:
                return False
            if isinstance(one, Outcome):
                self.on_outcome(one)
            else:
                self.in_flight.add(self.loop.give(one), MediumInFlight(one, (0,)))
                spare -= 1
        return True

    def _submit(self, filled: Filled, computing: set[int]) -> None:
        computing.add(filled.slot)
        pixels = self.loop.pixels(filled.request, filled.slot).reshape(self.network.input_shape)
        result = self.network.submit(pixels)
        result.add_done_callback(lambda r: self.loop.post(_Computed(filled, r)))

    def _batch(self, filled: Filled, arrays: Mapping[str, Array]) -> Iterator[StreamBatch]:
        batch = to_vectors(arrays, self.plan).rows(filled.facts)
        media: list[Medium] = []
        parts: list[Part] = []
        over: list[MediumInFlight] = []
        for medium, is_complete in self.in_flight.collect(0, filled.attempts, batch):
            rows = medium.take(0)
            for part in self._new(medium, rows.parts) if rows is not None else ():
                media += [medium.medium] * (part[2] - part[1])
                parts.append(part)
            if is_complete:
                over.append(medium)
        if parts:
            yield _joined(media, parts, self.plan)
        for medium in over:
            self._settle(medium)

    def _new(self, medium: MediumInFlight, parts: Sequence[Part]) -> Iterator[Part]:
        """Leave out the rows that an attempt before this one gave already."""
        for chunk, start, stop in parts:
            ordinals = chunk.records["ordinal"][start:stop]
            first = start + int(np.searchsorted(ordinals, self.yielded.get(medium, 0)))
            if first < stop:
                self.yielded[medium] = int(ordinals[-1]) + 1
                yield chunk, first, stop

    def _settle(self, medium: MediumInFlight) -> None:
        self.yielded.pop(medium, None)
        self.on_outcome(outcome_of(medium, 0))


def stream_plan(
    plan: ViewPlan,
    found: Iterator[Medium | Outcome],
    *,
    workers: int | None,
    limits: Limits | None,
    on_outcome: Callable[[Outcome], None],
) -> Generator[StreamBatch, None, None]:
    """Yield the rows that a view's plan makes of media.

    Args:
        plan: Of one view.
        found: The media, as sources give them.
        workers: Decoder processes; by default one for each core.
        limits: What one file may cost.
        on_outcome: Called with what became of each medium, after its last row.
    """
    cores = available_cores()
    network = plan.engine.compile(
        plan.model, plan.layers, precision=plan.recipe.precision, batch=plan.network_batch, cores=cores
    )
    rows = network.batch // (plan.window_frames or 1)
    loop: DecodingLoop[_Computed] = DecodingLoop(
        [plan.request],
        [rows],
        extra_slots=2 * network.requests,
        workers=workers or cores,
        limits=limits or Limits(),
    )
    with network, loop:
        yield from _Running(plan, network, loop, on_outcome).batches(found)


def _joined(media: Sequence[Medium], parts: Sequence[Part], plan: ViewPlan) -> StreamBatch:
    records = np.concatenate([chunk.records[start:stop] for chunk, start, stop in parts])
    features = {
        s.layer.name: np.concatenate([chunk.vectors[s.column][start:stop] for chunk, start, stop in parts])
        for s in plan.recipe.layers
    }
    return StreamBatch(
        features=features,
        media=tuple(media),
        ordinals=tuple(records["ordinal"].tolist()),
        t_s=records["t_s"].copy(),
        t_start_s=records["t_start_s"].copy(),
        t_end_s=records["t_end_s"].copy(),
        frame_index=tuple(fact_values(records, "frame_index")),
        pts=tuple(fact_values(records, "pts")),
        time_base=tuple(text and text.decode() for text in fact_values(records, "time_base")),
        boxes=tuple(_box(*corners) for corners in records[["x0", "y0", "x1", "y1"]].tolist()),
    )


def _box(x0: float, y0: float, x1: float, y1: float) -> Box | None:
    return None if np.isnan(x0) else Box(x0, y0, x1, y1)
