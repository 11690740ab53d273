"""Turns frames, one by one, into finished samples, for one request of one medium."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from av.error import FFmpegError
from PIL import Image

from vifex.media.decode.files.damage import Damage
from vifex.media.decode.geometry import clip_box
from vifex.media.decode.video.changes import Changes
from vifex.media.sample.base import Part, Pick
from vifex.media.sample.limited import limit_sentence, make_limited
from vifex.media.sample.listed import BoxesOfFrames
from vifex.values import Box, PixelSpec, Sample, ViewRequest
from vifex.values.media import grid_boxes

__all__ = ["Crop", "DecodedImage", "SampleBuilder", "TimedFrame", "find_crops"]

UInt8Array = npt.NDArray[np.uint8]

_FAILS: Final = (FFmpegError, OSError, ValueError, MemoryError)


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of an image that one sample contains: a box, or the whole with boxes for its maps."""

    box: Box | None = None
    boxes: tuple[Box, ...] = ()
    size_px: tuple[int, int] | None = None
    numbers: tuple[int, ...] = ()
    """Places of `box` or `boxes` among the medium's own."""

    @property
    def n_rows(self) -> int:
        """Rows of the sample."""
        return max(1, len(self.boxes))


def find_crops(
    request: ViewRequest, boxes: Sequence[tuple[int, Box]], size: tuple[int, int]
) -> tuple[list[Crop | None], list[str]]:
    """Return the parts that a request takes of an image.

    Args:
        request: Its regions decide.
        boxes: Boxes of the medium that lie in this image, in pixels of the upright image, each with its place
            among all boxes of the medium.
        size: Width and height of that image.

    Returns:
        A part for each sample, `None` for a box outside the image; and sentences about boxes outside.
    """
    regions = request.regions
    inner: list[tuple[tuple[int, ...], Box | None]]
    missed: list[str] = []
    if regions is not None and regions.grid is not None:
        grid = grid_boxes(*size, *regions.grid, regions.overlap)
        inner = [((), clip_box(box, *size)) for box in grid]
    else:
        own = [(number, box.in_pixels(*size)) for number, box in boxes]
        inner = [((number,), clip_box(box, *size)) for number, box in own]
        missed = [outside(box, size) for (_, box), (_, b) in zip(own, inner, strict=True) if b is None]
    if regions is None or not regions.on_maps:
        return [None if b is None else Crop(box=b, numbers=n) for n, b in inner] or [Crop()], missed
    kept = [(place, b) for place, b in inner if b is not None]
    if inner and not kept:
        return [None], missed
    if not kept:
        return [Crop(boxes=(Box(0, 0, *size),), size_px=size)], missed
    numbers = tuple(number for place, _ in kept for number in place)
    return [Crop(boxes=tuple(b for _, b in kept), size_px=size, numbers=numbers)], missed


class DecodedImage(Protocol):
    """A decoded image: a frame, an image of an animation, or a photograph."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright, in square pixels."""
        ...

    def ready(self, spec: PixelSpec, box: Box | None) -> UInt8Array:
        """Return ready pixels of the whole, or of a box that lies in the image."""
        ...

    def luma(self, size: tuple[int, int]) -> UInt8Array:
        """Return the luma of the whole image, scaled to a small width and height: uint8 `[H, W]`."""
        ...

    def upright(self, background: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
        """Return the whole image, upright, in square pixels."""
        ...


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A frame with its place in the video: number, ticks, and when it is on screen, in seconds."""

    index: int
    pts: int
    time_base: str
    start: Fraction
    end: Fraction
    image: DecodedImage
    is_key: bool = True
    """Whether it is decoded without others, as each image of an animation is."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What is kept of a frame: its position and times, and ready pixels for each part."""

    timing: tuple[int, int, str, Fraction, Fraction]
    pixels: tuple[tuple[Crop, UInt8Array] | None, ...]


class SampleBuilder:
    """Feeds a request's sampler and makes samples of the frames it selects."""

    def __init__(
        self,
        number: int,
        request: ViewRequest,
        boxes: Sequence[Box],
        part: Part,
        duration: Fraction | None,
        damage: Damage,
        count: int | None = None,
    ) -> None:
        """Start a video.

        Args:
            number: Place of the request.
            request: What it wants; its sampling is the medium's own where that has moments.
            boxes: All boxes of the medium.
            part: The part of the video to sample.
            duration: Seconds, for samplers that need them.
            damage: Takes what is lost.
            count: Samples without the limit of their number, where there is one.
        """
        self.number = number
        self.request = request
        self.part = part
        self.n_samples = 0
        self._boxes = BoxesOfFrames(boxes)
        self._sampler = make_limited(request.sampling, part, duration, count)
        self._count = count
        bound = request.sampling.changed_only
        self._changes = None if bound is None else Changes(bound)
        self._only_key_frames = bool(getattr(self._sampler, "only_key_frames", False))
        self._damage = damage
        self._held: dict[int, _Held] = {}

    def feed(self, timed_frame: TimedFrame) -> Iterator[Sample]:
        """Take the next frame; return the samples that it completes."""
        if self._only_key_frames and not timed_frame.is_key:
            return
        if self._sampler.feed(timed_frame.index, timed_frame.start, timed_frame.end):
            held = self._hold(timed_frame)
            if held is not None:
                self._held[timed_frame.index] = held
        yield from self._samples(self._sampler.ready())
        for index in [i for i in self._held if i < self._sampler.oldest]:
            del self._held[index]

    def finish(self) -> Iterator[Sample]:
        """Yield the remaining samples after the last frame."""
        yield from self._samples(self._sampler.finish())
        if self._changes is not None:
            yield from self._changes.finish()

    def why_empty(self, n_frames: int, end: Fraction) -> str:
        """Return a clause that says why there is no sample."""
        return self._sampler.why_empty(n_frames, end)

    def how_taken(self) -> str | None:
        """Return sentences about samples that were left out on request, if any were."""
        said = (self._how_limited(), self._changes and self._changes.sentence())
        return " ".join(sentence for sentence in said if sentence) or None

    def _how_limited(self) -> str | None:
        most = self.request.sampling.max_frames
        if most is None or self._count is None or self._count <= most:
            return None
        what = "frames" if self.request.sampling.frames_per_sample is None else "clips"
        return limit_sentence(self._count, most, what, getattr(self._sampler, "n_passed", most))

    def _hold(self, timed_frame: TimedFrame) -> _Held | None:
        boxes = self._boxes.at(timed_frame.index, timed_frame.start, timed_frame.end)
        parts, missed = find_crops(self.request, boxes, timed_frame.image.size)
        for sentence in missed:
            self._damage.other(sentence)
        try:
            pixels = tuple(
                None if crop is None else (crop, timed_frame.image.ready(self.request.pixels, crop.box))
                for crop in parts
            )
        except _FAILS:
            self._damage.n_unconverted += 1
            return None
        return _Held(
            (timed_frame.index, timed_frame.pts, timed_frame.time_base, timed_frame.start, timed_frame.end),
            pixels,
        )

    def _samples(self, picks: Iterator[Pick]) -> Iterator[Sample]:
        for pick in picks:
            numbers = [i for i in pick.frames if i is not None]
            if not all(i in self._held for i in numbers):
                continue  # one of its frames could not be converted; the tally counts it
            if self._changes is None:
                yield from self._of_pick(pick, numbers)
                continue
            held = self._held[numbers[0]]
            end = pick.stands_for[1] if pick.stands_for else held.timing[4]
            if not self._changes.leaves_out(held.pixels, float(end)):
                yield from self._changes.hold(list(self._of_pick(pick, numbers)))

    def _of_pick(self, pick: Pick, numbers: Sequence[int]) -> Iterator[Sample]:
        """Make a sample of each part that all frames of a pick have."""
        for place in range(len(self._held[numbers[0]].pixels)):
            if all(self._held[i].pixels[place] is not None for i in numbers):
                yield self._sample(pick, place)

    def _sample(self, pick: Pick, place: int) -> Sample:
        """Make a sample of one part, given by its position, from frames that are all held."""
        real = [self._held[i] for i in pick.real]
        anchor = real[pick.anchor - pick.first_real]
        found = [None if i is None else self._held[i].pixels[place] for i in pick.frames]
        own = found[pick.anchor]
        assert own is not None
        index, pts, time_base, start, _ = anchor.timing
        is_window = self.request.sampling.frames_per_sample is not None
        crop, pixels = own
        begin, end = pick.stands_for or (real[0].timing[3], real[-1].timing[4])
        sample = Sample(
            request=self.number,
            ordinal=self.n_samples,
            pixels=np.stack([np.zeros_like(pixels) if f is None else f[1] for f in found])
            if is_window
            else pixels,
            frame_index=index,
            pts=pts,
            time_base=time_base,
            t_s=float(start),
            t_start_s=float(begin),
            t_end_s=float(end),
            box=crop.box,
            boxes=crop.boxes,
            size_px=crop.size_px,
            box_numbers=crop.numbers,
        )
        self.n_samples += crop.n_rows
        return sample


def outside(box: Box, size: tuple[int, int]) -> str:
    """Return a sentence that says that a box lies outside the image."""
    corners = f"{box.x0:g},{box.y0:g},{box.x1:g},{box.y1:g}"
    return f"The box {corners} lies outside the image of {size[0]} x {size[1]} pixels."
