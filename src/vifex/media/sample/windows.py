"""The positions of windows in a video, as whole numbers without times or frames.

Window number w belongs to position w x hop. A plain window starts there. A centred window has that position
in its middle, so its first positions may be before the video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vifex.values import Sampling
from vifex.values.sampling import Tail

__all__ = ["Windows"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of `length` positions, `step` apart, a new one every `hop` positions."""

    length: int
    step: int
    hop: int
    tail: Tail
    is_centred: bool = False

    @classmethod
    def of(cls, sampling: Sampling) -> Windows:
        """Return the windows that a sampling describes.

        Raises:
            ValueError: If it has no length or no step.
        """
        if sampling.clip_length is None or sampling.frame_step is None:
            raise ValueError("the sampler clip needs a length and a step")
        return cls(
            sampling.clip_length, sampling.frame_step, sampling.window_hop, sampling.tail, sampling.centre
        )

    @property
    def anchor(self) -> int:
        """Return which of its positions a window belongs to: the middle (of two the earlier) or the first."""
        return (self.length - 1) // 2 if self.is_centred else 0

    @property
    def first(self) -> int:
        """Number of the first window."""
        before = self.anchor * self.step
        return -(-before // self.hop) if self.tail == "drop" else 0

    def begin(self, window: int) -> int:
        """First position of a window; below 0 if it is before the video."""
        return window * self.hop - self.anchor * self.step

    def last(self, window: int) -> int:
        """Last position of a window."""
        return self.begin(window) + (self.length - 1) * self.step

    def holds(self, place: int) -> bool:
        """Whether a position is in any window."""
        offset = place - self.begin(0)
        lowest = max(self.first, -(-(offset - (self.length - 1) * self.step) // self.hop))
        return any((offset - w * self.hop) % self.step == 0 for w in range(lowest, offset // self.hop + 1))

    def real(self, window: int, count: int) -> list[int]:
        """Return how many positions of a window are in a video of that length."""
        begin = self.begin(window)
        places = range(begin, begin + self.length * self.step, self.step)
        return [place for place in places if 0 <= place < count]

    def n_before(self, window: int) -> int:
        """Return how many positions of a window are before the video."""
        return max(0, -(self.begin(window) // self.step))

    def unfilled(self, window: int, count: int) -> Iterator[int]:
        """Yield the windows from `window` on that the video does not fill but that are still given.

        These are all centred windows whose middle is in the video, and at most one plain window: the next
        one, if it has a position that no window before it has.
        """
        if self.tail == "drop":
            return
        if self.is_centred:
            yield from range(window, -(-count // self.hop))
            return
        real = self.real(window, count)
        reached = self.last(window - 1) if window else -1
        if real and real[-1] > reached:
            yield window

    def filled(self, real: Sequence[T], n_before: int) -> tuple[T | None, ...]:
        """Fill a window to its length.

        Args:
            real: The items at its real positions, at least one.
            n_before: Positions that are missing before them.

        Returns:
            `length` items, `None` for black ones.
        """
        n_after = self.length - n_before - len(real)
        if self.tail == "zeros":
            return (*(None,) * n_before, *real, *(None,) * n_after)
        if self.tail == "repeat":
            return tuple(real[i % len(real)] for i in range(self.length))
        return (*(real[0],) * n_before, *real, *(real[-1],) * n_after)
