"""From frames shown one by one to finished samples, for one wish of one medium."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from av.error import FFmpegError
from PIL import Image

from vifex.media.decode.damage import Damage
from vifex.media.decode.geometry import clip_box
from vifex.media.sample.base import Part, Pick
from vifex.media.sample.registry import make
from vifex.values import Box, PixelSpec, Sample, Wish

__all__ = ["Picture", "Shown", "Taker"]

UInt8Array = npt.NDArray[np.uint8]

_FAILS: Final = (FFmpegError, OSError, ValueError, MemoryError)


class Picture(Protocol):
    """Something that can be looked at: a frame, a picture of an animation, a photograph."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright, in square pixels."""
        ...

    def ready(self, spec: PixelSpec, box: Box | None) -> UInt8Array:
        """Give ready pixels of the whole, or of a box that lies in the picture."""
        ...

    def upright(self, background: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
        """Give the whole picture, upright, in square pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame with its place in the video: number, ticks, and when it is on screen, in seconds."""

    index: int
    pts: int
    time_base: str
    start: Fraction
    end: Fraction
    picture: Picture


@dataclass(frozen=True, slots=True)
class _Held:
    """What is kept of a frame: its place, and ready pixels for each box that lies in it."""

    shown: tuple[int, int, str, Fraction, Fraction]
    pixels: tuple[tuple[Box | None, UInt8Array] | None, ...]


class Taker:
    """Feeds a wish's sampler and makes samples of what it picks."""

    def __init__(
        self,
        number: int,
        wish: Wish,
        boxes: Sequence[Box],
        part: Part,
        duration: Fraction | None,
        damage: Damage,
    ) -> None:
        self.number = number
        self.wish = wish
        self.part = part
        self.n_samples = 0
        self._boxes: Sequence[Box | None] = boxes or (None,)
        self._sampler = make(wish.sampling, part, duration)
        self._damage = damage
        self._held: dict[int, _Held] = {}

    def feed(self, shown: Shown) -> Iterator[Sample]:
        """Show the next frame; gives the samples that it completes."""
        if self._sampler.feed(shown.index, shown.start, shown.end):
            held = self._hold(shown)
            if held is not None:
                self._held[shown.index] = held
        yield from self._samples(self._sampler.ready())
        for index in [i for i in self._held if i < self._sampler.oldest]:
            del self._held[index]

    def finish(self) -> Iterator[Sample]:
        """Give what is left after the last frame."""
        yield from self._samples(self._sampler.finish())

    def why_empty(self, n_frames: int, end: Fraction) -> str:
        """Say in a clause why there is no sample."""
        return self._sampler.why_empty(n_frames, end)

    def _hold(self, shown: Shown) -> _Held | None:
        try:
            pixels = tuple(self._ready(shown.picture, box) for box in self._boxes)
        except _FAILS:
            self._damage.n_unconverted += 1
            return None
        return _Held((shown.index, shown.pts, shown.time_base, shown.start, shown.end), pixels)

    def _ready(self, picture: Picture, box: Box | None) -> tuple[Box | None, UInt8Array] | None:
        spec = self.wish.pixels
        if box is None:
            return None, picture.ready(spec, None)
        inner = clip_box(box, *picture.size)
        if inner is None:
            self._damage.other(outside(box, picture.size))
            return None
        return inner, picture.ready(spec, inner)

    def _samples(self, picks: Iterator[Pick]) -> Iterator[Sample]:
        for pick in picks:
            held = [self._held[i] for i in pick.frames if i in self._held]
            if len(held) < len(pick.frames):
                continue  # a frame of it could not be converted; the tally says so
            for place in range(len(self._boxes)):
                pixels = [h.pixels[place] for h in held]
                found = [p for p in pixels if p is not None]
                if len(found) == len(pixels):
                    yield self._sample(held, found, pick.n_real)

    def _sample(self, held: list[_Held], pixels: list[tuple[Box | None, UInt8Array]], n_real: int) -> Sample:
        index, pts, time_base, start, _ = held[0].shown
        is_window = self.wish.sampling.frames_per_sample is not None
        sample = Sample(
            wish=self.number,
            ordinal=self.n_samples,
            pixels=np.stack([p for _, p in pixels]) if is_window else pixels[0][1],
            frame_index=index,
            pts=pts,
            time_base=time_base,
            t_s=float(start),
            t_start_s=float(start),
            t_end_s=float(held[n_real - 1].shown[4]),
            box=pixels[0][0],
        )
        self.n_samples += 1
        return sample


def outside(box: Box, size: tuple[int, int]) -> str:
    """Say that a box misses the picture."""
    corners = f"{box.x0:g},{box.y0:g},{box.x1:g},{box.y1:g}"
    return f"The box {corners} lies outside the picture of {size[0]} x {size[1]} pixels."
