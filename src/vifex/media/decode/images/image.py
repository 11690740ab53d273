"""A still image, decoded once by Pillow for all requests."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from vifex.media.decode.colour.modes import flat, to_rgb
from vifex.media.decode.geometry import UPRIGHT, Turn
from vifex.media.decode.images.cached_image import CachedImage, share_pixels
from vifex.media.decode.images.pillow import loading, orientation
from vifex.media.decode.images.resample import resize_part
from vifex.media.decode.images.resize import ready_pixels
from vifex.media.decode.video.sample_builder import DecodedImage, find_crops
from vifex.values import Box, DecodeReport, Limits, MediaError, Medium, PixelSpec, Sample, ViewRequest
from vifex.values.pixels import fit

__all__ = ["StillImage", "draft", "draft_scale", "image_samples"]

_STILL: Final = "It is a still image; the moments that a manifest states for it are not used."
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_EXIF_TURNS: Final = {
    2: Turn(False, True, False),
    3: Turn(False, True, True),
    4: Turn(False, False, True),
    5: Turn(True, False, False),
    6: Turn(True, True, False),
    7: Turn(True, True, True),
    8: Turn(True, False, True),
}
"""The same as values, to find where a part of the upright image is stored."""


class StillImage:
    """A loaded Pillow image, of any mode and orientation."""

    def __init__(self, image: Image.Image, full_size: tuple[int, int], turned: int) -> None:
        """Hold an image.

        Args:
            image: Loaded; a draft may be smaller than the file's image.
            full_size: Width and height in the file, before it is turned upright.
            turned: EXIF orientation, 1 to 8.
        """
        self.stored = image
        self._full_size = full_size
        self._turned = turned
        self._upright: dict[tuple[int, int, int], Image.Image] = {}
        self.notes: list[str] = []

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright, of the image in the file."""
        width, height = self._full_size
        return (height, width) if self._turned >= 5 else (width, height)

    def ready(self, spec: PixelSpec, box: Box | None) -> npt.NDArray[np.uint8]:
        """Return ready pixels of the whole, or of a box that lies in the image."""
        if spec.decode == "fast" and box is None:
            return self._fast(spec)
        image = self.upright(spec.background)
        if box is not None:
            sx, sy = image.width / self.size[0], image.height / self.size[1]
            box = Box(box.x0 * sx, box.y0 * sy, box.x1 * sx, box.y1 * sy)
        return ready_pixels(image, spec, box)

    def upright(self, background: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
        """Return the whole image, upright, in sRGB."""
        if background not in self._upright:
            rgb = self._rgb(flat(self.stored, background))
            self._upright[background] = self._turn(rgb)
        return self._upright[background]

    def luma(self, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
        """Return the luma of the upright image, small: uint8 `[H, W]`."""
        return np.asarray(self.upright().convert("L").resize(size, Image.Resampling.BOX))

    def _fast(self, spec: PixelSpec) -> npt.NDArray[np.uint8]:
        """Resize first, and only what the crop keeps; then turn and convert the few pixels that are left."""
        to = fit(spec, *self.size)
        kept = Box(
            to.left / to.width,
            to.top / to.height,
            (to.left + spec.width_px) / to.width,
            (to.top + spec.height_px) / to.height,
        )
        turn = _EXIF_TURNS.get(self._turned, UPRIGHT)
        part = turn.undo(kept, 1, 1)
        size = (spec.height_px, spec.width_px) if turn.transpose else (spec.width_px, spec.height_px)
        small = flat(self.stored, spec.background)
        profile = small.info.get("icc_profile")
        width, height = small.size
        # Rounding may place a corner a hair outside.
        inside = (
            max(0.0, part.x0 * width),
            max(0.0, part.y0 * height),
            min(part.x1 * width, width),
            min(part.y1 * height, height),
        )
        small = resize_part(small, size, spec.interpolation, inside)
        if profile:
            small.info["icc_profile"] = profile
        return np.array(self._turn(self._rgb(small)), dtype=np.uint8)

    def _rgb(self, image: Image.Image) -> Image.Image:
        rgb, note = to_rgb(image)
        if note is not None and note not in self.notes:
            self.notes.append(note)
        return rgb

    def _turn(self, image: Image.Image) -> Image.Image:
        how = _TURNS.get(self._turned)
        return image if how is None else image.transpose(how)


def draft(image: Image.Image, requests: Sequence[ViewRequest], n_boxes: int) -> int:
    """Let the JPEG decoder scale in the DCT domain, to at least what every request needs.

    Requests for exact pixels and for boxes need the full size; other formats ignore this.

    Returns:
        The divisor: 1, 2, 4 or 8.
    """
    scale = min(draft_scale(image, request, n_boxes) for request in requests)
    if scale > 1:
        image.draft(image.mode, (image.width // scale, image.height // scale))
    return scale


def draft_scale(image: Image.Image, request: ViewRequest, n_boxes: int) -> int:
    """Return the divisor, 1, 2, 4 or 8, at which a JPEG is still large enough for one request."""
    regions = request.regions
    on_maps = regions is not None and regions.on_maps
    cut_out = not on_maps and bool(n_boxes or (regions is not None and regions.grid))
    if image.format != "JPEG" or cut_out or request.pixels.decode == "exact":
        return 1
    width, height = image.size
    if orientation(image) >= 5:
        width, height = height, width
    need = fit(request.pixels, width, height)
    least = min(width / need.width, height / need.height)
    return next(scale for scale in (8, 4, 2, 1) if scale <= max(1.0, least))


def image_samples(
    image: DecodedImage,
    medium: Medium,
    requests: Sequence[ViewRequest],
    limits: Limits,
    problems: Sequence[str] = (),
) -> Generator[Sample, None, DecodeReport]:
    """Yield one sample for each request and box of an image.

    Raises:
        MediaError: If no box lies in the image.
    """
    lost = list(problems)
    if share_pixels(requests):
        image = CachedImage(image)
    boxes = list(enumerate(medium.boxes))
    taken = [find_crops(request, boxes, image.size) for request in requests]
    for _, missed in taken:
        lost += [sentence for sentence in missed if sentence not in lost]
    if all(part is None for parts, _ in taken for part in parts):
        raise MediaError(
            lost[-1][:1].lower() + lost[-1][1:],
            of=medium.name,
            todo="Correct the boxes in the manifest: they count pixels of the upright image.",
        )
    for number, (request, (parts, _)) in enumerate(zip(requests, taken, strict=True)):
        ordinal = 0
        for part in parts:
            if part is None:
                continue
            with loading(limits):
                pixels = image.ready(request.pixels, part.box)
            yield Sample(
                number,
                ordinal,
                pixels,
                box=part.box,
                boxes=part.boxes,
                size_px=part.size_px,
                box_numbers=part.numbers,
            )
            ordinal += part.n_rows
    return DecodeReport(
        kind="image",
        width_px=image.size[0],
        height_px=image.size[1],
        problems=tuple(lost),
        choices=(_STILL,) if medium.times_s or medium.frames else (),
    )
