"""Plots as values: lines, bars and matrices, before anything draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from vifex.evaluation.figures.calibration import Calibration
from vifex.evaluation.figures.curves import Curve, Curves

__all__ = [
    "Bars",
    "Line",
    "Matrix",
    "Plot",
    "confusion_plot",
    "line_plot",
    "pr_plot",
    "reliability_plot",
    "roc_plot",
]

_CURVES_SHOWN = 8
"""Curves of classes in one plot; more could not be told apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One line through points; a point with NaN interrupts it."""

    name: str
    """For the legend; an empty name leaves it out there."""
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    style: Literal["solid", "dashed"] = "solid"


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Bars that stand side by side."""

    name: str
    edges: npt.NDArray[np.float64]
    """`[B + 1]`."""
    heights: npt.NDArray[np.float64]
    """`[B]`; NaN leaves a bar out."""


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """Lines and bars over two axes."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...] = ()
    bars: tuple[Bars, ...] = ()
    x_range: tuple[float, float] | None = None
    """`None` follows the data."""
    y_range: tuple[float, float] | None = None
    note: str = ""
    """What the plot leaves out, in words."""
    counts_x: bool = False
    """Whether x counts something, so that only whole numbers are marked."""


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Counts by two lists of names."""

    title: str
    x_label: str
    y_label: str
    names: tuple[str, ...]
    values: npt.NDArray[np.int64]
    """`[C, C]`, rows from top to bottom."""


def line_plot(
    title: str, x_label: str, y_label: str, lines: dict[str, tuple[Sequence[float], Sequence[float]]]
) -> Plot:
    """Plot named lines, e.g. the loss of training and validation by epoch.

    Args:
        title: Heading.
        x_label: With the unit.
        y_label: With the unit.
        lines: Name to x and y, each of one length.
    """
    made = [
        Line(name, np.asarray(x, np.float64), np.asarray(y, np.float64)) for name, (x, y) in lines.items()
    ]
    return Plot(title, x_label, y_label, tuple(made))


def roc_plot(curves: Curves) -> Plot:
    """Plot ROC curves with the line of chance."""
    lines, note = _lines(curves.roc, "AUC")
    chance = Line("chance", np.array([0.0, 1.0]), np.array([0.0, 1.0]), "dashed")
    unit = (0.0, 1.0)
    return Plot("ROC", "false positive rate", "true positive rate", (*lines, chance), (), unit, unit, note)


def pr_plot(curves: Curves) -> Plot:
    """Plot precision-recall curves."""
    lines, note = _lines(curves.pr, "AP")
    return Plot("Precision and recall", "recall", "precision", lines, (), (0.0, 1.0), (0.0, 1.0), note)


def reliability_plot(calibration: Calibration) -> Plot:
    """Plot the accuracy of each bin of confidence; a calibrated model is on the diagonal."""
    bins = calibration.bins
    edges = np.array([one.low for one in bins] + [bins[-1].high])
    heights = np.array([np.nan if one.accuracy is None else one.accuracy for one in bins])
    perfect = Line("perfect calibration", np.array([0.0, 1.0]), np.array([0.0, 1.0]), "dashed")
    note = f"ECE {calibration.ece:.4f} over {len(bins)} bins of equal width"
    return Plot(
        "Reliability",
        "confidence",
        "accuracy",
        (perfect,),
        (Bars("accuracy of the bin", edges, heights),),
        (0.0, 1.0),
        (0.0, 1.0),
        note,
    )


def confusion_plot(confusion: npt.NDArray[np.int64], classes: Sequence[str]) -> Matrix:
    """Plot a confusion matrix: true classes from top to bottom, predicted ones from left to right."""
    return Matrix("Confusion", "predicted class", "true class", tuple(classes), confusion)


def _lines(curves: tuple[Curve, ...], area: str) -> tuple[tuple[Line, ...], str]:
    """Make lines of the mean and of the classes, or of those of the smallest area."""
    of_classes, micro = list(curves[:-1]), curves[-1:]
    shown = sorted(of_classes, key=lambda curve: curve.area)[:_CURVES_SHOWN]
    note = ""
    if len(of_classes) > len(shown):
        note = f"The {len(shown)} classes of the smallest {area} of {len(of_classes)}."
    else:
        shown = of_classes
    return tuple(Line(f"{c.name}: {c.area:.3f}", c.x, c.y) for c in [*micro, *shown]), note
