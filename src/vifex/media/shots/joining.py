"""From cuts and mixtures to transitions: each is told once, and a fade out and a fade in are one."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from vifex.media.shots.dissolves import Mixture
from vifex.media.shots.fades import is_dip
from vifex.media.shots.small import SmallFrame

__all__ = ["Edge", "TransitionJoiner"]

_APART: Final = Fraction(1, 2)
"""Mixtures this close to each other or to a cut belong to one transition."""
_APART_CUTS: Final = Fraction(1, 4)
"""Of cuts this close to each other the strongest counts."""
_MOST_S: Final = 6
"""Cuts and mixtures that follow each other without a break are settled after so many seconds."""
_LATE: Final = Fraction(2)
"""A mixture is known at most so many seconds after its time."""
_FADE_S: Final = Fraction(5, 2)
"""Seconds from one half of a transition to the other, at most."""
_SIDE_S: Final = 1
"""Seconds beside a transition in which the full contrast is looked for."""
_HELD_S: Final = 12
_SURE: Final = 0.7
"""Part of the best score from which a mixture says where its transition begins and is over."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What remains of a transition, as times of frames."""

    at: Fraction
    """Start of the first frame of the next shot."""
    begin: Fraction
    """The shot before is clear up to here."""
    end: Fraction
    """The next shot is clear from here."""


@dataclass(frozen=True, slots=True, eq=False)
class _Transition:
    """A transition with the frames that tell what it is part of."""

    edge: Edge
    first: SmallFrame
    """The first frame that showed it."""
    last: SmallFrame
    before: SmallFrame
    """A clear frame of the shot before."""
    behind: SmallFrame
    """A clear frame of the next shot."""
    best: Mixture | None = None
    """The mixture that shows it best; `None` for a cut."""


class TransitionJoiner:
    """Collects cuts, mixtures and spaced frames in the order of time; holds frames of twelve seconds."""

    def __init__(self) -> None:
        self.found: list[Edge] = []
        """Transitions, once `finish` was called."""
        self.clear_start: Fraction | None = None
        """Where a fade in at the start of the video is over."""
        self.clear_end: Fraction | None = None
        """Where a fade out at its end begins."""
        self._cuts: list[tuple[SmallFrame, float]] = []
        self._mixtures: list[Mixture] = []
        self._spaced: deque[SmallFrame] = deque()
        self._start: Fraction | None = None
        self._last: _Transition | None = None
        """The last transition, which the next one may be a part of."""

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
        if self._last is None:
            return
        if self._is_fade_out(self._last):
            self.clear_end = self._last.edge.begin
        else:
            self.found.append(self._last.edge)

    def _settle(self, until: Fraction | None) -> None:
        """Make transitions of the cuts and mixtures before a time that later ones cannot belong to."""
        while self._cuts or self._mixtures:
            times = sorted([f.start for f, _ in self._cuts] + [m.frame.start for m in self._mixtures])
            end = times[0]
            for time in times:
                if time - end > _APART or time - times[0] > _MOST_S:
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
    ) -> list[_Transition]:
        """Return the transitions of a time in which something happens without a break."""
        kept: list[SmallFrame] = []
        for frame, _ in sorted(cuts, key=lambda cut: (-cut[1], cut[0].start)):
            if all(abs(frame.start - other.start) > _APART_CUTS for other in kept):
                kept.append(frame)
        groups: list[tuple[SmallFrame | None, list[Mixture]]] = [(frame, []) for frame in kept]
        for mixture in sorted(mixtures, key=lambda m: m.frame.start):
            near = [group for group in groups if _is_near(group, mixture)]
            if near:
                near[0][1].append(mixture)
            else:
                groups.append((None, [mixture]))
        return sorted((self._transition(*group) for group in groups), key=lambda t: t.edge.at)

    def _transition(self, cut: SmallFrame | None, mixtures: Sequence[Mixture]) -> _Transition:
        """Make a transition of a cut, of mixtures, or of a cut at the end or the start of a fade."""
        best = max(mixtures, key=lambda m: m.score, default=None)
        sure = [m for m in mixtures if best is not None and m.score >= _SURE * best.score]
        begins, ends = [m.before.end for m in sure], [m.behind.start for m in sure]
        if cut is not None:
            edge = Edge(cut.start, min([*begins, cut.start]), max([*ends, cut.start]))
            before = next((f for f in reversed(self._spaced) if f.start < cut.start), cut)
            return _Transition(edge, cut, cut, before, cut)
        assert best is not None
        at = self._near((sure[0].frame.start + sure[-1].frame.start) / 2)
        first, last = mixtures[0].frame, mixtures[-1].frame
        return _Transition(Edge(at, min(begins), max(ends)), first, last, best.before, best.behind, best)

    def _near(self, time: Fraction) -> Fraction:
        """Return the start of a frame near a time."""
        return min((frame.start for frame in self._spaced), key=lambda start: (abs(start - time), start))

    def _add(self, transition: _Transition) -> None:
        """Take the next transition: a new one, or the rest of the one before."""
        before = self._last
        if before is None:
            if not self.found and self.clear_start is None and self._is_fade_in(transition):
                self.clear_start = transition.edge.end
            else:
                self._last = transition
        elif _is_same(before, transition) or self._is_one_fade(before, transition):
            at = self._near((before.edge.at + transition.edge.at) / 2)
            self._last = replace(
                transition,
                edge=Edge(at, before.edge.begin, transition.edge.end),
                first=before.first,
                before=before.before,
                best=transition.best or before.best,
            )
        else:
            self.found.append(before.edge)
            self._last = transition

    def _is_one_fade(self, out: _Transition, back: _Transition) -> bool:
        """Whether one transition fades out and the other fades in."""
        if back.first.start - out.last.start > _FADE_S:
            return False
        between = [f for f in self._spaced if out.last.start <= f.start < back.first.start]
        full = (self._contrast_before(out), self._contrast_behind(back))
        return is_dip(between[1:] or between, full, (out.before, back.behind))

    def _is_fade_in(self, back: _Transition) -> bool:
        """Whether the video starts with nothing, or dim, and the transition brings its first shot."""
        start = self._start
        if start is None or back.first.start - start > _FADE_S or self._spaced[0].start > start:
            return False
        before = [f for f in self._spaced if f.start < back.first.start]
        return is_dip(before, (0.0, self._contrast_behind(back)), (back.behind,))

    def _is_fade_out(self, out: _Transition) -> bool:
        """Whether the video ends with nothing, or dim, after the transition."""
        if self._spaced[-1].end - out.last.start > _FADE_S:
            return False
        behind = [f for f in self._spaced if f.start > out.last.start]
        return is_dip(behind, (self._contrast_before(out), 0.0), (out.before,))

    def _contrast_before(self, transition: _Transition) -> float:
        first = transition.first.start
        return max((f.contrast for f in self._spaced if first - _SIDE_S <= f.start < first), default=0.0)

    def _contrast_behind(self, transition: _Transition) -> float:
        last = transition.last.start
        return max((f.contrast for f in self._spaced if last <= f.start <= last + _SIDE_S), default=0.0)


def _is_same(a: _Transition, b: _Transition) -> bool:
    """Whether two transitions are parts of one dissolve, whose middle no mixture showed."""
    if a.best is None or b.best is None:
        return False
    return b.best.before.end < a.best.behind.start and b.edge.at - a.edge.at < _FADE_S


def _is_near(group: tuple[SmallFrame | None, list[Mixture]], mixture: Mixture) -> bool:
    cut, mixtures = group
    at = mixture.frame.start
    if cut is not None:
        return abs(at - cut.start) <= _APART
    return at - mixtures[-1].frame.start <= _APART
