"""Plots as SVG and PNG files, drawn by matplotlib without a display."""

from __future__ import annotations

import io
from typing import Any, Literal

import numpy as np

from vifex.evaluation.plots.plot import Matrix, Plot
from vifex.values.registry import require

__all__ = ["plot_bytes"]

_INCHES = (6.0, 4.5)
_DPI = 150
_NAMES_SHOWN = 30


def plot_bytes(plot: Plot | Matrix, kind: Literal["svg", "png"]) -> bytes:
    """Draw a plot as the content of a file. The same plot gives the same bytes.

    Raises:
        MissingExtraError: If matplotlib is not installed.
    """
    require("matplotlib", extra="train", needed_for="a plot as a file")
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # A fixed salt keeps the ids of an SVG the same, and text stays text in it.
    with matplotlib.rc_context({"svg.hashsalt": "vifex", "svg.fonttype": "none"}):
        figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        if isinstance(plot, Matrix):
            _matrix(plot, figure, axes)
        else:
            _lines(plot, axes)
        axes.set_title(plot.title)
        axes.set_xlabel(plot.x_label)
        axes.set_ylabel(plot.y_label)
        data = io.BytesIO()
        figure.savefig(data, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return data.getvalue()


def _lines(plot: Plot, axes: Any) -> None:
    for bars in plot.bars:
        heights = np.nan_to_num(bars.heights)
        axes.bar(bars.edges[:-1], heights, np.diff(bars.edges), align="edge", label=bars.name, alpha=0.6)
    for line in plot.lines:
        look = {"color": "gray", "linestyle": "--"} if line.style == "dashed" else {}
        axes.plot(line.x, line.y, label=line.name or None, **look)
    if plot.x_range is not None:
        axes.set_xlim(*plot.x_range)
    if plot.y_range is not None:
        axes.set_ylim(plot.y_range[0], plot.y_range[1] * 1.02)
    axes.grid(alpha=0.3)
    if any(line.name for line in plot.lines) or plot.bars:
        axes.legend(fontsize="small")


def _matrix(matrix: Matrix, figure: Any, axes: Any) -> None:
    shares = matrix.values / np.maximum(matrix.values.sum(axis=1, keepdims=True), 1)
    drawn = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    figure.colorbar(drawn, ax=axes, label="share of the true class")
    if len(matrix.names) <= _NAMES_SHOWN:
        axes.set_xticks(range(len(matrix.names)), matrix.names, rotation=90)
        axes.set_yticks(range(len(matrix.names)), matrix.names)
