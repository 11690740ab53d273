"""Limits that are checked on a header, before a decoder allocates memory."""

from __future__ import annotations

from vifex.media.decode.files.source import MediaFile
from vifex.values import Limits, MediaError

__all__ = ["Refused", "check_pixels"]


class Refused(MediaError):
    """A final refusal: the image is too large, or of a kind that cannot be assembled."""


def check_pixels(width: int, height: int, limits: Limits, file: MediaFile) -> None:
    """Check that an image is not too large.

    Args:
        width: In pixels, as the header claims.
        height: Likewise.
        limits: Its `max_pixels` counts.
        file: For the message.

    Raises:
        Refused: If it is.
    """
    if width * height > limits.max_pixels:
        raise Refused(
            f"it is {width} x {height} pixels large, more than the limit of {limits.max_pixels:,} pixels.",
            of=file.display_name,
            todo="Raise the limit if you trust the file.",
        )
