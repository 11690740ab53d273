"""The sampled frames of videos as arrays: what every step of the search for segments takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vifex.analysis.rows import FloatMatrix
from vifex.values import InputError

__all__ = ["Frames", "make_frames"]


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Vectors and times of sampled frames; the frames of a medium follow each other in the order of time."""

    unit: FloatMatrix
    """`[N, D]`: vectors of length 1."""
    t_s: npt.NDArray[np.float64]
    """`[N]`: seconds from the start of the medium."""
    starts: npt.NDArray[np.int64]
    """`[M + 1]`: the frames of medium `m` are `starts[m]:starts[m + 1]`."""
    media_of_first: int | None = None
    """The number of media of the first of two stores; segments are then looked for between stores alone."""

    def __len__(self) -> int:
        return len(self.unit)

    @property
    def media(self) -> int:
        """The number of media."""
        return len(self.starts) - 1

    @property
    def medium(self) -> npt.NDArray[np.int64]:
        """`[N]`: the medium of each frame."""
        return np.repeat(np.arange(self.media), np.diff(self.starts))

    def of(self, medium: int) -> slice:
        """Return where the frames of a medium are."""
        return slice(int(self.starts[medium]), int(self.starts[medium + 1]))

    def step_s(self, medium: int) -> float:
        """Return the seconds from one sampled frame of a medium to the next, the median."""
        times = self.t_s[self.of(medium)]
        return float(np.median(np.diff(times))) if len(times) > 1 else 0.0

    def compared(self, first: int, second: int) -> bool:
        """Return whether segments are looked for between two media."""
        if self.media_of_first is None:
            return first != second
        return (first < self.media_of_first) != (second < self.media_of_first)


def make_frames(
    unit: FloatMatrix,
    t_s: npt.NDArray[np.float64],
    medium: npt.NDArray[np.integer],
    *,
    media_of_first: int | None = None,
) -> Frames:
    """Check arrays and make `Frames` of them.

    Args:
        unit: Vectors `[N, D]` of length 1.
        t_s: Seconds `[N]`.
        medium: The medium of each frame `[N]`: 0, 1, 2 and so on, rising.
        media_of_first: See `Frames`.

    Raises:
        InputError: If the arrays do not fit each other, or a time is missing or goes back.
    """
    if not len(unit) == len(t_s) == len(medium) or not len(unit):
        raise InputError(f"{len(unit)} vectors, {len(t_s)} times and {len(medium)} media do not fit.")
    steps = np.diff(medium)
    if medium[0] != 0 or np.any((steps != 0) & (steps != 1)):
        raise InputError("the media of frames must be numbered 0, 1, 2 and so on, in the order of the rows.")
    if not np.isfinite(t_s).all() or np.any((np.diff(t_s) < 0) & (steps == 0)):
        raise InputError("frames must have times that do not go back within a medium.")
    starts = np.concatenate([[0], np.flatnonzero(steps) + 1, [len(unit)]]).astype(np.int64)
    return Frames(unit, np.asarray(t_s, np.float64), starts, media_of_first)
