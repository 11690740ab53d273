"""Windows of frames: LENGTH frames, STEP apart, a new window every HOP frames.

What becomes of the tail, for windows of 4 frames, step 1, over a video of 6 frames (0 to 5):

| tail | windows |
| --- | --- |
| `drop` | 0 1 2 3 |
| `pad` | 0 1 2 3 and 4 5 5 5 |
| `repeat` | 0 1 2 3 and 4 5 4 5 |

There is at most one such last window: the first that the video does not fill, and only if it shows a
frame that no whole window reached (windows that overlap would otherwise repeat the end many times).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from vifex.media.sample.base import Part, Pick
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
        self._first = 0  # number, in the video, of the part's first frame
        self._count = 0  # frames of the part shown so far
        self._window = 0  # the next window to be completed
        self.oldest = 0

    def feed(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Show the next frame; `True` if a window holds it."""
        if not self._part.shows(start, end):
            return False
        if self._count == 0:
            self._first = index
        self._count += 1
        return self._is_member(self._count - 1)

    def ready(self) -> Iterator[Pick]:
        """Give the windows whose last frame has been shown."""
        while self._window * self._hop + (self._length - 1) * self._step < self._count:
            yield self._pick(self._members(self._window))
            self._window += 1
            self.oldest = self._first + self._window * self._hop

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
        return (
            f"{self._count} frames do not fill one clip of {self._length} frames "
            f"with a step of {self._step}, and the tail is dropped"
        )

    def _is_member(self, n: int) -> bool:
        first = max(0, -(-(n - (self._length - 1) * self._step) // self._hop))
        return any((n - w * self._hop) % self._step == 0 for w in range(first, n // self._hop + 1))

    def _members(self, window: int) -> list[int]:
        begin = window * self._hop
        return [begin + i * self._step for i in range(self._length)]

    def _pick(self, members: list[int], n_real: int | None = None) -> Pick:
        frames = tuple(self._first + m for m in members)
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
