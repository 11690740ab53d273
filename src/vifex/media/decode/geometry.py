"""Arithmetic from stored pixels to upright, square ones and to a network's input size, without any pixels."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from vifex.values import Box

__all__ = ["UNCROPPED", "UPRIGHT", "Margins", "Shape", "Turn", "clip_box", "whole_pixels"]

UInt8Array = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Turn:
    """How stored pixels are turned upright: transposed first, then mirrored."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def from_matrix(cls, matrix: bytes) -> Turn | None:
        """Read a display matrix: nine int32, `[a b u; c d v; x y w]`, 16.16 fixed point.

        It maps stored x, y to `a x + c y`, `b x + d y`. Returns `None` for one that is no turn by a
        multiple of 90 degrees, mirrored or not.
        """
        if len(matrix) < 36:
            return None
        a, b, _, c, d = (int(v) for v in np.frombuffer(matrix[:20], dtype=np.int32))
        straight, crossed = min(abs(a), abs(d)), min(abs(b), abs(c))
        # A hundredth of the turn is about half a degree: rounding of the writer, not a slant.
        if straight > 100 * max(abs(b), abs(c)):
            return cls(False, a < 0, d < 0)
        if crossed > 100 * max(abs(a), abs(d)):
            return cls(True, c < 0, b < 0)
        return None

    @classmethod
    def from_rotation(cls, degrees: int) -> Turn:
        """Read an angle as PyAV gives it: counterclockwise, a multiple of 90 or else no turn."""
        turns = {90: cls(True, False, True), 180: cls(False, True, True), 270: cls(True, True, False)}
        return turns.get(degrees % 360, cls())

    def apply(self, pixels: UInt8Array) -> UInt8Array:
        """Turn an array `[H, W, C]` upright; a view where that is enough."""
        if self.transpose:
            pixels = pixels.swapaxes(0, 1)
        if self.flip_x:
            pixels = pixels[:, ::-1]
        if self.flip_y:
            pixels = pixels[::-1]
        return pixels

    def undo(self, box: Box, width: int, height: int) -> Box:
        """Return the stored place of a box of the upright image, whose size that is, `width` x `height`."""
        x0, x1 = (width - box.x1, width - box.x0) if self.flip_x else (box.x0, box.x1)
        y0, y1 = (height - box.y1, height - box.y0) if self.flip_y else (box.y0, box.y1)
        return Box(y0, x0, y1, x1) if self.transpose else Box(x0, y0, x1, y1)


UPRIGHT: Final = Turn()


@dataclass(frozen=True, slots=True)
class Margins:
    """Stored pixels that are cut off at each side before anything else."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def inner(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return what is left of a frame of that size: left, top, right, bottom.

        A frame that is too small for the margins, as after a change of size, is left whole.
        """
        right, bottom = width - self.right, height - self.bottom
        if self.left >= right or self.top >= bottom:
            return 0, 0, width, height
        return self.left, self.top, right, bottom


UNCROPPED: Final = Margins()


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of stored pixels and what makes them upright and square."""

    width: int
    height: int
    turn: Turn = UPRIGHT
    aspect: Fraction = Fraction(1)
    """Width over height of one stored pixel; 1 where unstated."""

    @property
    def turned(self) -> tuple[int, int]:
        """Width and height of the stored pixels once turned, not yet square."""
        return (self.height, self.width) if self.turn.transpose else (self.width, self.height)

    @property
    def pixel(self) -> tuple[Fraction, Fraction]:
        """Width and height, in upright pixels, of one stored pixel once turned."""
        return (Fraction(1), self.aspect) if self.turn.transpose else (self.aspect, Fraction(1))

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height in square pixels: the width as stored is stretched, as players do it."""
        (w, h), (pw, ph) = self.turned, self.pixel
        return max(1, round(w * pw)), max(1, round(h * ph))

    def turned_box(self, box: Box) -> Box:
        """Return a box of the upright image in turned stored pixels, within the image."""
        (w, h), (uw, uh) = self.turned, self.upright
        return Box(box.x0 * w / uw, box.y0 * h / uh, box.x1 * w / uw, box.y1 * h / uh)


def clip_box(box: Box, width: int, height: int) -> Box | None:
    """Return the part of a box that lies in an image, `None` if nothing of it does."""
    x0, y0 = max(0.0, box.x0), max(0.0, box.y0)
    x1, y1 = min(float(width), box.x1), min(float(height), box.y1)
    return Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def whole_pixels(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Round a box to whole pixels of an image, at least one: left, top, right, bottom."""
    left, top = min(round(box.x0), width - 1), min(round(box.y0), height - 1)
    right, bottom = min(width, max(left + 1, round(box.x1))), min(height, max(top + 1, round(box.y1)))
    return left, top, right, bottom
