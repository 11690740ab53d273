"""The page of issues: a section for each kind, with the images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from vifex.analysis.issues.issues import KINDS, Issues
from vifex.analysis.pages.answer_page import Card, cards_part, write_page
from vifex.evaluation.report.parts import notes_part, section, table_part
from vifex.search.contact_sheet import Thumbnail

__all__ = ["write_issue_page"]

_SHOWN: Final = 60


def write_issue_page(
    path: str | os.PathLike[str], issues: Issues, thumbnail: Thumbnail, *, overwrite: bool
) -> None:
    """Write issues with their images to one HTML file.

    Raises:
        InputError: If the file cannot be written.
    """
    count = len(issues.issues)
    write_page(
        path,
        title="1 issue" if count == 1 else f"{count} issues",
        store=issues.store,
        facts=f"{issues.media} media, {issues.column}",
        parts=_parts(issues, thumbnail),
        overwrite=overwrite,
    )


def _parts(issues: Issues, thumbnail: Thumbnail) -> Iterator[str]:
    counts = issues.counts()
    rows = [(KINDS[kind], str(count)) for kind, count in counts.items()]
    yield section("Kinds", table_part(("kind", "media"), rows, label="Issues of each kind"))
    if issues.notes:
        yield section("Notes", notes_part(issues.notes))
    for kind, heading in KINDS.items():
        found = [one for one in issues.issues if one.kind == kind]
        if not found:
            continue
        cards = [
            Card(one.row, str(place), f"{one.row.score:.3g}", one.note)
            for place, one in enumerate(found[:_SHOWN], start=1)
        ]
        body = cards_part(cards, thumbnail)
        if len(found) > _SHOWN:
            body += notes_part([f"{len(found) - _SHOWN} more are in the table of all issues."])
        yield section(heading, body)
