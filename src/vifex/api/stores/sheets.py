"""The images of a contact sheet: thumbnails of hits and of the query, decoded from their sources."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from vifex.media.places import shown
from vifex.search.combined.evaluate import meaning
from vifex.search.combined.values import AllOf, AnyOf, Combined, MeanOf
from vifex.search.query import FrameQuery, ImageQuery, PixelsQuery, as_query
from vifex.values import Box, VifexError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["query_thumbnail", "query_title", "thumbnail_of", "thumbnails_of"]

_SIDE_PX: Final = 320
_FULL_PX: Final = 1 << 30
"""A side that no image has: it is not made smaller."""


def query_thumbnail(query: object, assume_fps: float | None) -> Image.Image | None:
    """Return a small image of a query; `None` where it is none.

    Args:
        query: As `search` takes it.
        assume_fps: Frame rate for streams without any times.
    """
    meant = None if query is None else meaning(query)
    if meant is None or isinstance(meant, Combined):
        return None
    parsed = as_query(meant)
    if isinstance(parsed, FrameQuery):
        return _query_image(parsed, parsed.t_s, assume_fps)
    if isinstance(parsed, ImageQuery):
        return _query_image(parsed, None, assume_fps)
    if isinstance(parsed, PixelsQuery):
        from vifex.api.models.inputs import upright_image

        image = upright_image(parsed.image).copy()
        image.thumbnail((_SIDE_PX, _SIDE_PX))
        return image
    return None


def _query_image(
    query: ImageQuery | FrameQuery, t_s: float | None, assume_fps: float | None
) -> Image.Image | None:
    """Return a small image of a query by file, or of the part of it that was asked for."""
    uri = query.uri
    if query.part is None:
        return thumbnail_of(uri, t_s, None, assume_fps)
    from vifex.media.read import Skip, thumbnail

    try:
        whole = thumbnail(uri, t_s, None, _FULL_PX, assume_fps=assume_fps)
        return thumbnail(uri, t_s, query.part.box(*whole.size), _SIDE_PX, assume_fps=assume_fps)
    except (Skip, VifexError, OSError):
        return None


def query_title(query: object) -> str | None:
    """Return the words of a query for the head of a page; `None` where it has none."""
    match query:
        case str() | os.PathLike():
            return shown(os.fspath(query))
        case MeanOf(queries) | AnyOf(queries) | AllOf(queries):
            titles = [query_title(one) or "an image" for one in queries]
            return f"{type(query).__name__.removesuffix('Of').lower()} of {', '.join(titles)}"
    return None


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


def thumbnails_of(
    uri: str, wanted: Sequence[tuple[float, Box | None]], assume_fps: float | None, side_px: int
) -> Iterator[Image.Image | None]:
    """Yield a small image for each time in a video, in rising order; `None` where there is none."""
    from vifex.media.read import Skip, thumbnails

    given = 0
    try:
        for image in thumbnails(uri, wanted, side_px, assume_fps=assume_fps):
            given += 1
            yield image
    except (Skip, VifexError, OSError):
        yield from [None] * (len(wanted) - given)
