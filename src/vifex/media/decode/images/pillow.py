"""The one place where Pillow opens and loads images: its global settings are set for a call and restored."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

from PIL import AvifImagePlugin, Image, ImageFile, TiffImagePlugin

from vifex.media.decode.files.reasons import clean
from vifex.media.decode.files.source import MediaFile
from vifex.values import Limits

__all__ = ["FORMATS", "loading", "open_image", "orientation"]

# Kinds that Pillow may open. Left out: what runs other programs (EPS), what only stands for a file of
# another library (HDF5, GRIB, WMF), films (MPEG, FLI) and kinds without a signature (TGA).
_NAMES: Final = (
    "JPEG MPO PNG GIF WEBP TIFF BMP DIB AVIF JPEG2000 ICO ICNS PPM QOI DDS SGI PCX PSD SUN XBM XPM MSP"
    " JXL"  # by the plug-in of the extra `jxl`
)
FORMATS: Final = tuple(_NAMES.split())

_LOCK: Final = threading.RLock()


@contextmanager
def loading(
    limits: Limits, notes: list[str] | None = None, *, cut: bool = False, libtiff: bool = False
) -> Iterator[None]:
    """Apply our limits to Pillow.

    Pillow keeps its pixel limit, its tolerance for cut files and the threads of its AVIF decoder in
    module globals, and gives warnings for harmless oddities, which become notes here.

    Args:
        limits: Pillow's own check refuses more than `max_pixels` too.
        notes: Takes Pillow's warnings.
        cut: Whether an image that ends early is loaded as far as it goes.
        libtiff: Whether libtiff reads uncompressed TIFFs too.
    """
    with _LOCK, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = (
            Image.MAX_IMAGE_PIXELS,
            ImageFile.LOAD_TRUNCATED_IMAGES,
            AvifImagePlugin.DEFAULT_MAX_THREADS,
            TiffImagePlugin.READ_LIBTIFF,
        )
        # Pillow refuses more than twice this number.
        Image.MAX_IMAGE_PIXELS = (limits.max_pixels + 1) // 2
        ImageFile.LOAD_TRUNCATED_IMAGES = cut
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        TiffImagePlugin.READ_LIBTIFF = libtiff
        try:
            yield
        finally:
            (
                Image.MAX_IMAGE_PIXELS,
                ImageFile.LOAD_TRUNCATED_IMAGES,
                AvifImagePlugin.DEFAULT_MAX_THREADS,
                TiffImagePlugin.READ_LIBTIFF,
            ) = before
            if notes is not None:
                notes.extend(
                    _note(w) for w in caught if not issubclass(w.category, Image.DecompressionBombWarning)
                )


def open_image(file: MediaFile, head: bytes = b"") -> Image.Image:
    """Read an image's header; call it within `loading`.

    Args:
        file: The open file.
        head: First bytes in place of the file's own; in a TIFF they say which page is the first.

    Raises:
        Exception: Whatever Pillow's plug-ins raise; malicious files cause every kind.
    """
    _load_plugins()
    return Image.open(file.buffered(head), formats=[kind for kind in FORMATS if kind in Image.OPEN])


@cache
def _load_plugins() -> None:
    Image.init()  # most plug-ins are loaded only now, and Pillow may be built without some


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        return (
            1  # JPEG XL turns by itself, and its EXIF does not count; but one made from a JPEG is that JPEG
        )
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # EXIF is parsed by hand in Pillow, and broken EXIF raises anything
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _note(warning: warnings.WarningMessage) -> str:
    return f"Pillow: {clean(str(warning.message))}."
