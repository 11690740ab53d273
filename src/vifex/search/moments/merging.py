"""Merging: from the score of every frame to moments.

The rule. A moment begins as the best frame that belongs to none yet, its peak. It takes in the frames
before and after the peak whose gains reach the floor: the peak less `drop` times its height above the
background, which is the median gain of all rows. Frames of one medium follow each other in a moment where
no more than one usual step (1.5 times the median of the medium) plus `gap_s` lies between their starts, or
where the first stands until the second begins, as rows do that stand for frames that did not change. A
frame beside a moment that does not reach its floor is the flank of that moment and begins none of its own;
it takes a rise behind it to begin another.

With `drop=0.5` this is the full width at half maximum, the usual measure of the width of a peak. It is free
of units, so it holds for every model and metric.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vifex.search.moments.frames import Frames
from vifex.values import InputError

__all__ = ["MergeRule", "Run", "merged", "merged_by_medium"]

Floats = npt.NDArray[np.float64]

_STEPS = 1.5
"""Neighbours of a medium lie one median step apart; times jitter by less than half of one."""


@dataclass(frozen=True, slots=True)
class MergeRule:
    """Which frames belong to a moment; see the module."""

    drop: float = 0.5
    """Share of a peak's height that a frame of its moment may lie below it, 0 to 1."""
    gap_s: float = 0.0
    """Seconds of frames below the floor that a moment bridges."""
    least: float = -np.inf
    """A frame of a lower gain belongs to no moment."""

    def __post_init__(self) -> None:
        if not 0 <= self.drop <= 1:
            raise InputError(f"takes a share from 0 to 1, got {self.drop:g}.", option="drop")
        if not 0 <= self.gap_s < np.inf:
            raise InputError(f"takes seconds from 0 on, got {self.gap_s:g}.", option="gap_s")


@dataclass(frozen=True, slots=True)
class Run:
    """A moment as frames `[first, last]`."""

    gain: float
    """Of the peak."""
    peak: int
    first: int
    last: int
    medium: int
    start_s: float
    """NaN for images."""
    end_s: float


def merged(gains: Floats, frames: Frames, rule: MergeRule, background: float) -> Iterator[Run]:
    """Yield all moments, the best first. Equal ones come in the order of the ids of their media.

    Args:
        gains: `[F]`, higher is nearer; frames that are not finite belong to no moment.
        frames: The frames.
        rule: What belongs to a moment.
        background: The median gain of all rows, those that do not match included.
    """
    queue: list[tuple[float, str, int, Run | None, Iterator[Run] | None]] = [
        (-best, frames.media[m], 0, None, None) for m, best in _best_of_media(gains, frames)
    ]
    heapq.heapify(queue)
    number = {name: m for m, name in enumerate(frames.media)} if queue else {}
    while queue:
        _, name, order, run, rest = heapq.heappop(queue)
        if run is not None:
            yield run
        if rest is None:
            rest = _of_medium(gains, frames, number[name], rule, background)
        following = next(rest, None)
        if following is not None:
            heapq.heappush(queue, (-following.gain, name, order + 1, following, rest))


def merged_by_medium(
    gains: Floats, frames: Frames, rule: MergeRule, background: float
) -> Iterator[list[Run]]:
    """Yield the moments of each medium in the order of time, the medium with the best moment first.

    A medium has those moments whose peak lies within `drop` of the height of its best one.
    """
    ranked = sorted(_best_of_media(gains, frames), key=lambda one: (-one[1], frames.media[one[0]]))
    for m, best in ranked:
        floor = _floor(best, background, rule)
        runs = []
        for run in _of_medium(gains, frames, m, rule, background):
            if run.gain < floor:
                break
            runs.append(run)
        if runs:
            yield sorted(runs, key=lambda run: run.first)


def _best_of_media(gains: Floats, frames: Frames) -> list[tuple[int, float]]:
    if not len(frames):
        return []
    best = np.maximum.reduceat(gains, frames.first_frame[:-1])
    return [(m, float(best[m])) for m in np.flatnonzero(np.isfinite(best)).tolist()]


def _floor(peak: float, background: float, rule: MergeRule) -> float:
    return max(peak - rule.drop * max(0.0, peak - background), rule.least)


def _of_medium(
    gains: Floats, frames: Frames, medium: int, rule: MergeRule, background: float
) -> Iterator[Run]:
    """Yield the moments of one medium, the best first."""
    low, high = int(frames.first_frame[medium]), int(frames.first_frame[medium + 1])
    own, starts = gains[low:high], frames.start_s[low:high]
    step = float(np.median(np.diff(starts))) if high - low > 1 else 0.0
    longest = _STEPS * step + rule.gap_s
    own_ends = frames.end_s[low:high]
    ends = _covered(starts, own_ends, step)
    taken = np.zeros(high - low, bool)
    for peak in np.argsort(-own, kind="stable").tolist():
        if taken[peak]:
            continue
        if not np.isfinite(own[peak]) or own[peak] < rule.least:
            return
        is_flank = any(
            taken[i] and _near(starts, own_ends, peak, i, longest) for i in _beside(peak, len(own))
        )
        taken[peak] = True
        if is_flank:
            continue
        floor = _floor(float(own[peak]), background, rule)
        first = _reached(own, starts, own_ends, taken, peak, -1, floor, longest)
        last = _reached(own, starts, own_ends, taken, peak, 1, floor, longest)
        taken[first : last + 1] = True
        yield Run(
            float(own[peak]),
            low + peak,
            low + first,
            low + last,
            medium,
            float(starts[first]),
            float(ends[first : last + 1].max()),
        )


def _reached(
    own: Floats,
    starts: Floats,
    ends: Floats,
    taken: npt.NDArray[np.bool_],
    peak: int,
    way: int,
    floor: float,
    longest: float,
) -> int:
    """Return the outermost frame on one side of a peak that belongs to its moment."""
    reached, at = peak, peak + way
    while 0 <= at < len(own) and not taken[at] and _near(starts, ends, reached, at, longest):
        if own[at] >= floor:
            reached = at
        at += way
    return reached


def _near(starts: Floats, ends: Floats, one: int, other: int, longest: float) -> bool:
    """Return whether frames follow each other; images and pages, which have no times, do not."""
    first, second = sorted((one, other))
    return bool(starts[second] - starts[first] <= longest or starts[second] <= ends[first])


def _beside(frame: int, count: int) -> list[int]:
    return [i for i in (frame - 1, frame + 1) if 0 <= i < count]


def _covered(starts: Floats, ends: Floats, step: float) -> Floats:
    """Return until when each frame stands: until the next one of its medium, at most for one median step.

    A row of a sampled frame has the end of that frame, 1/25 s later; the next row is what is known next.
    """
    following = np.append(starts[1:], -np.inf)
    return np.asarray(np.fmax(ends, np.minimum(following, starts + step)))
