"""Windows of frames: LENGTH frames, STEP apart, a new window every HOP frames.

The tail policies, for windows of 4 frames, step 1, over a video of 6 frames (0 to 5):

| tail | windows |
| --- | --- |
| `drop` | 0 1 2 3 |
| `pad` | 0 1 2 3 and 4 5 5 5 |
| `repeat` | 0 1 2 3 and 4 5 4 5 |
| `zeros` | 0 1 2 3 and 4 5 and two black frames |

There is at most one such last window: the first that the video does not fill, and only if it has a frame
that no full window has (overlapping windows would otherwise repeat the end many times).

Centred windows surround a frame, by default every frame, and both ends are filled. For 3
frames, step 1, over a video of 4 frames (0 to 3):

| tail | windows |
| --- | --- |
| `drop` | 0 1 2 and 1 2 3 |
| `pad` | 0 0 1 and 0 1 2 and 1 2 3 and 2 3 3 |
| `zeros` | the same, with black frames instead of the repeated ones |

With a rate (`clip="64x1", fps=25`) the windows use a grid of times, S, S + 1/F, ...: a position is the frame
on screen at that time. A frame of a slower video may then occur several times in a window, and a frame of a
faster video may be skipped, as if the video had been encoded again at that rate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil

from vifex.media.sample.base import Part, Pick, exact
from vifex.media.sample.single import outside
from vifex.media.sample.windows import Windows
from vifex.values import Sampling

__all__ = ["ClipSampler", "windows"]


class ClipSampler:
    """Gives each window when its last frame has come."""

    needs_duration = False

    def __init__(self, sampling: Sampling, part: Part, duration: Fraction | None) -> None:
        self._windows = Windows.of(sampling)
        self._part = part
        self._rate = None if sampling.clip_fps is None else exact(sampling.clip_fps)
        # For each frame that is held, its number and the place behind its last one: however long a
        # frame is on screen, it takes no more memory.
        self._frames: deque[tuple[int, int]] = deque()
        self._count = 0  # places shown so far: frames of the part, or times of the grid
        self._window = self._windows.first  # the next window to be completed
        self.oldest = 0

    def feed(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Take the next frame; return whether a window contains it."""
        if not self._part.shows(start, end):
            return False
        before = self._count
        self._count += 1 if self._rate is None else self._times(end, self._rate)
        if self._count > before:
            self._frames.append((index, self._count))
        return any(self._windows.holds(place) for place in range(before, self._count))

    def _times(self, end: Fraction, rate: Fraction) -> int:
        """Count the times of the grid without a frame so far that are before `end`."""
        limit = end if self._part.end is None else min(end, self._part.end)
        below = max(0, ceil((limit - (self._part.start or 0)) * rate))
        return max(0, below - self._count)

    def ready(self) -> Iterator[Pick]:
        """Yield the windows whose last frame has come."""
        while self._windows.last(self._window) < self._count:
            yield self._pick(self._window)
            self._window += 1
            self._let_go()

    def _let_go(self) -> None:
        """Drop the frames before the next window."""
        begin = self._windows.begin(self._window)
        last, _ = self._frames[-1]
        while self._frames and self._frames[0][1] <= begin:
            self._frames.popleft()
        self.oldest = self._frames[0][0] if self._frames else last + 1

    def finish(self) -> Iterator[Pick]:
        """Yield the windows that the video does not fill, filled, unless the tail is dropped."""
        for window in self._windows.unfilled(self._window, self._count):
            yield self._pick(window)

    def why_empty(self, n_frames: int, end: Fraction) -> str:
        """Explain why there is no window."""
        if self._count == 0:
            return outside(self._part, end)
        rate = "" if self._rate is None else f" at {float(self._rate):g} frames per second"
        return (
            f"{self._count} frames{rate} do not fill one clip of {self._windows.length} frames "
            f"with a step of {self._windows.step}, and the tail is dropped"
        )

    def _pick(self, window: int) -> Pick:
        places = self._windows.real(window, self._count)
        n_before = self._windows.n_before(window)
        frames = self._windows.filled(self._at(places), n_before)
        return Pick(frames, len(places), n_before, self._windows.anchor)

    def _at(self, places: Sequence[int]) -> list[int]:
        """Return the frames at increasing positions."""
        found: list[int] = []
        held = iter(self._frames)
        index, upto = next(held)
        for place in places:
            while place >= upto:
                index, upto = next(held)
            found.append(index)
        return found


def windows(
    n_frames: int, length: int, step: int, hop: int | None = None, tail: str = "drop"
) -> list[list[int]]:
    """Return all windows of a video of so many frames: the same rule for the whole video at once."""
    hop = hop or length * step
    whole = [
        list(range(begin, begin + length * step, step))
        for begin in range(0, n_frames, hop)
        if begin + (length - 1) * step < n_frames
    ]
    rest = list(range(len(whole) * hop, n_frames, step))[:length]
    if tail == "drop" or not rest or (whole and rest[-1] <= whole[-1][-1]):
        return whole
    fill = rest[-1:] if tail == "pad" else rest
    return [*whole, (rest + fill * length)[:length]]
