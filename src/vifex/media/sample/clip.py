"""Windows of frames: LENGTH frames, STEP apart, a new window every HOP frames.

What becomes of the tail, for windows of 4 frames, step 1, over a video of 6 frames (0 to 5):

| tail | windows |
| --- | --- |
| `drop` | 0 1 2 3 |
| `pad` | 0 1 2 3 and 4 5 5 5 |
| `repeat` | 0 1 2 3 and 4 5 4 5 |

With a rate (`--clip 64x1 --fps 25`) the windows lie over a grid of times instead, S, S + 1/F, ...: a place of
the grid is the frame on screen then, so a frame of a slower video stands in a window several times and one of
a faster video may be passed by, as if the video had been encoded anew at that rate.

There is at most one such last window: the first that the video does not fill, and only if it shows a
frame that no whole window reached (windows that overlap would otherwise repeat the end many times).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from math import ceil

from vifex.media.sample.base import Part, Pick, exact
from vifex.media.sample.single import outside
from vifex.values import Sampling

__all__ = ["ClipSampler", "windows"]


class ClipSampler:
    """Gives each window when its last frame has been shown."""

    needs_duration = False

    def __init__(self, sampling: Sampling, part: Part, duration: Fraction | None) -> None:
        if sampling.clip_length is None or sampling.frame_step is None:
            raise ValueError("the sampler clip needs a length and a step")
        self._length = sampling.clip_length
        self._step = sampling.frame_step
        self._hop = sampling.hop or self._length * self._step
        self._tail = sampling.tail
        self._part = part
        self._rate = None if sampling.clip_fps is None else exact(sampling.clip_fps)
        self._frames: deque[int] = deque()  # numbers, in the video, of the frames at the places held
        self._gone = 0  # places before those
        self._count = 0  # places shown so far: frames of the part, or times of the grid
        self._window = 0  # the next window to be completed
        self.oldest = 0

    def feed(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Show the next frame; `True` if a window holds it."""
        if not self._part.shows(start, end):
            return False
        before = self._count
        self._count += 1 if self._rate is None else self._times(start, end, self._rate)
        self._frames.extend([index] * (self._count - before))
        return any(self._is_member(place) for place in range(before, self._count))

    def _times(self, start: Fraction, end: Fraction, rate: Fraction) -> int:
        """Count the times of the grid that no frame has answered yet and that lie before `end`."""
        limit = end if self._part.end is None else min(end, self._part.end)
        below = max(0, ceil((limit - (self._part.start or 0)) * rate))
        return max(0, below - self._count)

    def ready(self) -> Iterator[Pick]:
        """Give the windows whose last frame has been shown."""
        while self._window * self._hop + (self._length - 1) * self._step < self._count:
            yield self._pick(self._members(self._window))
            self._window += 1
            self._let_go()

    def _let_go(self) -> None:
        """Forget the places before the next window."""
        begin = self._window * self._hop
        last = self._frames[-1]
        while self._frames and self._gone < begin:
            self._frames.popleft()
            self._gone += 1
        self.oldest = self._frames[0] if self._frames else last + 1

    def finish(self) -> Iterator[Pick]:
        """Give the last window, padded or repeated, if the video leaves one unfilled."""
        real = [m for m in self._members(self._window) if m < self._count]
        reached = self._members(self._window - 1)[-1] if self._window else -1
        if self._tail == "drop" or not real or real[-1] <= reached:
            return
        missing = self._length - len(real)
        filled = (
            [real[-1]] * missing if self._tail == "pad" else [real[i % len(real)] for i in range(missing)]
        )
        yield self._pick(real + filled, n_real=len(real))

    def why_empty(self, n_frames: int, end: Fraction) -> str:
        """Say why there is no window."""
        if self._count == 0:
            return outside(self._part, end)
        rate = "" if self._rate is None else f" at {float(self._rate):g} frames per second"
        return (
            f"{self._count} frames{rate} do not fill one clip of {self._length} frames "
            f"with a step of {self._step}, and the tail is dropped"
        )

    def _is_member(self, n: int) -> bool:
        first = max(0, -(-(n - (self._length - 1) * self._step) // self._hop))
        return any((n - w * self._hop) % self._step == 0 for w in range(first, n // self._hop + 1))

    def _members(self, window: int) -> list[int]:
        begin = window * self._hop
        return [begin + i * self._step for i in range(self._length)]

    def _pick(self, members: list[int], n_real: int | None = None) -> Pick:
        frames = tuple(self._frames[m - self._gone] for m in members)
        return Pick(frames, self._length if n_real is None else n_real)


def windows(
    n_frames: int, length: int, step: int, hop: int | None = None, tail: str = "drop"
) -> list[list[int]]:
    """Give all windows of a video of so many frames: the rule over the whole video at once."""
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
