"""Copied segments on a page: both spans as strips of frames, one above the other, with their times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from vifex.analysis.copies.segments.videos import CopiedSegment, ImageInVideo, VideoSpan, clock
from vifex.values import VifexError
from vifex.values.pages import html_text, jpeg_address

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["image_sections", "segment_sections"]

_FRAMES: Final = 5
_SIDE_PX: Final = 200

_SEGMENT = """<section class="segment" aria-label="Segment {number}"{pair}>
<h2>Segment {number} <span>· score {score}, speed {speed}, similarity {similarity}</span></h2>
{a}{b}{buttons}</section>
"""
_IMAGE = """<section class="segment" aria-label="Image {number} in a video">
<h2>Image in a video {number} <span>· similarity {similarity}, best at {best}</span></h2>
{a}{b}</section>
"""
_STRIP = """<figure class="strip">
<figcaption><bdi>{name}</bdi> <span>{times}</span></figcaption>
<ol>{frames}</ol>
</figure>
"""
_FRAME = '<li><span class="frame">{image}</span>{time}</li>'


def segment_sections(
    segments: tuple[CopiedSegment, ...], pairs: list[dict[str, Any]], other_id: str | None, buttons: str
) -> Iterator[str]:
    """Yield a section for each segment, and add its pair of spans to those of the page.

    Args:
        segments: What is shown.
        pairs: The pairs that can be marked in the page.
        other_id: Id of the other store, by which marks name it.
        buttons: The buttons of a pair.
    """
    for number, one in enumerate(segments, start=1):
        pair = f' data-pair="{len(pairs)}" tabindex="0"'
        pairs.append({"kind": "segment", "a": one.a.key, "b": one.b.key, "other": other_id, "mark": one.mark})
        yield _SEGMENT.format(
            number=number,
            pair=pair,
            score=f"{one.score:.1f}",
            speed=f"{one.speed:.2f}",
            similarity=f"{one.similarity:.3f}",
            a=_strip(one.a),
            b=_strip(one.b),
            buttons=buttons,
        )


def image_sections(images: tuple[ImageInVideo, ...]) -> Iterator[str]:
    """Yield a section for each image that a video shows."""
    for number, one in enumerate(images, start=1):
        still = _FRAME.format(image=_thumbnail(one.uri, None), time="")
        yield _IMAGE.format(
            number=number,
            similarity=f"{one.similarity:.3f}",
            best=clock(one.best_s),
            a=_STRIP.format(name=html_text(one.name), times="", frames=still),
            b=_strip(one.video),
        )


def _strip(span: VideoSpan) -> str:
    """Show frames at equal distances, so that those of two spans stand below each other."""
    times = [span.start_s + (k + 0.5) / _FRAMES * (span.end_s - span.start_s) for k in range(_FRAMES)]
    frames = "".join(_FRAME.format(image=_thumbnail(span.uri, t_s), time=_short(t_s)) for t_s in times)
    return _STRIP.format(
        name=html_text(span.name), times=f"{clock(span.start_s)}-{clock(span.end_s)}", frames=frames
    )


def _short(t_s: float) -> str:
    hours, rest = clock(t_s)[:3], clock(t_s)[3:]
    return f'<span class="long">{hours}</span>{rest}'


def _thumbnail(uri: str, t_s: float | None) -> str:
    image = _read(uri, t_s)
    if image is None:
        return ""
    return f'<img src="{jpeg_address(image, side_px=_SIDE_PX)}" alt="" loading="lazy">'


def _read(uri: str, t_s: float | None) -> Image | None:
    from vifex.media.read import Skip, thumbnail

    try:
        return thumbnail(uri, t_s, None, _SIDE_PX)
    except (Skip, VifexError, OSError):
        return None
