"""The pixels that a network takes: size, resize, crop, and whether a file is decoded fast or exactly."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Literal

from vifex.values.processors import Processor

__all__ = ["NO_PIXELS", "DecodeMode", "Fit", "Interpolation", "PixelSpec", "Resize", "fit"]

Resize = Literal["stretch", "shortest", "stretch_crop", "processor"]
"""`stretch`: to the target, aspect not kept. `shortest`: shorter side to `resize_px`, then centre crop.
`stretch_crop`: to `resize_hw_px`, aspect not kept, then centre crop. `processor`: as the library's own
processor does it."""

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "bilinear_2x2"]
"""As Pillow does it, widened where an image shrinks, but for `bilinear_2x2`: that reads the four nearest
pixels however far the image shrinks, as torch does it without antialiasing."""

DecodeMode = Literal["fast", "exact"]


@dataclass(frozen=True, slots=True)
class PixelSpec:
    """Ready pixels: uint8 RGB `[height_px, width_px, 3]`, upright, square pixels, alpha over a background.

    `fast` promises dtype, size and times, not equal pixels; `exact` decodes in full and resizes as
    Pillow does (which is what torchvision's transforms do on Pillow images).
    """

    height_px: int
    width_px: int
    resize: Resize = "stretch"
    resize_px: int | None = None
    """Shorter side after the resize, before the centre crop; only for `shortest`."""
    interpolation: Interpolation = "bilinear"
    decode: DecodeMode = "fast"
    background: tuple[int, int, int] = (255, 255, 255)
    """Colour behind transparent pixels, RGB."""
    resize_hw_px: tuple[int, int] | None = None
    """Height and width after the resize, before the centre crop; only for `stretch_crop`."""
    crop_down: bool = False
    """Where the centre crop starts half a pixel in: at the pixel before it (as transformers crops), not at
    the nearest even one (as torchvision crops)."""
    processor: Processor | None = None
    """What makes the pixels, from the whole image decoded in full; only for `processor`."""

    def __post_init__(self) -> None:
        if self.height_px < 1 or self.width_px < 1:
            raise ValueError(f"pixels need a size of at least 1 x 1, got {self.height_px} x {self.width_px}")
        if self.resize == "shortest" and (
            self.resize_px is None or self.resize_px < max(self.height_px, self.width_px)
        ):
            raise ValueError(f"resize_px must be at least the crop's longer side, got {self.resize_px}")
        if self.resize != "shortest" and self.resize_px is not None:
            raise ValueError("resize_px is for resize='shortest' only")
        if (self.resize == "processor") != (self.processor is not None):
            raise ValueError("resize='processor' needs the processor, and others have none")
        if self.processor is not None and self.decode != "exact":
            raise ValueError("a processor takes images that are decoded in full")
        self._check_stretch_crop()

    def _check_stretch_crop(self) -> None:
        if self.resize != "stretch_crop":
            if self.resize_hw_px is not None:
                raise ValueError("resize_hw_px is for resize='stretch_crop' only")
            return
        height, width = self.resize_hw_px or (0, 0)
        if height < self.height_px or width < self.width_px:
            raise ValueError(f"resize_hw_px must be at least the crop's size, got {self.resize_hw_px}")

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON; what later formats added is left out where it is not used."""
        data = asdict(self)
        # The hash of a recipe is made of this: what came later must not change the older ones.
        if self.resize_hw_px is None:
            del data["resize_hw_px"]
        if not self.crop_down:
            del data["crop_down"]
        del data["processor"]
        if self.processor is not None:
            data["processor"] = self.processor.to_dict()
        return data


NO_PIXELS: Final = PixelSpec(1, 1)
"""Stands for no pixels, in a recipe of sound; its file does not have them."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A resize and the crop that follows it."""

    width: int
    height: int
    left: int
    top: int


def fit(spec: PixelSpec, width: float, height: float) -> Fit:
    """Return how an image of that size, in square pixels, becomes what `spec` wants.

    `shortest` rounds the longer side down, as torchvision does; a crop's corner goes to the nearest pixel,
    or with `crop_down` to the one before it. Of a `processor` only the size of the result is known.
    """
    if spec.resize in ("stretch", "processor"):
        return Fit(spec.width_px, spec.height_px, 0, 0)
    new_w, new_h = _resized(spec, width, height)
    left, top = (new_w - spec.width_px) / 2.0, (new_h - spec.height_px) / 2.0
    if spec.crop_down:
        return Fit(new_w, new_h, int(left), int(top))
    return Fit(new_w, new_h, round(left), round(top))


def _resized(spec: PixelSpec, width: float, height: float) -> tuple[int, int]:
    """Return width and height before the crop."""
    if spec.resize_hw_px is not None:
        return spec.resize_hw_px[1], spec.resize_hw_px[0]
    side = spec.resize_px or max(spec.width_px, spec.height_px)
    if width <= height:
        return side, max(side, int(side * height / width))
    return max(side, int(side * width / height)), side
