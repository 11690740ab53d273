"""JPEGs at an eighth of their size, by a plug-in that is faster than Pillow at that scale.

A plug-in names a function `decode_eighth(file, size_bytes, size)` in the entry point group
`vifex.jpeg_eighth`. It returns the image that `Image.draft` and `Image.load` give, to the bit, or `None` to
leave the file to Pillow. The package `vifex-jpeg`, in `plugins/` of the repository, is such a plug-in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final

from PIL import Image

__all__ = ["GROUP", "SCALE", "decode_eighth"]

GROUP: Final = "vifex.jpeg_eighth"
SCALE: Final = 8

_Decode = Callable[[Any, int, tuple[int, int]], Image.Image | None]


def decode_eighth(file: Any, size_bytes: int, size: tuple[int, int]) -> Image.Image | None:
    """Decode a JPEG at an eighth of its size with an installed plug-in.

    Args:
        file: Open for reading bytes; its position afterwards is undefined.
        size_bytes: Its length.
        size: Width and height in its header.

    Returns:
        An `RGB` image of ceil(width / 8) x ceil(height / 8), or `None` if no plug-in takes the file.
    """
    for decode in _decoders():
        image = decode(file, size_bytes, size)
        if image is not None:
            return image
    return None


@cache
def _decoders() -> tuple[_Decode, ...]:
    """Load the plug-ins once; one that cannot be imported is left out, because Pillow decodes everything."""
    found = []
    for entry in entry_points(group=GROUP):
        try:
            found.append(entry.load())
        except ImportError:
            continue
    return tuple(found)
