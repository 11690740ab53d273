"""Cuts: frames that are unlike all frames shortly before them.

A frame that is unlike the one before it starts a shot on two conditions. The frames of a fifth of a second
before it are unlike those of a fifth of a second behind it; so a flash, or something that passes before the
camera, is no cut. And the change is larger than those on the quieter side; so fast motion is no cut. The
second condition is the adaptive threshold of PySceneDetect's `AdaptiveDetector`, on what motion leaves over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from statistics import median
from typing import Final

from vifex.media.shots.small import SmallFrame, unlikeness

__all__ = ["CutFinder"]

_AROUND: Final = Fraction(1, 5)
"""Seconds before and behind a cut that are compared; shorter shots are not told from flashes."""
_SHORTEST: Final = Fraction(1, 10)
"""Seconds that a shot lasts at least, at the start and the end of a video too."""
_LEAST: Final = 0.2
_LEAST_AROUND: Final = 0.17
_TIMES: Final = 2.5
"""A cut changes the image by this many times the median change on its quieter side."""


class CutFinder:
    """Passes frames on, a fifth of a second later, each with the strength of the cut before it."""

    def __init__(self) -> None:
        self._frames: deque[SmallFrame] = deque()
        self._next = 0
        """Place of the first frame that is not decided."""

    def feed(self, frame: SmallFrame) -> Iterator[tuple[SmallFrame, float]]:
        """Take the next frame; yield those that are decided, with the strength of a cut, 0 for none."""
        self._frames.append(frame)
        while self._frames[self._next].start + _AROUND < frame.start:
            yield self._decided()

    def finish(self) -> Iterator[tuple[SmallFrame, float]]:
        """Yield the remaining frames."""
        while self._next < len(self._frames):
            yield self._decided()

    def _decided(self) -> tuple[SmallFrame, float]:
        frame = self._frames[self._next]
        strength = self._strength(frame) if self._next and frame.change >= _LEAST else 0.0
        self._next += 1
        # The frame right before the next one is kept in any case: frames may be seconds apart.
        while self._next > 1 and self._frames[1].start + _AROUND < frame.start:
            self._frames.popleft()
            self._next -= 1
        return frame, strength

    def _strength(self, frame: SmallFrame) -> float:
        frames = list(self._frames)
        last = frames[self._next - 1]
        strength = unlikeness(last, frame)
        if strength < _LEAST:
            return 0.0
        before = [f for f in frames[: self._next] if f is last or frame.start - f.start <= _AROUND]
        behind = [f for f in frames[self._next :] if f.start - frame.start <= _AROUND]
        if behind[-1].end - frame.start < _SHORTEST or frame.start - before[0].start < _SHORTEST:
            return 0.0
        sides = [median(f.change for f in side[1:]) for side in (before, behind) if len(side) > 2]
        if sides and strength < _TIMES * min(sides):
            return 0.0
        is_lasting = all(unlikeness(a, b) >= _LEAST_AROUND for a in _three(before) for b in _three(behind))
        return strength if is_lasting else 0.0


def _three(frames: Sequence[SmallFrame]) -> list[SmallFrame]:
    """Return the first, the middle and the last."""
    return [frames[place] for place in sorted({0, len(frames) // 2, len(frames) - 1})]
