"""Plots as SVG inside a page: text stays text, and the colours follow the page's light or dark style.

The page's style sheet has the classes that are used here, see `vifex.evaluation.report.style`.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from vifex.evaluation.plots.plot import Bars, Line, Matrix, Plot

__all__ = ["COLOURS", "draw_svg"]

COLOURS = 9
"""Lines have the classes `c0` to `c8` in turn."""
_WIDTH, _HEIGHT = 420, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 44
_LEGEND_LINE = 16
_CELLS_WITH_NUMBERS = 12
_NAMES_SHOWN = 30
_LETTER = 7.0
"""Width of a letter of a label, at most on average."""


def draw_svg(plot: Plot | Matrix) -> str:
    """Draw a plot as an `<svg>` element that scales with its container."""
    return _matrix(plot) if isinstance(plot, Matrix) else _axes(plot)


class _Scale:
    """Turns numbers of one axis into positions."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = low, high if high > low else low + 1
        self._start, self._step = start, (end - start) / (self.high - self.low)

    def __call__(self, value: float) -> float:
        return self._start + (value - self.low) * self._step

    def ticks(self, *, whole: bool = False) -> list[float]:
        """Four to nine round numbers within the range, fewer where only whole ones are wanted."""
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * by for by in (1, 2, 5, 10) if power * by >= rough)
        step = max(step, 1.0) if whole else step
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(n * step, 12) for n in range(first, last + 1)]


def _axes(plot: Plot) -> str:
    x_low, x_high = plot.x_range or _range([*(li.x for li in plot.lines), *(b.edges for b in plot.bars)])
    y_low, y_high = plot.y_range or _range([*(li.y for li in plot.lines), *(b.heights for b in plot.bars)])
    x = _Scale(x_low, x_high, _LEFT, _WIDTH - _RIGHT)
    y = _Scale(y_low, y_high, _HEIGHT - _BOTTOM, _TOP)
    named = [line for line in plot.lines if line.name]
    height = _HEIGHT + _LEGEND_LINE * math.ceil(len(named) / 2)
    parts = [
        _open(_WIDTH, height, plot.title),
        *_grid(x, y, plot.counts_x),
        *_labels(plot.x_label, plot.y_label, _HEIGHT),
    ]
    for bars in plot.bars:
        parts += _bars(bars, x, y)
    for place, line in enumerate(plot.lines):
        parts.append(f'<path class="{_class(line, place)}" d="{_path(line, x, y)}"/>')
    parts += _legend(plot.lines)
    return "".join([*parts, "</svg>"])


def _grid(x: _Scale, y: _Scale, counts_x: bool) -> Iterator[str]:
    for tick in x.ticks(whole=counts_x):
        at = f"{x(tick):.1f}"
        yield f'<path class="grid" d="M{at} {_TOP}V{_HEIGHT - _BOTTOM}"/>'
        yield f'<text class="tick" x="{at}" y="{_HEIGHT - _BOTTOM + 14}" text-anchor="middle">{tick:g}</text>'
    for tick in y.ticks():
        at = f"{y(tick):.1f}"
        yield f'<path class="grid" d="M{_LEFT} {at}H{_WIDTH - _RIGHT}"/>'
        yield f'<text class="tick" x="{_LEFT - 6}" y="{at}" dy=".32em" text-anchor="end">{tick:g}</text>'


def _labels(x_label: str, y_label: str, height: float, width: float = _WIDTH) -> Iterator[str]:
    middle = (_TOP + height - _BOTTOM) / 2
    yield (
        f'<text class="label" x="{(_LEFT + width - _RIGHT) / 2:.1f}" y="{height - 10:.1f}" '
        f'text-anchor="middle">{html.escape(x_label)}</text>'
    )
    yield (
        f'<text class="label" x="13" y="{middle:.1f}" text-anchor="middle" '
        f'transform="rotate(-90 13 {middle:.1f})">{html.escape(y_label)}</text>'
    )


def _bars(bars: Bars, x: _Scale, y: _Scale) -> Iterator[str]:
    for low, high, top in zip(bars.edges, bars.edges[1:], bars.heights, strict=False):
        if math.isfinite(top):
            left, width = x(float(low)), x(float(high)) - x(float(low))
            tall = max(y(y.low) - y(float(top)), 0)
            yield (
                f'<rect class="bar" x="{left + 0.5:.1f}" y="{y(float(top)):.1f}" width="{width - 1:.1f}" '
                f'height="{tall:.1f}"><title>{low:.3g} to {high:.3g}: {top:.4f}</title></rect>'
            )


def _path(line: Line, x: _Scale, y: _Scale) -> str:
    """Write a line's points; a point that is not finite begins a new part."""
    parts, pen = [], "M"
    for one_x, one_y in zip(line.x.tolist(), line.y.tolist(), strict=True):
        if not (math.isfinite(one_x) and math.isfinite(one_y)):
            pen = "M"
            continue
        parts.append(f"{pen}{x(one_x):.1f} {y(one_y):.1f}")
        pen = "L"
    return "".join(parts)


def _class(line: Line, place: int) -> str:
    return "line dashed" if line.style == "dashed" else f"line c{place % COLOURS}"


def _legend(lines: tuple[Line, ...]) -> Iterator[str]:
    column = (_WIDTH - 12) / 2
    for number, (place, line) in enumerate((p, li) for p, li in enumerate(lines) if li.name):
        left = 12 + column * (number % 2)
        top = _HEIGHT + 6 + _LEGEND_LINE * (number // 2)
        yield f'<path class="{_class(line, place)}" d="M{left:.1f} {top}h16"/>'
        shown = line.name if len(line.name) <= 28 else f"{line.name[:27]}…"
        yield f'<text class="tick" x="{left + 21:.1f}" y="{top}" dy=".32em">{html.escape(shown)}</text>'


def _matrix(matrix: Matrix) -> str:
    count = len(matrix.names)
    side = max(10.0, min(34.0, 480 / count))
    longest = max((len(name) for name in matrix.names), default=1) if count <= _NAMES_SHOWN else 0
    edge = 26 + min(longest, 16) * 6.2
    middle = edge + side * count / 2
    # With few classes the words are wider than the cells.
    words = max(len(matrix.x_label), len(matrix.y_label)) * _LETTER
    size = max(edge + side * count, middle + words / 2) + 8
    parts = [_open(size, size, matrix.title)]
    shares = matrix.values / np.maximum(matrix.values.sum(axis=1, keepdims=True), 1)
    for row in range(count):
        parts += _cells(matrix, shares, row, edge, side)
    if count <= _NAMES_SHOWN:
        parts += _names(matrix.names, edge, side)
    parts.append(
        f'<text class="label" x="{middle:.1f}" y="12" text-anchor="middle">'
        f"{html.escape(matrix.x_label)}</text>"
        f'<text class="label" x="12" y="{middle:.1f}" text-anchor="middle" '
        f'transform="rotate(-90 12 {middle:.1f})">{html.escape(matrix.y_label)}</text>'
    )
    return "".join([*parts, "</svg>"])


def _cells(
    matrix: Matrix, shares: npt.NDArray[np.float64], row: int, edge: float, side: float
) -> Iterator[str]:
    names, top = matrix.names, edge + side * row
    yield (
        f'<rect class="empty" x="{edge:.1f}" y="{top:.1f}" width="{side * len(names):.1f}" '
        f'height="{side - 1:.1f}"/>'
    )
    for column in np.flatnonzero(matrix.values[row]).tolist():
        left, value, share = edge + side * column, int(matrix.values[row, column]), float(shares[row, column])
        kind = "right" if row == column else "wrong"
        said = html.escape(f"{names[row]} as {names[column]}: {value} ({share:.1%})")
        yield (
            f'<rect class="cell {kind}" x="{left:.1f}" y="{top:.1f}" width="{side - 1:.1f}" '
            f'height="{side - 1:.1f}" fill-opacity="{0.12 + 0.88 * share:.2f}"><title>{said}</title></rect>'
        )
        if len(names) <= _CELLS_WITH_NUMBERS:
            over = " over" if share > 0.5 else ""
            yield (
                f'<text class="number{over}" x="{left + (side - 1) / 2:.1f}" y="{top + side / 2:.1f}" '
                f'dy=".32em" text-anchor="middle">{value}</text>'
            )


def _names(names: tuple[str, ...], edge: float, side: float) -> Iterator[str]:
    for place, name in enumerate(names):
        shown = html.escape(name if len(name) <= 16 else f"{name[:15]}…")
        at = edge + side * (place + 0.5)
        yield (
            f'<text class="tick" x="{edge - 5:.1f}" y="{at:.1f}" dy=".32em" text-anchor="end">{shown}</text>'
        )
        yield (
            f'<text class="tick" x="{at:.1f}" y="{edge - 5:.1f}" dy=".32em" '
            f'transform="rotate(-90 {at:.1f} {edge - 5:.1f})">{shown}</text>'
        )


def _open(width: float, height: float, title: str) -> str:
    return (
        f'<svg class="plot" role="img" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'style="max-width: {width * 1.35:.0f}px"><title>{html.escape(title)}</title>'
    )


def _range(arrays: list[npt.NDArray[np.float64]]) -> tuple[float, float]:
    """Return the smallest and the largest finite number, a little apart."""
    values = np.concatenate([array.ravel() for array in arrays]) if arrays else np.zeros(0)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)
