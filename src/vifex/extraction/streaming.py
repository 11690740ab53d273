"""Features of media without a store, batch by batch.

Decoder processes, the transform and the network are those of a run. Memory is bounded by the slots of the
decoders and the batches in flight: while the caller keeps a batch, the decoders fill their slots and wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.engines import Network
from vifex.engines.cores import available_cores
from vifex.extraction.calibration.gather import Decoding
from vifex.extraction.decoders.protocol import Finished, RowFacts, Wrote
from vifex.extraction.decoders.supervisor import Filled, JobEnded
from vifex.extraction.pipeline.outcomes import outcome_of
from vifex.extraction.pipeline.vectors import Vectors, to_vectors
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.values import Box, InputError, Limits, Medium, Outcome

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


@dataclass(slots=True)
class _Open:
    """A medium between its decoder and its outcome."""

    medium: Medium
    samples: int = 0
    rows: int = 0
    refused: str | None = None
    ended: Finished | None = None

    @property
    def is_over(self) -> bool:
        return self.ended is not None and (self.ended.seen is None or self.samples == self.ended.counts[0])


@dataclass(frozen=True, slots=True)
class _Computed:
    filled: Filled
    result: Future[dict[str, Array]]


@dataclass(slots=True)
class _Running:
    """One stream at work."""

    plan: ViewPlan
    network: Network
    on_outcome: Callable[[Outcome], None]
    open: dict[int, _Open] = field(default_factory=dict)
    given: int = 0

    def media(self, found: Iterator[Medium | Outcome]) -> Iterator[Medium]:
        """Give the media to decode; what a source already knows is told at once."""
        for one in found:
            if isinstance(one, Outcome):
                self.on_outcome(one)
                continue
            self.open[self.given] = _Open(one)
            self.given += 1
            yield one

    def batches(self, decoding: Decoding, found: Iterator[Medium | Outcome]) -> Iterator[StreamBatch]:
        waiting: deque[Filled] = deque()
        computing: set[int] = set()
        supervisor = decoding.supervisor
        for event in decoding.events(self.media(found), busy=lambda: bool(waiting or computing)):
            if isinstance(event, Filled):
                waiting.append(event)
            elif isinstance(event, JobEnded):
                self.open[event.job].ended = event.ended
                self._settle(event.job)
            elif isinstance(event, _Computed):
                computing.discard(event.filled.slot)
                supervisor.free(event.filled.request, event.filled.slot)
                batch = self._batch(event.filled.rows, event.result.result())
                if batch is not None:
                    yield batch
            while waiting and len(computing) < self.network.requests:
                filled = waiting.popleft()
                computing.add(filled.slot)
                pixels = supervisor.pixels(filled.request, filled.slot).reshape(self.network.input_shape)
                result = self.network.submit(pixels)
                result.add_done_callback(lambda r, f=filled: decoding.inbox.put(_Computed(f, r)))  # type: ignore[misc]

    def _batch(self, wrote: Sequence[Wrote], arrays: Mapping[str, Array]) -> StreamBatch | None:
        vectors = to_vectors(arrays, self.plan)
        media: list[Medium] = []
        facts: list[RowFacts] = []
        columns: list[dict[str, Array]] = []
        for part in wrote:
            job = self.open.get(part.job)
            if job is None:
                continue  # its decoder died: the medium is already settled as failed
            found = self._rows(job, part, vectors)
            if found is not None:
                facts += found[0]
                columns.append(found[1])
                media += [job.medium] * len(found[0])
            self._settle(part.job)
        return _joined(media, facts, columns, self.plan) if facts else None

    def _rows(
        self, job: _Open, part: Wrote, vectors: Vectors
    ) -> tuple[Sequence[RowFacts], dict[str, Array]] | None:
        job.samples += len(part.rows)
        try:
            facts, columns = vectors.rows(part.first, part.rows)
        except InputError as exc:
            job.refused = exc.sentences
            return None
        job.rows += len(facts)
        return facts, columns

    def _settle(self, number: int) -> None:
        job = self.open[number]
        if job.is_over:
            assert job.ended is not None
            del self.open[number]
            self.on_outcome(outcome_of(job.medium, job.ended, place=0, rows=job.rows, refused=job.refused))


def stream_plan(
    plan: ViewPlan,
    found: Iterator[Medium | Outcome],
    *,
    workers: int | None,
    limits: Limits | None,
    on_outcome: Callable[[Outcome], None],
) -> Iterator[StreamBatch]:
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
    decoding = Decoding(
        [plan.request],
        [rows],
        room=2 * network.requests,
        workers=workers or cores,
        limits=limits or Limits(),
    )
    with network, decoding:
        yield from _Running(plan, network, on_outcome).batches(decoding, found)


def _joined(
    media: Sequence[Medium], facts: Sequence[RowFacts], columns: Sequence[Mapping[str, Array]], plan: ViewPlan
) -> StreamBatch:
    specs = plan.recipe.layers
    features = {s.layer.name: np.concatenate([part[s.column] for part in columns]) for s in specs}
    t_s, start_s, end_s = (
        np.array([getattr(fact, name) for fact in facts], dtype=np.float64)
        for name in ("t_s", "t_start_s", "t_end_s")
    )
    return StreamBatch(
        features=features,
        media=tuple(media),
        ordinals=tuple(fact.ordinal for fact in facts),
        t_s=t_s,
        t_start_s=start_s,
        t_end_s=end_s,
        frame_index=tuple(fact.frame_index for fact in facts),
        pts=tuple(fact.pts for fact in facts),
        time_base=tuple(fact.time_base for fact in facts),
        boxes=tuple(fact.box for fact in facts),
    )
