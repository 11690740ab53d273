"""Parts of a page: numbers, tables, plots and notes as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vifex.evaluation.plots import Matrix, Plot, draw_svg
from vifex.values.pages import html_text

__all__ = ["notes_part", "number", "numbers_part", "plots_part", "section", "share", "table_part"]


def section(heading: str, body: str) -> str:
    """Return a section with a heading; `body` is HTML."""
    return f"<section>\n<h2>{html_text(heading)}</h2>\n{body}</section>\n"


def numbers_part(numbers: Iterable[tuple[str, str, str]]) -> str:
    """Return a list of figures: name, value, and what stands below it, as plain text."""
    items = "".join(
        f"<li><span>{html_text(name)}</span><b>{html_text(value)}</b><span>{html_text(below)}</span></li>\n"
        for name, value, below in numbers
    )
    return f'<ul class="numbers">\n{items}</ul>\n'


def table_part(columns: Sequence[str], rows: Iterable[Sequence[str]], *, label: str) -> str:
    """Return a table of plain text in a frame that scrolls, by the keyboard too.

    Args:
        columns: Heads; the first column is at the left, the others at the right.
        rows: Cells.
        label: What the table is of, for a screen reader.
    """
    head = "".join(f'<th scope="col">{html_text(name)}</th>' for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{html_text(c)}</td>' for c in row)}</tr>\n" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{html_text(label)}"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
    )


def plots_part(plots: Iterable[Plot | Matrix]) -> str:
    """Return plots side by side, each with its heading and its note."""
    panels = []
    for plot in plots:
        note = html_text(plot.note) if isinstance(plot, Plot) and plot.note else ""
        below = f"<p>{note}</p>" if note else ""
        panels.append(f'<div class="panel"><h3>{html_text(plot.title)}</h3>{draw_svg(plot)}{below}</div>\n')
    return f'<div class="plots">\n{"".join(panels)}</div>\n'


def notes_part(notes: Iterable[str]) -> str:
    """Return sentences as a list."""
    return '<ul class="notes">\n' + "".join(f"<li>{html_text(note)}</li>\n" for note in notes) + "</ul>\n"


def number(value: float | None, digits: int = 4) -> str:
    """Write a number, or a dash for none."""
    return "–" if value is None else f"{value:.{digits}f}"


def share(value: float | None) -> str:
    """Write a share as a percentage with two digits, or a dash for none."""
    return "–" if value is None else f"{100 * value:.2f} %"
