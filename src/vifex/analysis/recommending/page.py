"""The page of recommendations: each medium with its reason."""

from __future__ import annotations

import os
from collections.abc import Iterator

from vifex.analysis.pages.answer_page import Card, cards_part, write_page
from vifex.analysis.recommending.recommendations import Recommendations
from vifex.evaluation.report.parts import notes_part, section
from vifex.search.contact_sheet import Thumbnail

__all__ = ["write_recommendation_page"]


def write_recommendation_page(
    path: str | os.PathLike[str], found: Recommendations, thumbnail: Thumbnail, *, overwrite: bool
) -> None:
    """Write recommendations with their images to one HTML file.

    Raises:
        InputError: If the file cannot be written.
    """
    write_page(
        path,
        title="What to see next",
        store=found.store,
        facts=f"{len(found.recommendations)} of {found.candidates} media, from a history of "
        f"{found.history} · diversity {found.diversity:g}",
        parts=_parts(found, thumbnail),
        overwrite=overwrite,
    )


def _parts(found: Recommendations, thumbnail: Thumbnail) -> Iterator[str]:
    if found.notes:
        yield section("Notes", notes_part(found.notes))
    cards = [
        Card(
            one.row,
            str(one.rank),
            f"{one.relevance:.3f}",
            f"Because of {one.because} (cosine {one.similarity:.3f}).",
        )
        for one in found.recommendations
    ]
    yield section("In this order", cards_part(cards, thumbnail))
