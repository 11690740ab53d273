"""The pages of outliers: rows that are far from the others, and the time lines of videos."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import numpy as np

from vifex.analysis.outliers.outliers import Outliers
from vifex.analysis.outliers.time_lines import TimeLine, TimeLines
from vifex.analysis.pages.answer_page import Card, cards_part, write_page
from vifex.evaluation.plots import Bars, Line, Plot
from vifex.evaluation.report.parts import notes_part, number, plots_part, section, table_part
from vifex.search.contact_sheet import Thumbnail
from vifex.search.times import format_time

__all__ = ["time_line_plot", "write_outlier_page", "write_time_page"]

_LINES_SHOWN: Final = 100
_NAMES: Final = {"lof": "local outlier factor", "distance": "distance to the nearest rows"}


def write_outlier_page(
    path: str | os.PathLike[str], outliers: Outliers, thumbnail: Thumbnail, *, overwrite: bool
) -> None:
    """Write outliers with their images to one HTML file.

    Raises:
        InputError: If the file cannot be written.
    """
    write_page(
        path,
        title="Outliers",
        store=outliers.store,
        facts=f"{len(outliers.outliers)} of {outliers.rows} rows of {outliers.column} · by the "
        f"{_NAMES[outliers.method]} over {outliers.neighbours} neighbours",
        parts=_outlier_parts(outliers, thumbnail),
        overwrite=overwrite,
    )


def _outlier_parts(outliers: Outliers, thumbnail: Thumbnail) -> Iterator[str]:
    if outliers.notes:
        yield section("Notes", notes_part(outliers.notes))
    cards = [
        Card(
            one.row,
            str(one.row.rank),
            f"LOF {one.lof:.2f}" if outliers.method == "lof" else f"{one.distance:.3f}",
            f"{f'Distance {one.distance:.3f}' if outliers.method == 'lof' else f'LOF {one.lof:.2f}'}; "
            f"nearest: {one.nearest.name} {format_time(one.nearest.t_s)}".rstrip()
            + f" (cosine {one.nearest.score:.3f}).",
        )
        for one in outliers.outliers
    ]
    yield section("The farthest rows, the farthest first", cards_part(cards, thumbnail))


def write_time_page(
    path: str | os.PathLike[str], lines: TimeLines, thumbnail: Thumbnail, *, overwrite: bool
) -> None:
    """Write time lines with the images of unusual moments to one HTML file.

    Raises:
        InputError: If the file cannot be written.
    """
    count = sum(len(line.spans) for line in lines.lines)
    moments = "1 unusual moment" if count == 1 else f"{count} unusual moments"
    write_page(
        path,
        title=moments,
        store=lines.store,
        facts=f"{len(lines.lines)} time line{'s' * (len(lines.lines) != 1)} of {lines.column} · modified "
        f"z-score from {lines.z:g} on",
        parts=_time_parts(lines, thumbnail),
        overwrite=overwrite,
    )


def _time_parts(lines: TimeLines, thumbnail: Thumbnail) -> Iterator[str]:
    if lines.notes:
        yield section("Notes", notes_part(lines.notes))
    order = sorted(lines.lines, key=lambda line: -max((span.z for span in line.spans), default=0.0))
    for line in order[:_LINES_SHOWN]:
        body = plots_part([time_line_plot(line)])
        if line.spans:
            rows = [
                (
                    f"{format_time(span.t_start_s)} to {format_time(span.t_end_s)}",
                    format_time(span.peak.t_s),
                    number(span.peak.score, 3),
                    number(span.z, 1),
                )
                for span in line.spans
            ]
            body += table_part(
                ("span", "peak", "novelty", "z"), rows, label=f"Unusual moments of {line.name}"
            )
            cards = [
                Card(
                    span.peak,
                    str(place),
                    f"z {span.z:.1f}",
                    f"{format_time(span.t_start_s)} to {format_time(span.t_end_s)}",
                )
                for place, span in enumerate(line.spans, start=1)
            ]
            body += cards_part(cards, thumbnail)
        yield section(line.name, body)
    if len(order) > _LINES_SHOWN:
        yield section("More", notes_part([f"{len(order) - _LINES_SHOWN} more media are in the table."]))


def time_line_plot(line: TimeLine) -> Plot:
    """Plot the novelty of a medium along its time, with its unusual spans as bars."""
    top = float(line.novelty.max())
    edges: list[float] = []
    heights: list[float] = []
    for span in line.spans:
        if edges:
            heights.append(np.nan)
        edges += [span.t_start_s, max(span.t_end_s, span.t_start_s)]
        heights.append(top)
    bars = (Bars("unusual", np.array(edges), np.array(heights)),) if edges else ()
    note = "Bars mark unusual moments." if edges else "No moment is unusual."
    novelty = Line("", line.t_s, line.novelty)
    return Plot("Novelty", "time (s)", "novelty", (novelty,), bars, None, (0.0, max(top, 1e-3)), note)
