"""Windows of sound: samples are joined to windows of one length, one every `hop` samples.

Sound comes in pieces, each with the number of its first sample on one grid. A gap between two pieces is
silence. A window that contains only such silence is not given. The tail follows the rule of clips: at most
one last window that is not full, and only if it holds a sample that no window before it has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vifex.values import AudioSpec

__all__ = ["SoundWindow", "SoundWindows"]

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SoundWindow:
    """One window."""

    start: int
    """Number of its first sample."""
    n_real: int
    """Samples from the first to the last that the sound has; the rest is filling."""
    samples: FloatArray
    """`[window_samples]`, in its own memory."""


class SoundWindows:
    """Makes windows; it holds at most one window and the last piece.

    Args:
        spec: Lengths and tail.
        start: Number of the first window's first sample.
        end: Number of the sample at which the windows end; `None` for the end of the sound.
    """

    def __init__(self, spec: AudioSpec, start: int = 0, end: int | None = None) -> None:
        self._length, self._hop, self._tail = spec.window_samples, spec.hop_samples, spec.tail
        self._end = end
        self._next = start
        self._covered = start
        """End of the windows given so far."""
        self._held: deque[tuple[int, FloatArray]] = deque()
        self._reach = start
        """End of the sound so far, within the part to read."""
        self.is_over = False
        """Return whether later pieces cannot add anything."""

    def feed(self, start: int, samples: FloatArray) -> Iterator[SoundWindow]:
        """Take the next piece, which starts at or after the end of the one before."""
        if self._end is not None:
            self.is_over = start + len(samples) >= self._end
            samples = samples[: max(0, self._end - start)]
        if not len(samples):
            return
        yield from self._whole(start)  # what is before a gap is complete now
        self._reach = max(self._reach, start + len(samples))
        if self._reach > self._next:
            self._held.append((start, samples))
            yield from self._whole(self._reach)

    def finish(self) -> Iterator[SoundWindow]:
        """Yield the last window, if the sound leaves one unfilled and the tail is kept."""
        if self._tail == "drop" or self._reach <= max(self._next, self._covered):
            return
        window = self._make(is_last=True)
        if window is not None:
            yield window

    def _whole(self, known_to: int) -> Iterator[SoundWindow]:
        """Yield the windows that end at or before the first sample that is not known yet."""
        while self._next + self._length <= known_to:
            window = self._make()
            if window is not None:
                yield window
                self._next += self._hop
            else:  # silence between stretches, maybe hours of it
                self._next += self._hop * max(1, (known_to - self._length - self._next) // self._hop)
            self._drop()

    def _make(self, *, is_last: bool = False) -> SoundWindow | None:
        window = np.zeros(self._length, dtype=np.float32)
        n_real = 0
        for start, samples in self._held:
            begin, stop = max(start, self._next), min(start + len(samples), self._next + self._length)
            if begin < stop:
                window[begin - self._next : stop - self._next] = samples[begin - start : stop - start]
                n_real = stop - self._next
        if not n_real:
            return None
        if is_last and self._tail == "repeat":
            times = self._length // n_real
            window[: times * n_real] = np.tile(window[:n_real], times)
        self._covered = self._next + self._length
        return SoundWindow(self._next, n_real, window)

    def _drop(self) -> None:
        while self._held and self._held[0][0] + len(self._held[0][1]) <= self._next:
            self._held.popleft()
