"""Numbers of any kind to eight bits: which number is black and which is white.

The rules, which docs/images.md states for users:

- Unsigned integers up to 16 bits: 0 is black, the largest that fits is white.
- Larger integers, signed ones and floats say nothing of their scale. White is the smallest of 255, 65535 and
  the largest of the type that no number of the page exceeds; of floats 1 comes first. Black is 0. Signed
  integers of which some are negative are scaled by their whole range.
- Floats may exceed their white a little, as sharpening and resampling make them do; they are clipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["NoScale", "Scale", "find_scale", "to_eight_bits"]

_BLOCK: Final = 1 << 22
"""Numbers that are scaled at a time: floats of a whole image would take several times its memory."""
_FLOAT_WHITES: Final = ((1.0, 4.0), (255.0, 510.0), (65535.0, 131070.0))
"""White, and up to which largest number it is taken for white."""
_MOST_NEGATIVE: Final = 0.5
"""Floats may be below black by this part of white."""
_NOTED_NEGATIVE: Final = 0.02
"""Below that a note says so."""


class NoScale(Exception):
    """No rule gives black and white; the message describes the numbers."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers of a page that are black and white."""

    black: float
    white: float
    is_stated: bool
    """Whether the type of the numbers decides them; if not, the numbers did."""
    low: float = 0.0
    """The smallest number."""
    peak: float = 0.0
    """The largest number."""

    @property
    def sentence(self) -> str:
        """Return a sentence about what was taken for black and white."""
        sentence = f"{self.black:.10g} was taken for black and {self.white:.10g} for white"
        if self.low < self.black or self.peak > self.white:
            sentence += f"; numbers run from {self.low:g} to {self.peak:g}, and values outside are clipped"
        return f"{sentence}."


def find_scale(values: npt.NDArray[Any], bits: int) -> Scale:
    """Find black and white of numbers.

    Args:
        values: Of one page, alpha and unknown samples left out.
        bits: Of each as stored.

    Raises:
        NoScale: If no rule fits.
    """
    kind = values.dtype.kind
    if kind == "u" and bits <= 16:
        return Scale(0, float(2**bits - 1), is_stated=True)
    if kind == "f":
        return _of_floats(values)
    low, peak = int(values.min(initial=0)), int(values.max(initial=0))
    if low < 0:
        return Scale(-float(2 ** (bits - 1)), float(2 ** (bits - 1) - 1), is_stated=False, low=low, peak=peak)
    whole = 2 ** (bits - 1) - 1 if kind == "i" else 2**bits - 1
    white = next(white for white in (min(255, whole), min(65535, whole), whole) if peak <= white)
    return Scale(0, float(white), is_stated=False, low=low, peak=peak)


def _of_floats(values: npt.NDArray[Any]) -> Scale:
    finite = np.isfinite(values)
    low = float(values.min(initial=0, where=finite))
    peak = float(values.max(initial=0, where=finite))
    white = next((white for white, most in _FLOAT_WHITES if peak <= most), None)
    if white is None or low < -_MOST_NEGATIVE * white:
        raise NoScale(f"floats from {low:g} to {peak:g}")
    is_plain = white == 1 >= peak and low >= -_NOTED_NEGATIVE
    return Scale(0, white, is_stated=is_plain, low=low, peak=peak)


def to_eight_bits(values: npt.NDArray[Any], scale: Scale) -> npt.NDArray[np.uint8]:
    """Scale numbers `[H, ...]` to 0 to 255, to the nearest; what is no number becomes black."""
    out = np.empty(values.shape, dtype=np.uint8)
    rows = max(1, _BLOCK // max(1, values[:1].size))
    for top in range(0, len(values), rows):
        out[top : top + rows] = _scaled(values[top : top + rows], scale)
    return out


def _scaled(values: npt.NDArray[Any], scale: Scale) -> npt.NDArray[np.uint8]:
    if values.dtype.kind == "u" and scale.white <= 65535 and scale.black == 0:
        white = int(scale.white)
        small = np.minimum(values, white).astype(np.uint32)
        scaled: npt.NDArray[np.uint8] = ((small * 255 + white // 2) // white).astype(np.uint8)
        return scaled
    shares: npt.NDArray[Any] = values.astype(np.float64 if values.dtype.itemsize > 4 else np.float32)
    shares -= scale.black
    shares /= scale.white - scale.black
    if values.dtype.kind == "f":
        shares[np.isnan(shares)] = 0
    np.clip(shares, 0, 1, out=shares)
    shares *= 255
    shares += 0.5
    rounded: npt.NDArray[np.uint8] = shares.astype(np.uint8)
    return rounded
