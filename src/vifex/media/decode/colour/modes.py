"""Pillow's modes to RGB: colour profiles, CMYK, 16-bit and float images, palettes and alpha."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any, Final

import numpy as np
from PIL import Image, ImageCms

__all__ = ["flat", "to_rgb"]

# Descriptions of profiles that are sRGB: there is nothing to convert.
_SRGB: Final = ("sRGB IEC61966-2.1", "sRGB built-in", "sRGB", "c2")

_ALPHA: Final = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})


def flat(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Bring an image into a mode that can be resized, without touching its colour space.

    Args:
        image: Loaded, of any mode.
        background: RGB that shows through transparent pixels.

    Returns:
        Mode `L`, `RGB`, `CMYK` or `LAB`, 8 bits, its profile still in `info`.
    """
    profile = image.info.get("icc_profile")
    out = _flat(image, background)
    if profile and "icc_profile" not in out.info:
        out.info["icc_profile"] = profile
    return out


def _flat(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    mode = image.mode
    if mode.startswith("I;16"):
        return _from_16_bits(np.asarray(image).astype(np.uint32))
    if mode == "I":
        return _from_integers(np.asarray(image).astype(np.int64))
    if mode == "F":
        return _from_floats(np.asarray(image))
    if mode in _ALPHA or "transparency" in image.info:
        return _over(image.convert("RGBA"), background)
    if mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    return image.convert("L" if mode == "1" else "RGB")


def _from_16_bits(values: np.ndarray[Any, Any]) -> Image.Image:
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))


def _from_integers(values: np.ndarray[Any, Any]) -> Image.Image:
    # Pillow's mode I holds what was stored as 16 bits as well as what was stored as 32.
    return _from_16_bits(np.clip(values, 0, 65535))


def _from_floats(values: np.ndarray[Any, Any]) -> Image.Image:
    # The field's convention (FFmpeg's, scikit-image's): floats run from 0, black, to 1, white.
    finite = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
    return Image.fromarray((np.clip(finite, 0, 1) * 255 + 0.5).astype(np.uint8))


def _over(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    below = Image.new("RGBA", image.size, (*background, 255))
    return Image.alpha_composite(below, image).convert("RGB")


def to_rgb(image: Image.Image) -> tuple[Image.Image, str | None]:
    """Convert an image of `flat` to sRGB by its profile, or directly if it has none.

    Returns:
        The image in mode `RGB`, and a note if its profile could not be used.
    """
    profile = image.info.get("icc_profile")
    note = None
    if profile or image.mode == "LAB":
        try:
            converted = _by_profile(image, bytes(profile or b""))
            if converted is not None:
                return converted, None
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            note = "Its colour profile could not be used."
    if image.mode == "LAB":
        converted = _by_profile(image, b"")
        if converted is not None:
            return converted, note
    return (image if image.mode == "RGB" else image.convert("RGB")), note


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    transform = _transform(profile, image.mode)
    return None if transform is None else ImageCms.applyTransform(image, transform)


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform to sRGB; `None` if the profile is sRGB or not for this mode."""
    if mode == "LAB":
        source: Any = ImageCms.createProfile("LAB")
    else:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if mode == "RGB" and ImageCms.getProfileDescription(source).strip() in _SRGB:
            return None
        space = source.profile.xcolor_space.strip()
        if {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}.get(mode) != space:
            return None
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
