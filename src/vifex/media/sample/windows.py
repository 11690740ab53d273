"""Where windows lie over the places of a video: whole numbers alone, neither times nor frames.

Window number w has its own place at w x hop. A plain window starts there; a centred one has it in the
middle, so that its first places may lie before the video.
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
    """Windows of `length` places, `step` apart, a new one every `hop` places."""

    length: int
    step: int
    hop: int
    tail: Tail
    is_centred: bool = False

    @classmethod
    def of(cls, sampling: Sampling) -> Windows:
        """Return the windows that a sampling asks for.

        Raises:
            ValueError: If it says no length or no step.
        """
        if sampling.clip_length is None or sampling.frame_step is None:
            raise ValueError("the sampler clip needs a length and a step")
        return cls(
            sampling.clip_length, sampling.frame_step, sampling.window_hop, sampling.tail, sampling.centre
        )

    @property
    def anchor(self) -> int:
        """Which of a window's places is its own: the middle, of an even number the earlier, or the first."""
        return (self.length - 1) // 2 if self.is_centred else 0

    @property
    def first(self) -> int:
        """Number of the first window that is given."""
        before = self.anchor * self.step
        return -(-before // self.hop) if self.tail == "drop" else 0

    def begin(self, window: int) -> int:
        """First place of a window, below 0 where that lies before the video."""
        return window * self.hop - self.anchor * self.step

    def last(self, window: int) -> int:
        """Last place of a window."""
        return self.begin(window) + (self.length - 1) * self.step

    def holds(self, place: int) -> bool:
        """Whether a place stands in any window."""
        offset = place - self.begin(0)
        lowest = max(self.first, -(-(offset - (self.length - 1) * self.step) // self.hop))
        return any((offset - w * self.hop) % self.step == 0 for w in range(lowest, offset // self.hop + 1))

    def real(self, window: int, count: int) -> list[int]:
        """Places of a window that a video of so many places has."""
        begin = self.begin(window)
        places = range(begin, begin + self.length * self.step, self.step)
        return [place for place in places if 0 <= place < count]

    def n_before(self, window: int) -> int:
        """How many places of a window lie before the video."""
        return max(0, -(self.begin(window) // self.step))

    def unfilled(self, window: int, count: int) -> Iterator[int]:
        """Yield the windows from `window` on that a video of so many places leaves unfilled and that count.

        Of centred windows those whose middle is real. Of plain ones at most one: the next, if it shows a
        place that no window before it reached.
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
        """Fill a window up to its length.

        Args:
            real: What stands at its real places, at least one.
            n_before: Places that are missing before them.

        Returns:
            `length` of them, `None` for black ones.
        """
        n_after = self.length - n_before - len(real)
        if self.tail == "zeros":
            return (*(None,) * n_before, *real, *(None,) * n_after)
        if self.tail == "repeat":
            return tuple(real[i % len(real)] for i in range(self.length))
        return (*(real[0],) * n_before, *real, *(real[-1],) * n_after)
