"""Plots: described once, drawn as SVG for a page or as SVG and PNG files."""

from vifex.evaluation.plots.files import plot_bytes
from vifex.evaluation.plots.plot import (
    Bars,
    Line,
    Matrix,
    Plot,
    confusion_plot,
    line_plot,
    pr_plot,
    reliability_plot,
    roc_plot,
)
from vifex.evaluation.plots.svg import draw_svg

__all__ = [
    "Bars",
    "Line",
    "Matrix",
    "Plot",
    "confusion_plot",
    "draw_svg",
    "line_plot",
    "plot_bytes",
    "pr_plot",
    "reliability_plot",
    "roc_plot",
]
