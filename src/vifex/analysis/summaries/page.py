"""The page of a summary: key frames and shots with their times."""

from __future__ import annotations

import os
from collections.abc import Iterator

from vifex.analysis.pages.answer_page import Card, cards_part, write_page
from vifex.analysis.summaries.summary import Summary
from vifex.evaluation.report.parts import notes_part, section, share
from vifex.search.contact_sheet import Thumbnail
from vifex.search.times import format_time

__all__ = ["write_summary_page"]


def write_summary_page(
    path: str | os.PathLike[str], summary: Summary, thumbnail: Thumbnail, *, overwrite: bool
) -> None:
    """Write key frames and shots with their images to one HTML file.

    Raises:
        InputError: If the file cannot be written.
    """
    frames, shots = len(summary.key_frames), len(summary.shots)
    write_page(
        path,
        title=summary.name,
        store=summary.store,
        facts=f"{frames} key frame{'s' * (frames != 1)} and {shots} shot{'s' * (shots != 1)} of "
        f"{summary.rows} rows, {format_time(summary.t_start_s)} to {format_time(summary.t_end_s)} · "
        f"{share(summary.explained)} of the spread explained",
        parts=_parts(summary, thumbnail),
        overwrite=overwrite,
    )


def _parts(summary: Summary, thumbnail: Thumbnail) -> Iterator[str]:
    if summary.notes:
        yield section("Notes", notes_part(summary.notes))
    frames = [
        Card(
            one.frame,
            str(one.order),
            f"{one.share:.0%}",
            f"Shot {one.shot}; nearest key frame for {one.share:.0%} of the time.",
        )
        for one in summary.key_frames
    ]
    yield section("Key frames in the order of time, numbered by the choice", cards_part(frames, thumbnail))
    shots = [
        Card(
            one.frame,
            str(one.number),
            f"{one.t_end_s - one.t_start_s:.1f} s",
            f"{format_time(one.t_start_s)} to {format_time(one.t_end_s)}",
        )
        for one in summary.shots
    ]
    yield section("Shots", cards_part(shots, thumbnail))
