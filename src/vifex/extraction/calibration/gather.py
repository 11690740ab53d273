"""Ready pixels of a spread of media, in memory: what int8 learns its ranges from, and what a bench runs.

They come from the same supervised decoders as those of a run, by the same transform, so a bad file costs
itself alone. Of a video a few frames are taken, from as much of its beginning as a budget allows.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import numpy as np
import numpy.typing as npt

from vifex.extraction.decoders.protocol import Ready
from vifex.extraction.decoders.supervisor import Filled, JobEnded, Supervisor
from vifex.values import Limits, Medium, Outcome, Sampling, Span, ViewRequest
from vifex.values.spread import Evenly, evenly

__all__ = ["Decoding", "Gathered", "Spread", "choose_media", "gather", "sparse"]

Pixels = npt.NDArray[np.uint8]
T = TypeVar("T")

_ROWS: Final = 4
_TICK_S: Final = 0.1
_PER_VIDEO: Final = 4
"""Samples of a video where there are many of them."""
_VIDEO_S: Final = 1800.0
"""Seconds of video that are decoded for a spread, all videos together..."""
_VIDEO_LEAST_S: Final = 20.0
"""... and of each one at least, in both cases from where it is to be sampled from."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Media to be sampled."""

    media: tuple[Medium, ...]
    per_medium: int
    """Samples of each that has so many."""


def choose_media(found: Iterator[Medium | Outcome], most: int, *, start_s: float | None = None) -> Spread:
    """Choose media evenly over all that were found, and how many samples to take of each.

    Args:
        found: As the sources gave them.
        most: Samples that are wanted of all together.
        start_s: Where videos are sampled from.
    """
    spread: Evenly[Medium] = Evenly(most)
    for medium in found:
        if isinstance(medium, Medium) and medium.kind != "audio" and spread.wants():
            spread.add(medium)
    media = spread.chosen()
    cost = sum(_PER_VIDEO if m.kind == "video" else 1 for m in media)
    if cost > most:
        media = evenly(media, max(1, most * len(media) // cost))
    videos = sum(m.kind == "video" for m in media)
    per_medium = ceil((most - len(media) + videos) / max(1, videos or len(media)))
    budget_s = max(_VIDEO_LEAST_S, _VIDEO_S / max(1, videos))
    return Spread(tuple(_shortened(m, start_s or 0.0, budget_s) for m in media), max(1, per_medium))


def _shortened(medium: Medium, start_s: float, budget_s: float) -> Medium:
    """Let a video end after so many seconds of what is to be sampled."""
    if medium.kind != "video":
        return medium
    span = medium.span or Span()
    begin = max(start_s, span.t_start_s or 0.0)
    end = begin + budget_s if span.t_end_s is None else min(begin + budget_s, span.t_end_s)
    return medium if end <= begin else replace(medium, span=Span(span.t_start_s, end))


def sparse(sampling: Sampling, per_medium: int) -> Sampling:
    """Return a sampling of so many single frames, spread evenly; clips stay what they are."""
    if sampling.sampler == "clip":
        return sampling
    return replace(sampling, sampler="uniform", fps=None, every=None, uniform=per_medium)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was decoded."""

    pixels: tuple[Pixels, ...]
    """For each request uint8 `[N, *sample shape]`; the N-th of all requests are the same moment."""
    media: int
    """How many media gave something."""


def gather(
    spread: Spread, requests: Sequence[ViewRequest], *, most: int, workers: int, limits: Limits
) -> Gathered | None:
    """Decode a spread of media and keep some samples of each; `None` where none gave any.

    Args:
        spread: Which media, and how many samples of each.
        requests: What is wanted of them. More than one must sample alike.
        most: Samples that are kept at most.
        workers: Decoder processes.
        limits: What one file may cost.
    """
    kept: dict[int, list[Evenly[Pixels]]] = {}
    order: list[int] = []
    with Decoding(requests, [_ROWS] * len(requests), room=2, workers=workers, limits=limits) as decoding:
        for event in decoding.events(iter(spread.media)):
            if isinstance(event, Filled):
                _keep(event, decoding, kept, spread.per_medium, len(requests))
            elif isinstance(event, JobEnded) and event.ended.seen is not None:
                order.append(event.job)
    found = [
        tuple(zip(*(e.chosen() for e in kept[job]), strict=False)) for job in sorted(order) if job in kept
    ]
    rows = evenly([row for medium in found for row in medium], most)
    if not rows:
        return None
    pixels = tuple(np.stack([row[i] for row in rows]) for i in range(len(requests)))
    return Gathered(pixels, sum(bool(medium) for medium in found))


def _keep(
    filled: Filled,
    decoding: Decoding,
    kept: dict[int, list[Evenly[Pixels]]],
    per_medium: int,
    n_requests: int,
) -> None:
    pixels = decoding.supervisor.pixels(filled.request, filled.slot)
    for wrote in filled.rows:
        spread = kept.setdefault(wrote.job, [Evenly(per_medium) for _ in range(n_requests)])[filled.request]
        for place in range(wrote.first, wrote.first + len(wrote.rows)):
            if spread.wants():
                spread.add(pixels[place].copy())
    decoding.supervisor.free(filled.request, filled.slot)


class Decoding:
    """Supervised decoders at work on media, for whoever takes their slots one by one.

    Args:
        requests: What is wanted of every medium.
        batch_rows: Samples in a slot, one number for each request.
        room: Slots beyond the two of each decoder.
        workers: Decoder processes.
        limits: What one file may cost.
    """

    def __init__(
        self,
        requests: Sequence[ViewRequest],
        batch_rows: Sequence[int],
        *,
        room: int,
        workers: int,
        limits: Limits,
    ) -> None:
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        """Takes anything from any thread that is to come out of `events`; tuples are the decoders'."""
        self.supervisor = Supervisor(
            tuple(requests),
            tuple(batch_rows),
            extra_slots=room,
            workers=workers,
            limits=limits,
            inbox=self.inbox,
        )
        self.ready_s: float | None = None
        """When the first decoder stood ready to read, on `time.perf_counter`; `None` before that."""
        self._requests = tuple(range(len(requests)))

    def events(self, media: Iterator[Medium], *, busy: Callable[[], bool] = lambda: False) -> Iterator[Any]:
        """Decode media until all are over and nobody is busy.

        Args:
            media: What to decode; their jobs are numbered in this order.
            busy: Whether something else is still to come through `inbox`.

        Yields:
            `Filled`, whose slot must be freed, `JobEnded`, and what others put into `inbox`.
        """
        number, more = 0, True
        while more or not self.supervisor.idle() or busy():
            while more and self.supervisor.wants_job():
                medium = next(media, None)
                more = medium is not None
                if medium is not None:
                    self.supervisor.give(number, medium, self._requests)
                    number += 1
            self.supervisor.flush()
            yield from self._heard()
            self.supervisor.watch()
            yield from self.supervisor.events()
            self.supervisor.flush()

    def _heard(self) -> Iterator[Any]:
        try:
            waiting = [self.inbox.get(timeout=_TICK_S)]
        except queue.Empty:
            return
        waiting += [self.inbox.get() for _ in range(self.inbox.qsize())]
        for message in waiting:
            if isinstance(message, tuple):
                if self.ready_s is None and any(isinstance(m, Ready) for m in message[1] or ()):
                    self.ready_s = time.perf_counter()
                self.supervisor.handle(*message)
            else:
                yield message

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.supervisor.close()
