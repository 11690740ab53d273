"""Leaves out frames that show what the last computed one shows, and lets that one's rows stand for them.

The change from one image to another is the root mean square of the differences of all values, divided by
the contrast: the standard deviation of the values of each channel, of the image that has less. It is free of
units, because one grey level in a dark image changes the features of a network as much as many levels in an
image of high contrast. Values are first averaged over squares of 2 x 2 pixels, against noise.

Each frame is compared with the last one that was computed, not with the one before it. So a slow fade is
followed step by step and nothing drifts away.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from vifex.values import Sample

__all__ = ["Changes", "change"]

UInt8Array: TypeAlias = npt.NDArray[np.uint8]
Parts: TypeAlias = "Sequence[tuple[Any, UInt8Array] | None]"
"""What is taken of a frame: crops with their pixels."""

_LEAST_CONTRAST: Final = 1.0
"""Grey levels; below it an image has nothing but noise."""


def change(a: UInt8Array, b: UInt8Array) -> float:
    """Return the change between two images of one shape, as a share of their contrast.

    Args:
        a: uint8 `[H, W, C]`.
        b: The same.

    Returns:
        0 for equal images, about 1.4 for images of equal contrast that have nothing in common.
    """
    return _Look.of(a).change(_Look.of(b))


@dataclass(frozen=True, slots=True)
class _Look:
    """An image as it is compared."""

    values: npt.NDArray[np.float32]
    contrast: float

    @classmethod
    def of(cls, image: UInt8Array) -> _Look:
        """Average an image over squares of 2 x 2 pixels; a last odd row or column is left out."""
        height, width = (side // 2 * 2 for side in image.shape[:2])
        values: npt.NDArray[np.float32] = image.astype(np.float32)
        if height and width:
            rows = values[0:height:2] + values[1:height:2]
            values = (rows[:, 0:width:2] + rows[:, 1:width:2]) * np.float32(0.25)
        pixels = values.reshape(-1, values.shape[-1])
        # A product with ones is a sum, at the speed of BLAS.
        means = np.ones(len(pixels), np.float32) @ pixels / np.float32(len(pixels))
        return cls(values, max(_rms(pixels - means), _LEAST_CONTRAST))

    def change(self, other: _Look) -> float:
        """Return the change between two images of one shape."""
        return _rms(self.values - other.values) / min(self.contrast, other.contrast)


def _rms(values: npt.NDArray[np.float32]) -> float:
    return math.sqrt(float(np.vdot(values, values)) / values.size)


class Changes:
    """Holds the samples of the last computed frame until it is known for how long they stand.

    Args:
        bound: A larger change than this one makes a frame be computed.
    """

    def __init__(self, bound: float) -> None:
        self._bound = bound
        self._before: list[tuple[Any, _Look] | None] | None = None
        """The parts of the last computed frame."""
        self._now: list[tuple[Any, _Look] | None] = []
        self._samples: list[Sample] = []
        self._end_s: float | None = None
        """Where the last frame ends that was left out since the last computed one."""
        self.n_frames = 0
        self.n_left_out = 0
        self._largest = 0.0

    def leaves_out(self, parts: Parts, end_s: float | None) -> bool:
        """Return whether a frame is left out, and if so let the last computed one stand for it.

        Args:
            parts: Of the frame.
            end_s: Where it ends.
        """
        self.n_frames += 1
        self._now = [part and (part[0], _Look.of(part[1])) for part in parts]
        found = self._change()
        if found is None or found > self._bound:
            return False
        self.n_left_out += 1
        self._largest = max(self._largest, found)
        self._end_s = end_s
        return True

    def hold(self, samples: list[Sample]) -> Iterator[Sample]:
        """Take the samples of the frame that was not left out; yield those of the one before."""
        start_s = samples[0].t_start_s if samples else None
        yield from self._released(start_s)
        self._before, self._samples = self._now, samples

    def finish(self) -> Iterator[Sample]:
        """Yield the samples of the last computed frame."""
        yield from self._released(self._end_s)

    def sentence(self) -> str | None:
        """Return a sentence about what was left out; `None` if nothing was."""
        if not self.n_left_out:
            return None
        n_computed = self.n_frames - self.n_left_out
        return (
            f"Of {self.n_frames:,} frames {n_computed:,} were computed; the others changed by"
            f" {self._largest:.3g} of the contrast at most (`changed_only={self._bound:g}`)."
        )

    def _released(self, end_s: float | None) -> Iterator[Sample]:
        samples, self._samples = self._samples, []
        is_longer = self._end_s is not None and end_s is not None
        self._end_s = None
        for sample in samples:
            yield replace(sample, t_end_s=end_s) if is_longer else sample

    def _change(self) -> float | None:
        """Return the largest change of any part; `None` if the parts are not the same."""
        before = self._before
        if before is None or len(before) != len(self._now):
            return None
        largest = 0.0
        for old, new in zip(before, self._now, strict=True):
            if old is None and new is None:
                continue
            if old is None or new is None or old[0] != new[0]:
                return None
            if old[1].values.shape != new[1].values.shape:
                return None
            largest = max(largest, old[1].change(new[1]))
        return largest
