"""The page of copies: each group and segment side by side, with buttons that mark its pairs."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from vifex.analysis.copies.page.page_style import STYLE
from vifex.analysis.copies.page.script import SCRIPT
from vifex.analysis.copies.page.strips import image_sections, segment_sections
from vifex.search.files import written_whole
from vifex.values import VifexError
from vifex.values.pages import html_text, jpeg_address, page_data, page_head, page_script

if TYPE_CHECKING:
    from PIL.Image import Image

    from vifex.analysis.copies.result import CopiedImage, Copies, CopyGroup

__all__ = ["write_page"]

_SIDE_PX: Final = 240
_LINKED: Final = frozenset({"file", "http", "https"})
_BREAKS: Final = re.compile(r"[/_\-~](?=.)")

_HEAD = """<header>
<div>
<p class="over">Vifex · copies</p>
<h1><bdi>{title}</bdi></h1>
<p class="facts">{facts}</p>
</div>
</header>
<div class="bar" role="region" aria-label="Marks">
<button type="button" id="save" hidden>Save marks</button>
<p id="saved" role="status"></p>
<p><kbd>J</kbd> <kbd>K</kbd> next, previous · <kbd>C</kbd> confirmed · <kbd>W</kbd> wrong ·
<kbd>S</kbd> save</p>
</div>
<main>
"""
_GROUP = """<section class="group" aria-label="Group {number}">
<h2>Group {number} <span>· {count} images</span></h2>
<ul class="hits">
{cards}</ul>
</section>
"""
_CARD = """<li class="hit{first}"{pair}>
<div class="image">{image}</div>
<div class="words">
<div class="line">{name}<span class="score">{score}</span></div>
{chips}{buttons}</div>
</li>
"""
_BUTTONS = """<div class="marks">
<button type="button" data-word="confirmed" aria-pressed="false">Confirmed</button>
<button type="button" data-word="wrong" aria-pressed="false">Wrong</button>
</div>
"""
_FOOT = """</main>
<footer>Made by Vifex. The first image of a group is the one that the others are compared with. Numbers are
cosine similarities to it. The two strips of a segment show both spans at the same places. Give saved marks
to <code>vifex copies</code>, and the store keeps them.</footer>
"""


def write_page(
    found: Copies, path: str | os.PathLike[str], *, facts: Sequence[str], most: int, overwrite: bool
) -> None:
    """Write the groups with their images to one HTML file, which appears complete or not at all.

    Args:
        found: The groups.
        path: The file. It may not lie in a store.
        facts: Sentences for the head.
        most: Number of groups that are shown, from the first.
        overwrite: Whether an existing file is replaced.

    Raises:
        InputError: If the file cannot be written.
    """
    title = os.path.basename(found.store)  # noqa: PTH119
    if found.other is not None:
        title += f" and {os.path.basename(found.other)}"  # noqa: PTH119
    pairs: list[dict[str, Any]] = []
    with written_whole(path, overwrite=overwrite) as aside, aside.open("w", encoding="utf-8") as file:
        file.write(page_head(f"Copies · {title}", STYLE, SCRIPT))
        file.write(_HEAD.format(title=html_text(title), facts=" ".join(html_text(f) for f in facts)))
        for number, group in enumerate(found.groups[:most], start=1):
            cards = "".join(_cards(group, pairs, found.other_id))
            file.write(_GROUP.format(number=number, count=len(group.copies) + 1, cards=cards))
        if not found.groups and found.rows:
            file.write("<p>No two images are above the threshold.</p>\n")
        file.writelines(segment_sections(found.segments[:most], pairs, found.other_id, _BUTTONS))
        file.writelines(image_sections(found.images_in_videos[:most]))
        if found.videos and not found.segments:
            file.write("<p>No two videos share a segment.</p>\n")
        file.write(_FOOT)
        marks = [pair for pair in pairs if pair["mark"] is not None]
        file.write(page_data("data", {"pairs": pairs, "marks": marks}))
        file.write(page_script(SCRIPT))
        file.write("</body>\n</html>\n")


def _cards(group: CopyGroup, pairs: list[dict[str, Any]], other_id: str | None) -> Iterator[str]:
    """Yield the cards of a group, and add its pairs to those of the page."""
    first = group.representative
    yield _card(first, first=" first", pair="", score="", buttons="")
    for image in group.copies:
        pair = f' data-pair="{len(pairs)}" tabindex="0"'
        pairs.append({"kind": "image", "a": first.key, "b": image.key, "other": other_id, "mark": image.mark})
        yield _card(image, first="", pair=pair, score=f"{image.similarity:.3f}", buttons=_BUTTONS)


def _card(image: CopiedImage, **parts: str) -> str:
    text = _BREAKS.sub(r"\g<0><wbr>", html_text(image.name))
    href = _href(image.uri)
    name = f"<bdi>{text}</bdi>"
    chips = "".join(f'<span class="chip">{html_text(c)}</span>' for c in (image.label, image.split) if c)
    return _CARD.format(
        image=_thumbnail(image),
        name=f'<a class="name" href="{href}">{name}</a>' if href else f'<span class="name">{name}</span>',
        chips=f'<div class="chips">{chips}</div>\n' if chips else "",
        **parts,
    )


def _thumbnail(image: CopiedImage) -> str:
    try:
        pixels = _read(image)
    except (VifexError, OSError) as exc:
        why = exc.what if isinstance(exc, VifexError) else (exc.strerror or type(exc).__name__)
        return f'<span class="gone"><b>No image</b>{html_text(why)}</span>'
    if pixels is None:
        return '<span class="gone"><b>No image</b>Its source has moved or changed.</span>'
    return f'<img src="{jpeg_address(pixels, side_px=_SIDE_PX)}" alt="" loading="lazy">'


def _read(image: CopiedImage) -> Image | None:
    from vifex.media.read import Skip, thumbnail

    try:
        return thumbnail(image.uri, None, image.box, _SIDE_PX, page=image.page or 0)
    except Skip:
        return None


def _href(uri: str) -> str | None:
    """Return the source as an escaped address; `None` for what no browser should open."""
    try:
        scheme = urlsplit(uri).scheme
    except ValueError:
        return None
    return html.escape(uri) if scheme in _LINKED else None
