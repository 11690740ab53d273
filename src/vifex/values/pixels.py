"""What a network wants to see: size, resize, crop, and how exactly a file is decoded for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

__all__ = ["DecodeMode", "Interpolation", "PixelSpec", "Resize"]

Resize = Literal["stretch", "shortest"]
"""`stretch`: to the target, aspect not kept. `shortest`: shorter side to `resize_px`, then centre crop."""

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
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
    """What shows through transparent pixels, RGB."""

    def __post_init__(self) -> None:
        if self.height_px < 1 or self.width_px < 1:
            raise ValueError(f"pixels need a size of at least 1 x 1, got {self.height_px} x {self.width_px}")
        if self.resize == "shortest" and (
            self.resize_px is None or self.resize_px < max(self.height_px, self.width_px)
        ):
            raise ValueError(f"resize_px must be at least the crop's longer side, got {self.resize_px}")
        if self.resize == "stretch" and self.resize_px is not None:
            raise ValueError("resize_px is for resize='shortest' only")

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)
