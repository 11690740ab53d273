"""How quick a plan's network is: alone, and behind the decoders."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from vifex.engines import Network
from vifex.extraction.decoders.events import Filled
from vifex.extraction.decoders.loop import DecodingLoop
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.values import Limits, Medium

__all__ = ["inference_rate", "pipeline_rate"]


def inference_rate(network: Network, samples: npt.NDArray[np.uint8], seconds: float) -> float:
    """Return the samples per second of a network alone, all its requests busy.

    Args:
        network: Compiled.
        samples: uint8 `[N, *input shape]`, from which its batches are filled; they are gone through in turn.
        seconds: How long, about.
    """
    places = itertools.cycle(range(len(samples)))
    batches = [
        np.ascontiguousarray(samples[[next(places) for _ in range(network.batch)]])
        for _ in range(network.requests)
    ]
    running: deque[Future[Any]] = deque()
    done, began_s = 0, time.perf_counter()
    for batch in itertools.cycle(batches):
        if time.perf_counter() - began_s >= seconds and done:
            break
        running.append(network.submit(batch))
        done += network.batch
        while running and running[0].done():
            running.popleft().result()
    for future in running:
        future.result()
    return done / (time.perf_counter() - began_s)


@dataclass(frozen=True, slots=True)
class _Computed:
    filled: Filled
    result: Future[Any]


def pipeline_rate(
    plan: ViewPlan, network: Network, media: Sequence[Medium], seconds: float, *, workers: int, limits: Limits
) -> float:
    """Return the samples per second of decoding and network together, as a run has them, nothing stored.

    Args:
        plan: Says what is sampled.
        network: Of the plan, compiled.
        media: Gone through in turn until the time is up.
        seconds: How long, about: what is being decoded then is finished and counts.
        workers: Decoder processes.
        limits: What one file may cost.
    """
    rows = network.batch // (plan.window_frames or 1)
    done = 0
    computing: set[int] = set()
    waiting: deque[Filled] = deque()

    def supply() -> Iterator[Medium]:
        for medium in itertools.cycle(media):
            # The clock starts when a decoder stands ready: its start is no work on media.
            if loop.ready_s is not None and time.monotonic() >= loop.ready_s + seconds:
                return
            yield medium

    loop: DecodingLoop[_Computed] = DecodingLoop(
        [plan.request], [rows], extra_slots=2 * network.requests, workers=workers, limits=limits
    )
    with loop:
        for event in loop.events(supply(), busy=lambda: bool(waiting or computing)):
            match event:
                case Filled():
                    waiting.append(event)
                case _Computed(filled, result):
                    computing.discard(filled.slot)
                    result.result()
                    done += len(filled.attempts)
                    loop.free(filled.request, filled.slot)
            while waiting and len(computing) < network.requests:
                filled = waiting.popleft()
                pixels = loop.pixels(filled.request, filled.slot)
                result = network.submit(pixels.reshape(network.input_shape))
                computing.add(filled.slot)
                result.add_done_callback(lambda r, f=filled: loop.post(_Computed(f, r)))  # type: ignore[misc]
        took_s = time.monotonic() - cast(float, loop.ready_s)
    return done / took_s
