"""Ready pixels of a spread of media, in memory: what int8 learns its ranges from, and what a bench runs.

They come from the same supervised decoders as those of a run, by the same transform, so a bad file costs
itself alone. Of a video a few frames are taken, from as much of its beginning as a budget allows.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final, Never

import numpy as np
import numpy.typing as npt

from vifex.extraction.decoders.events import Ended, Filled, Retried
from vifex.extraction.decoders.loop import DecodingLoop
from vifex.values import DecodeReport, Limits, Medium, Outcome, Sampling, Span, ViewRequest
from vifex.values.spread import Evenly, evenly

__all__ = ["Gathered", "Spread", "choose_media", "gather", "sparse"]

Pixels = npt.NDArray[np.uint8]

_ROWS: Final = 4
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
    return replace(
        sampling,
        sampler="uniform",
        fps=None,
        every=None,
        uniform=per_medium,
        times_s=(),
        frames=(),
        max_frames=None,
        changed_only=None,
    )


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was decoded."""

    pixels: tuple[Pixels, ...]
    """For each request uint8 `[N, *sample shape]`; the N-th of all requests are the same moment."""
    media: int
    """How many media gave something."""
    places: tuple[int, ...] = ()
    """For each sample the place of its medium in `Spread.media`."""


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
    firsts: dict[int, int] = {}
    """Attempt to the first attempt at the same medium: those are numbered as the media are."""
    good: list[tuple[int, int]] = []
    loop: DecodingLoop[Never] = DecodingLoop(
        requests, [_ROWS] * len(requests), extra_slots=2, workers=workers, limits=limits
    )
    with loop:
        for event in loop.events(iter(spread.media)):
            match event:
                case Filled():
                    _keep(event, loop, kept, spread.per_medium, len(requests))
                case Ended(finished):
                    lost = {a for a, e in finished.endings.items() if not isinstance(e, DecodeReport)}
                    good += [(firsts.get(a, a), a) for a in finished.attempts if a not in lost]
                case Retried(before, now):
                    firsts[now] = firsts.get(before, before)
    found = [
        (first, tuple(zip(*(e.chosen() for e in kept[a]), strict=False)))
        for first, a in sorted(good)
        if a in kept
    ]
    rows = evenly([(first, row) for first, medium in found for row in medium], most)
    if not rows:
        return None
    pixels = tuple(np.stack([row[i] for _, row in rows]) for i in range(len(requests)))
    # Attempts count from 1, those at a medium for the second time between the others.
    again = sorted(firsts)
    places = tuple(first - 1 - bisect(again, first) for first, _ in rows)
    return Gathered(pixels, sum(bool(medium) for _, medium in found), places)


def _keep(
    filled: Filled,
    loop: DecodingLoop[Never],
    kept: dict[int, list[Evenly[Pixels]]],
    per_medium: int,
    n_requests: int,
) -> None:
    pixels = loop.pixels(filled.request, filled.slot)
    for place, attempt in enumerate(filled.attempts):
        if attempt not in kept:
            kept[attempt] = [Evenly(per_medium) for _ in range(n_requests)]
        spread = kept[attempt][filled.request]
        if spread.wants():
            spread.add(pixels[place].copy())
    loop.free(filled.request, filled.slot)
