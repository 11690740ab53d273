"""Dissolves and fades: frames that are a mixture of the frames before and behind them.

In a dissolve from A to B a frame is (1 - w) A + w B with w growing steadily. So it lies halfway between the
frames that are equally far before and behind it, although these two are unlike. Motion does not do that: a
frame of a pan is sharp, the mean of two others is not. A fade is a dissolve from or to an empty image. Frames
are compared at several distances, because the duration of a dissolve is unknown.

That a dissolve is a steady mixture is the model of Hampapur, Jain and Weymouth ("Digital video segmentation",
ACM Multimedia 1994).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from vifex.media.shots.small import SmallFrame, unlikeness

__all__ = ["STEP", "DissolveFinder", "Mixture", "Spaced"]

STEP: Final = Fraction(1, 10)
"""Seconds from one frame that is looked at to the next."""
_REACHES: Final = (1, 2, 3, 4, 6, 8, 10, 13)
"""Steps from a frame to those that it may be a mixture of."""
_LONGEST: Final = 2 * _REACHES[-1] * STEP + STEP
_LEAST: Final = 0.2
"""Least unlikeness of the two ends."""
_LEAST_GREY: Final = 2.0
"""Least root mean square of half their difference, in grey levels: below it noise decides."""
_MOST_OFF: Final = 0.65
_LEAST_SCORE: Final = 0.16


@dataclass(frozen=True, slots=True, eq=False)
class Spaced:
    """A frame that is looked at, one for each tenth of a second or rarer."""

    frame: SmallFrame
    n_cuts: int
    """Cuts so far."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """A frame that is a mixture of two unlike ones."""

    frame: SmallFrame
    before: SmallFrame
    behind: SmallFrame
    score: float
    """How unlike the two are, times how well the mixture explains what is between them."""


class DissolveFinder:
    """Looks at spaced frames; it holds those of the last three seconds."""

    def __init__(self) -> None:
        self._spaced: deque[Spaced] = deque(maxlen=2 * _REACHES[-1] + 1)

    def feed(self, spaced: Spaced) -> Iterator[Mixture]:
        """Take the next frame; yield the frames before it that it shows to be mixtures."""
        self._spaced.append(spaced)
        for reach in _REACHES:
            if 2 * reach >= len(self._spaced):
                return
            first = self._spaced[-1 - 2 * reach]
            if first.n_cuts != spaced.n_cuts or spaced.frame.start - first.frame.start > _LONGEST:
                return
            run = [s.frame for s in list(self._spaced)[-1 - 2 * reach :]]
            score = _score(run)
            if score >= _LEAST_SCORE:
                yield Mixture(run[reach], run[0], run[-1], score)


def _score(run: Sequence[SmallFrame]) -> float:
    """Return how well a run of frames is a dissolve from the first to the last; 0 if it is none."""
    first, middle, last = run[0], run[len(run) // 2], run[-1]
    half = (last.coarse - first.coarse) / 2
    amount = _rms(half)
    if amount < _LEAST_GREY:
        return 0.0
    off = _rms(middle.coarse - first.coarse - half) / amount
    if off > _MOST_OFF:
        return 0.0
    if float(np.abs(first.even - last.even).mean()) < _LEAST:
        return 0.0
    unlike = unlikeness(first, last)
    if unlike < _LEAST:
        return 0.0
    between = np.stack([frame.coarse for frame in run[1:-1]]) - first.coarse
    weights = (between * half).sum(axis=(1, 2)) / float((half**2).sum())
    rest = between - weights[:, None, None] * half
    mean_off = float(np.sqrt((rest**2).mean(axis=(1, 2))).mean()) / amount
    return unlike * (1 - max(off, mean_off))


def _rms(values: npt.NDArray[np.floating]) -> float:
    return float(np.sqrt((values**2).mean()))
