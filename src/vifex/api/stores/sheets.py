"""The images of a contact sheet: thumbnails of hits and of the query, decoded from their sources."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from vifex.search.query import FrameQuery, ImageQuery, PixelsQuery, as_query
from vifex.values import Box, VifexError
from vifex.values.media import path_to_uri

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["query_thumbnail", "query_title", "thumbnail_of"]

_SIDE_PX: Final = 320


def query_thumbnail(query: object, assume_fps: float | None) -> Image.Image | None:
    """Return a small image of a query; `None` where it is none.

    Args:
        query: As `search` takes it.
        assume_fps: Frame rate for streams without any times.
    """
    parsed = None if query is None else as_query(query)
    if isinstance(parsed, FrameQuery):
        return thumbnail_of(path_to_uri(parsed.path), parsed.t_s, None, assume_fps)
    if isinstance(parsed, ImageQuery):
        return thumbnail_of(path_to_uri(parsed.path), None, None, assume_fps)
    if isinstance(parsed, PixelsQuery):
        from vifex.api.models.inputs import upright_image

        image = upright_image(parsed.image).copy()
        image.thumbnail((_SIDE_PX, _SIDE_PX))
        return image
    return None


def query_title(query: object) -> str | None:
    """Return the words of a query for the head of a page; `None` where it has none."""
    return os.fspath(query) if isinstance(query, str | os.PathLike) else None


def thumbnail_of(
    uri: str,
    t_s: float | None,
    box: Box | None,
    assume_fps: float | None,
    page: int = 0,
    side_px: int = _SIDE_PX,
) -> Image.Image | None:
    """Return a small image of a row's source; `None` where the source is gone, or is sound alone."""
    from vifex.media.read import Skip, thumbnail

    try:
        return thumbnail(uri, t_s, box, side_px, assume_fps=assume_fps, page=page)
    except (Skip, VifexError, OSError):
        return None
