"""A page with an answer: a head with facts, sections, and rows of the store as cards with images.

The page has no script and loads nothing. It is readable at 360 pixels, in light and dark, and by keyboard.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from vifex.evaluation.report.report_style import REPORT_STYLE
from vifex.search.contact_sheet import Thumbnail, hit_card
from vifex.search.files import written_whole
from vifex.search.hits import Hit
from vifex.search.sheet_style import SHEET_RULES
from vifex.values.pages import html_text, page_head

__all__ = ["Card", "cards_part", "write_page"]

_STYLE: Final = (
    REPORT_STYLE
    + SHEET_RULES
    + """
.plots + .scroll, .plots + .hits, .scroll + .hits { margin-top: .9rem; }
.plot .bar { fill-opacity: .25; }
.hits.small { grid-template-columns: repeat(auto-fill, minmax(min(10rem, 40vw), 1fr)); }
.view + .view, .group + .group { margin-top: 1rem; }
.view h3, .group h3 { margin: 0 0 .4rem; font-size: 1rem; }
.todo { margin: 0 0 1rem; color: var(--soft); }
.panel .reason { margin: 0 0 .6rem; color: inherit; font-size: inherit; overflow-wrap: anywhere; }
.names { margin: 0; padding: 0; list-style: none; }
.hits + .names { margin-top: .6rem; }
"""
)
_FOOT: Final = "Made by Vifex. Images link to their sources, videos at the moment that is shown."


@dataclass(frozen=True, slots=True)
class Card:
    """A row that is shown, and the words beside it, as plain text."""

    hit: Hit
    rank: str
    """In the corner of the image."""
    score: str
    """Beside the name."""
    note: str = ""
    """A sentence below the name."""


def cards_part(cards: Iterable[Card], thumbnail: Thumbnail) -> str:
    """Return rows as a list of cards."""
    items = "".join(
        hit_card(card.hit, thumbnail, rank=card.rank, score=card.score, note=card.note) for card in cards
    )
    return f'<ol class="hits">\n{items}</ol>\n'


def write_page(
    path: str | os.PathLike[str],
    *,
    title: str,
    store: str,
    facts: str,
    parts: Iterable[str],
    overwrite: bool,
) -> None:
    """Write a page; the file appears complete or not at all.

    Args:
        path: The file.
        title: The heading, as plain text.
        store: Name of the store, as plain text.
        facts: A line below the heading, as plain text.
        parts: The HTML of the sections, made one at a time.
        overwrite: Whether an existing file may be replaced.

    Raises:
        InputError: If the file cannot be written.
    """
    with written_whole(path, overwrite=overwrite) as aside, aside.open("w", encoding="utf-8") as file:
        file.write(page_head(f"{title} · {store}", _STYLE))
        file.write(
            f'<header><div><p class="over">Vifex</p>\n<h1><bdi>{html_text(title)}</bdi></h1>\n'
            f'<p class="facts"><b><bdi>{html_text(store)}</bdi></b> · {html_text(facts)}</p></div></header>\n'
            "<main>\n"
        )
        file.writelines(parts)
        file.write(f"</main>\n<footer>{html_text(_FOOT)}</footer>\n</body>\n</html>\n")
