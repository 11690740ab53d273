"""Contact sheets: the hits or the moments of a search as one self-contained HTML file.

Styles and images are embedded. The page has no script and loads nothing, and its policy forbids both. Text
from a store or a file name is escaped. Sources are linked, videos at the time of the hit; the links work on a
machine that has the sources.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from vifex.search.files import written_whole
from vifex.search.hits import Hit
from vifex.search.moments.moment import Moment
from vifex.search.registry import distance
from vifex.search.sheet_style import STYLE
from vifex.search.times import format_time
from vifex.values import VifexError
from vifex.values.media import member_of
from vifex.values.pages import html_text, jpeg_address, page_head

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Thumbnail", "hit_card", "write_contact_sheet"]

Thumbnail = Callable[[Hit], "Image | None"]
"""Returns the image of a hit (its frame, cropped to its box), or `None` if it can no longer be read."""

_LINKED: Final = frozenset({"file", "http", "https"})

_HEIGHT: Final = "height: 0 is the median row, 1 the best row of the store"
_BREAKS = re.compile(r"[/_\-](?=.)")

_HEAD = """<header>
{query}<div>
<p class="over">Vifex</p>
<h1><bdi>{title}</bdi></h1>
<p class="facts"><b>{count}</b> in <b><bdi>{store}</bdi></b> · {meaning}</p>
</div>
</header>
<main>
"""

_FOOT = """</main>
<footer>Made by Vifex. Images link to their sources, videos at the moment that was found.</footer>
</body>
</html>
"""

_CARD = """<li class="hit">
<div class="image">{image}<span class="rank">{rank}</span>{time}</div>
<div class="words">
<div class="line">{name}<span class="score">{score}</span></div>
{note}{chips}<details><summary>Details</summary><dl>{details}</dl></details>
</div>
</li>
"""


def write_contact_sheet(
    path: str | os.PathLike[str],
    hits: Sequence[Hit] | Sequence[Moment],
    *,
    title: str,
    query_thumbnail: Image | None = None,
    thumbnail: Thumbnail,
    metric: str,
    by_height: bool = False,
    store_name: str,
    overwrite: bool = False,
) -> None:
    """Write hits or moments with their images to one HTML file. The file appears complete or not at all.

    Images are read and written one at a time, so memory does not grow with the number of hits.

    Args:
        path: The file.
        hits: In the order to show.
        title: The heading, e.g. `clip.mp4@00:12`.
        query_thumbnail: The query's image; any mode and size.
        thumbnail: Gives each hit's image, any mode and size. `None`, a `VifexError` or an `OSError`
            from it become a plain field that says why there is no image.
        metric: Name of the distance that made the scores.
        by_height: Whether the scores are heights, as those of combined queries.
        store_name: As in a heading.
        overwrite: Whether an existing file may be replaced.

    Raises:
        InputError: If the file cannot be written.
    """
    how = distance(metric)
    of_moments = bool(hits) and isinstance(hits[0], Moment)
    count = _counted(len(hits), "moment" if of_moments else "nearest row")
    query = (
        f'<img class="query" src="{jpeg_address(query_thumbnail)}" alt="The query">\n'
        if query_thumbnail
        else ""
    )
    words = {
        "title": html_text(title),
        "store": html_text(store_name),
        "meaning": html_text(_HEIGHT if by_height else how.meaning),
    }
    with written_whole(path, overwrite=overwrite) as aside, aside.open("w", encoding="utf-8") as file:
        file.write(page_head(f"{title} · {store_name}", STYLE))
        file.write(_HEAD.format(query=query, count=count, **words))
        if hits:
            file.write('<ol class="hits">\n')
            file.writelines(hit_card(hit, thumbnail) for hit in hits)
            file.write("</ol>\n")
        else:
            file.write('<p class="none">No row of the store matches the query.</p>\n')
        file.write(_FOOT)


def _counted(count: int, one: str) -> str:
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def hit_card(
    found: Hit | Moment,
    thumbnail: Thumbnail,
    *,
    rank: str | None = None,
    score: str | None = None,
    note: str = "",
) -> str:
    """Return a hit or a moment as an item of a list `<ol class="hits">`.

    Args:
        found: The row, or the moment, whose best row is shown.
        thumbnail: As for `write_contact_sheet`.
        rank: What stands in the corner; by default the hit's rank.
        score: What stands beside the name; by default the hit's score.
        note: A sentence below the name, as plain text.
    """
    hit = found.best if isinstance(found, Moment) else found
    start_s = found.start_s if isinstance(found, Moment) else hit.t_s
    time = _span(found) if isinstance(found, Moment) else format_time(hit.t_s)
    href = _href(hit, start_s)
    # Long names may break after the signs that part their words.
    name = "<bdi>" + _BREAKS.sub(r"\g<0><wbr>", html_text(hit.name)) + "</bdi>"
    image = _image(hit, thumbnail)
    chips = "".join(f'<span class="chip">{html_text(c)}</span>' for c in (hit.label, hit.split) if c)
    return _CARD.format(
        image=f'<a href="{href}" tabindex="-1" aria-hidden="true">{image}</a>' if href else image,
        rank=html_text(str(found.rank) if rank is None else rank),
        time=f'<span class="time">{time}</span>' if time else "",
        name=f'<a class="name" href="{href}">{name}</a>' if href else f'<span class="name">{name}</span>',
        score=html_text(_number(found.score) if score is None else score),
        note=f'<p class="note">{html_text(note)}</p>\n' if note else "",
        chips=f'<div class="chips">{chips}</div>\n' if chips else "",
        details="".join(f"<dt>{term}</dt><dd>{html_text(text)}</dd>" for term, text in _details(found)),
    )


def _span(moment: Moment) -> str:
    """Return start and end of a moment; nothing for an image."""
    return "" if moment.end_s is None else f"{format_time(moment.start_s)} – {format_time(moment.end_s)}"


def _details(found: Hit | Moment) -> list[tuple[str, str]]:
    if isinstance(found, Moment):
        facts = [*_details(found.best), ("rows", str(found.rows))]
        parts = ", ".join(_span(part) for part in found.parts)
        return [*facts, ("parts", parts)] if parts else facts
    hit = found
    facts = [("query", f"row:{hit.key}"), ("source", hit.uri)]
    if hit.page is not None:
        facts.append(("page", str(hit.page)))
    elif hit.frame_index is not None:
        facts.append(("frame", str(hit.frame_index)))
    if hit.pts is not None:
        facts.append(("pts", f"{hit.pts} x {hit.time_base} s"))
    if hit.t_start_s is not None and hit.t_end_s is not None:
        facts.append(("span", f"{hit.t_start_s:.3f} to {hit.t_end_s:.3f} s"))
    if hit.box is not None:
        box = hit.box
        facts.append(("box", f"{box.x0:g},{box.y0:g} to {box.x1:g},{box.y1:g} px"))
    return facts


def _image(hit: Hit, thumbnail: Thumbnail) -> str:
    try:
        image = thumbnail(hit)
        why = "Its source has moved or changed."
    except (VifexError, OSError) as exc:
        image, why = None, exc.what if isinstance(exc, VifexError) else (exc.strerror or type(exc).__name__)
    if image is None:
        return f'<span class="gone"><b>No image</b>{html_text(why)}</span>'
    return f'<img src="{jpeg_address(image)}" alt="">'


def _href(hit: Hit, t_s: float | None) -> str | None:
    """The source as an escaped address, a video at a time; `None` for what no browser should open."""
    try:
        scheme = urlsplit(hit.uri).scheme
    except ValueError:
        return None
    if scheme not in _LINKED or member_of(hit.uri) is not None:  # no browser opens a member of an archive
        return None
    at = "" if t_s is None else f"#t={max(0.0, t_s):.3f}"
    return html.escape(hit.uri + at)


def _number(score: float) -> str:
    return f"{score:.4f}" if abs(score) < 1000 else f"{score:.4g}"
