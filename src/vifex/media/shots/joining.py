"""From cuts and mixtures to transitions: each is told once, and a fade out and a fade in are one."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np

from vifex.media.shots.dissolves import STEP, Mixture
from vifex.media.shots.small import SmallFrame

__all__ = ["Transition", "TransitionJoiner"]

_APART: Final = Fraction(1, 2)
"""Mixtures this close to each other or to a cut belong to one transition."""
_APART_CUTS: Final = Fraction(1, 4)
_LATE: Final = Fraction(2)
"""A mixture is known at most this long after its time."""
_FADE_S: Final = Fraction(5, 2)
_SIDE_S: Final = 1
_EMPTY: Final = 12.0
"""Contrast of an empty frame, in grey levels."""
_EMPTY_S: Final = 1
"""An empty image that lasts longer is a shot of its own."""
_HELD_S: Final = 12
_DIM, _DIP = 0.75, 0.4
"""Parts of the full contrast: between two halves of a fade all frames have less than the first, one less than
the second."""
_ALIKE: Final = 0.8
_SURE: Final = 0.7
"""Part of the best score from which a mixture says where its transition begins and is over."""


@dataclass(frozen=True, slots=True, eq=False)
class Transition:
    """One transition, as times of frames."""

    at: Fraction
    """Start of the first frame of the next shot."""
    begin: Fraction
    """Where it begins: the shot before is clear up to here."""
    end: Fraction
    """Where it is over."""
    first: SmallFrame
    """The first frame that showed it."""
    last: SmallFrame
    best: Mixture | None = None
    """The mixture that shows it best; `None` for a cut."""


class TransitionJoiner:
    """Collects cuts, mixtures and spaced frames in the order of time; holds frames of twelve seconds."""

    def __init__(self) -> None:
        self.found: list[Transition] = []
        self._cuts: list[tuple[SmallFrame, float]] = []
        self._mixtures: list[Mixture] = []
        self._spaced: deque[SmallFrame] = deque()
        self._start: Fraction | None = None
        self.clear_start: Fraction | None = None
        """Where a fade in at the start of the video is over."""
        self.clear_end: Fraction | None = None
        """Where a fade out at its end begins."""

    def add_cut(self, frame: SmallFrame, strength: float) -> None:
        """Take a cut before a frame."""
        self._cuts.append((frame, strength))

    def add_mixture(self, mixture: Mixture) -> None:
        """Take a frame within a dissolve or a fade."""
        self._mixtures.append(mixture)

    def add_spaced(self, frame: SmallFrame) -> None:
        """Take the next spaced frame, after the cuts and mixtures that it shows."""
        if self._start is None:
            self._start = frame.start
        self._spaced.append(frame)
        while frame.start - self._spaced[0].start > _HELD_S:
            self._spaced.popleft()
        self._settle(frame.start - _LATE)

    def finish(self) -> None:
        """Settle what is left at the end of the video."""
        self._settle(None)
        if self.found and self._is_fade_out(self.found[-1]):
            self.clear_end = self.found.pop().begin

    def _settle(self, until: Fraction | None) -> None:
        """Make transitions of the cuts and mixtures before a time that later ones cannot belong to."""
        while True:
            times = sorted([f.start for f, _ in self._cuts] + [m.frame.start for m in self._mixtures])
            if not times:
                return
            end = times[0]
            for time in times:
                if time - end > _APART:
                    break
                end = time
            if until is not None and end + _APART > until:
                return
            cuts = [c for c in self._cuts if c[0].start <= end]
            mixtures = [m for m in self._mixtures if m.frame.start <= end]
            self._cuts = [c for c in self._cuts if c[0].start > end]
            self._mixtures = [m for m in self._mixtures if m.frame.start > end]
            for transition in self._told_apart(cuts, mixtures):
                self._add(transition)

    def _told_apart(
        self, cuts: Sequence[tuple[SmallFrame, float]], mixtures: Sequence[Mixture]
    ) -> list[Transition]:
        """Return the transitions of a time in which something happens without a break."""
        kept: list[SmallFrame] = []
        for frame, _ in sorted(cuts, key=lambda cut: (-cut[1], cut[0].start)):
            if all(abs(frame.start - other.start) > _APART_CUTS for other in kept):
                kept.append(frame)
        groups: list[tuple[SmallFrame | None, list[Mixture]]] = [(frame, []) for frame in kept]
        for mixture in sorted(mixtures, key=lambda m: m.frame.start):
            near = [g for g in groups if _is_near(g, mixture)]
            if near:
                near[0][1].append(mixture)
            else:
                groups.append((None, [mixture]))
        return sorted((self._transition(*group) for group in groups), key=lambda t: t.at)

    def _transition(self, cut: SmallFrame | None, mixtures: Sequence[Mixture]) -> Transition:
        if not mixtures:
            assert cut is not None
            return Transition(cut.start, cut.start, cut.start, cut, cut)
        best = max(mixtures, key=lambda m: m.score)
        sure = [m for m in mixtures if m.score >= _SURE * best.score]
        begin, end = min(m.before.end for m in sure), max(m.behind.start for m in sure)
        if cut is not None:
            return Transition(cut.start, min(begin, cut.start), max(end, cut.start), cut, cut)
        first, last = mixtures[0].frame, mixtures[-1].frame
        at = (sure[0].frame.start + sure[-1].frame.start) / 2
        return Transition(self._near(at), begin, end, first, last, best)

    def _near(self, time: Fraction) -> Fraction:
        """Return the start of a frame near a time."""
        return min((frame.start for frame in self._spaced), key=lambda start: (abs(start - time), start))

    def _add(self, transition: Transition) -> None:
        if not self.found:
            if self.clear_start is None and self._is_fade_in(transition):
                self.clear_start = transition.end
            else:
                self.found.append(transition)
            return
        before = self.found[-1]
        if _is_same(before, transition) or self._is_one_fade(before, transition):
            self.found[-1] = replace(
                transition,
                at=self._near((before.at + transition.at) / 2),
                begin=before.begin,
                first=before.first,
            )
        else:
            self.found.append(transition)

    def _is_one_fade(self, out: Transition, back: Transition) -> bool:
        """Whether one transition fades out and the other fades in."""
        if back.first.start - out.last.start > _FADE_S:
            return False
        between = [f for f in self._spaced if out.last.start <= f.start < back.first.start]
        full = (self._contrast_before(out), self._contrast_behind(back))
        sides = [t for t in (out, back) if t.best]
        return self._is_dip(between[1:] or between, full, [s.first if s is out else s.last for s in sides])

    def _is_fade_in(self, back: Transition) -> bool:
        start = self._start
        if start is None or back.first.start - start > _FADE_S or self._spaced[0].start > start:
            return False
        before = [f for f in self._spaced if f.start < back.first.start]
        return self._is_dip(before, (self._contrast_behind(back),) * 2, (back.last,) if back.best else ())

    def _is_fade_out(self, out: Transition) -> bool:
        if self._spaced[-1].end - out.last.start > _FADE_S:
            return False
        behind = [f for f in self._spaced if f.start > out.last.start]
        return self._is_dip(behind, (self._contrast_before(out),) * 2, (out.first,) if out.best else ())

    def _is_dip(
        self, frames: Sequence[SmallFrame], full: tuple[float, float], sides: Sequence[SmallFrame]
    ) -> bool:
        """Whether the contrast falls and rises, and its lowest frame shows what is beside it, or nothing.

        Args:
            frames: Frames between the two transitions.
            full: The full contrast before and behind them.
            sides: Frames of the two transitions.
        """
        if not frames or sum(f.contrast < _EMPTY for f in frames) * STEP > _EMPTY_S:
            return False
        place = min(range(len(frames)), key=lambda i: frames[i].contrast)
        lowest = frames[place]
        if any(f.contrast >= _DIM * full[i > place] for i, f in enumerate(frames)):
            return False
        if lowest.contrast >= _DIP * min(full):
            return False
        return lowest.contrast < _EMPTY or any(_alike(lowest, side) > _ALIKE for side in sides)

    def _contrast_before(self, transition: Transition) -> float:
        first = transition.first.start
        return max((f.contrast for f in self._spaced if first - _SIDE_S <= f.start < first), default=0.0)

    def _contrast_behind(self, transition: Transition) -> float:
        last = transition.last.start
        return max((f.contrast for f in self._spaced if last <= f.start <= last + _SIDE_S), default=0.0)


def _is_same(a: Transition, b: Transition) -> bool:
    """Whether two transitions are parts of one dissolve, whose middle no mixture showed."""
    if a.best is None or b.best is None:
        return False
    return b.best.before.end < a.best.behind.start and b.at - a.at < _FADE_S


def _is_near(group: tuple[SmallFrame | None, list[Mixture]], mixture: Mixture) -> bool:
    cut, mixtures = group
    at = mixture.frame.start
    if cut is not None:
        return abs(at - cut.start) <= _APART
    return at - mixtures[-1].frame.start <= _APART


def _alike(a: SmallFrame, b: SmallFrame) -> float:
    """Return the correlation of two images."""
    x, y = a.coarse - a.coarse.mean(), b.coarse - b.coarse.mean()
    scale = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / scale if scale else 0.0
