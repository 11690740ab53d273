"""Places decoded frames of sound on a continuous timeline.

Positions are counted in samples from the file's first timestamp. Where timestamps leave the count for good,
they win: a gap is filled with silence, and an overlap is dropped. A single timestamp that is off is jitter,
and is ignored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from av.audio.frame import AudioFrame

from vifex.media.decode.files.damage import Damage
from vifex.media.decode.timing.times import Clock

__all__ = ["Piece", "Timeline"]

_SLACK_S: Final = Fraction(1, 20)
"""Containers round times to their ticks, and some devices note them 20 ms off for seconds; less than this
is no gap, as filling and cutting would do more harm to the sound than to its times."""
_AHEAD_S: Final = Fraction(1, 2)
"""Sound that is looked at before a gap is believed."""
_LONGEST_GAP_S: Final = 3_600
"""Times that jump further are broken."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A frame of sound in its place."""

    frame: AudioFrame
    start: Fraction
    """Seconds of the file's own time."""
    is_new: bool
    """Whether it does not go on where the piece before it ended, or is of another kind."""


@dataclass(frozen=True, slots=True)
class _Timed:
    """A frame that waits for its place."""

    frame: AudioFrame
    own: Fraction | None
    """Seconds, as its own time says."""
    length: Fraction
    """Seconds."""


class Timeline:
    """Places decoded frames in time, and counts what is missing or too much."""

    def __init__(self, clock: Clock, damage: Damage) -> None:
        self._clock = clock
        self._damage = damage
        self.n_frames = 0
        self.end = Fraction(0)
        """Where the sound ends, seconds."""
        self._silent_s = Fraction(0)
        self._first_silent_s = Fraction(0)
        self._cut_s = Fraction(0)
        self._ahead: deque[_Timed] = deque()
        self._kind: tuple[object, ...] = ()
        self._is_over = False

    def pieces(self, frames: Iterator[AudioFrame]) -> Iterator[Piece]:
        """Yield the frames that count; a frame that overlaps is shortened."""
        held_s = Fraction(0)
        for frame in (f for f in frames if f.samples):
            own = None if frame.pts is None else self._clock.seconds(frame.pts)
            self._ahead.append(_Timed(frame, own, Fraction(frame.samples, frame.sample_rate)))
            held_s += self._ahead[-1].length
            while held_s > _AHEAD_S and not self._is_over:
                held_s -= self._ahead[0].length
                yield from self._place()
            if self._is_over:
                return
        while self._ahead and not self._is_over:
            yield from self._place()

    def _place(self) -> Iterator[Piece]:
        """Decide where the next frame lies."""
        off, first = self._off(), self._first()
        timed = self._ahead.popleft()
        frame = timed.frame
        if off > _LONGEST_GAP_S:
            self._damage.other(f"Its sound jumps by {float(off):,.0f} s; the rest was left out.")
            self._is_over = True
            return
        if off < 0:
            left = shorten(frame, -off)
            self._cut_s += Fraction(frame.samples - (left.samples if left else 0), frame.sample_rate)
            if left is None:
                return
            frame = left
        elif off > 0:
            self._note_silence(off)
        kind = (frame.sample_rate, frame.layout.name, frame.format.name)
        start = self.end + max(off, Fraction(0)) if self.n_frames else first
        is_new = not self.n_frames or off > 0 or kind != self._kind
        self._kind = kind
        self.n_frames += 1
        self.end = start + Fraction(frame.samples, frame.sample_rate)
        yield Piece(frame, start, is_new)

    def _first(self) -> Fraction:
        """Say when the frames that wait start: counted back from the first of them that has a time."""
        count = Fraction(0)
        for timed in self._ahead:
            if timed.own is not None:
                return timed.own - count
            count += timed.length
        return Fraction(0)

    def _off(self) -> Fraction:
        """Say by how much the next frames leave the count: the least that they agree on."""
        if not self.n_frames:
            return Fraction(0)
        count, least = self.end, None
        for timed in self._ahead:
            off = None if timed.own is None else timed.own - count
            if off is not None and (least is None or abs(off) < abs(least)):
                least = off
            if least is None or abs(least) <= _SLACK_S:
                return Fraction(0)
            count += timed.length
        return least or Fraction(0)

    def notes(self) -> Iterator[str]:
        """Describe what was filled and cut."""
        if self._silent_s:
            yield (
                f"Gaps in its sound were filled with {float(self._silent_s):.2f} s of silence, the first at "
                f"{float(self._first_silent_s):.2f} s."
            )
        if self._cut_s:
            yield f"{float(self._cut_s):.2f} s of sound overlapped in time and were dropped."

    def _note_silence(self, length: Fraction) -> None:
        if not self._silent_s:
            self._first_silent_s = self.end
        self._silent_s += length


def shorten(frame: AudioFrame, by: Fraction) -> AudioFrame | None:
    """Cut the beginning of a frame.

    Args:
        frame: Of any format.
        by: Seconds.

    Returns:
        What is left; `None` if that is nothing.
    """
    n = -(-by * frame.sample_rate // 1)
    if n >= frame.samples:
        return None
    first = int(n) * (1 if frame.format.is_planar else len(frame.layout.channels))
    array = frame.to_ndarray()[:, first:].copy()
    left = AudioFrame.from_ndarray(array, format=frame.format.name, layout=frame.layout.name)
    left.sample_rate = frame.sample_rate
    return left
