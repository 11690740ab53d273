"""Frames of each shot of a video. The shots were found before, from the content of all frames."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction

from vifex.media.sample.base import Part, Pick
from vifex.media.sample.single import SingleFrames
from vifex.media.shots.shot import ShotSpan
from vifex.values import Sampling

__all__ = ["FoundShots", "ShotsSampler"]


@dataclass(frozen=True, slots=True)
class FoundShots(Sampling):
    """A sampling by shots with the shots of one video; it is no part of a recipe."""

    shots: tuple[ShotSpan, ...] = ()
    is_damaged: bool = False
    """Whether something was lost; then all of the video is decoded again, so that it is told."""

    @classmethod
    def of(cls, sampling: Sampling, shots: tuple[ShotSpan, ...], is_damaged: bool) -> FoundShots:
        """Add the shots of a video to a sampling."""
        own = {field.name: getattr(sampling, field.name) for field in fields(Sampling)}
        return cls(**own, shots=shots, is_damaged=is_damaged)

    def moments(self) -> list[tuple[Fraction, ShotSpan]]:
        """Return the times at which a frame is taken, in order, each with its shot."""
        return [(t, shot) for shot in self.shots for t in shot.moments(self.per_shot or 1)]


class ShotsSampler(SingleFrames):
    """Selects the frames on screen at the middles of equal parts of each shot; each frame once."""

    needs_duration = False

    def __init__(self, sampling: Sampling, part: Part, duration: Fraction | None) -> None:
        super().__init__(sampling, part, duration)
        if not isinstance(sampling, FoundShots):
            raise TypeError("the sampler shots needs the shots of the video")
        moments = sampling.moments()
        self._times = [t for t, _ in moments]
        self._shots = [shot for _, shot in moments]
        self._next = 0

    def takes(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Return whether a moment without a frame so far is before `end`."""
        below = bisect_left(self._times, end)
        taken = below > self._next
        self._next = max(self._next, below)
        return taken

    def ready(self) -> Iterator[Pick]:
        """Yield the last frame if it is a sample, with its shot's times."""
        for pick in super().ready():
            shot = self._shots[self._next - 1]
            yield replace(pick, stands_for=(shot.start, shot.end))
