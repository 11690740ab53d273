"""ROC and precision-recall curves, one class against the rest, with the areas below them.

A class has curves if some rows are of it and some are not. Classes without one are left out of the means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.evaluation.predictions import Floats, Ints, Predictions

__all__ = ["Curve", "Curves", "classification_curves"]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One curve as points for a plot, and the exact area of all points."""

    name: str
    """The class, or `micro` for all classes and rows together."""
    x: Floats
    """False positive rate, or recall."""
    y: Floats
    """True positive rate, or precision."""
    area: float
    """Area under the ROC curve, or average precision."""


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Curves of all classes that have one, and the means of their areas; `None` if no class has one."""

    roc: tuple[Curve, ...]
    pr: tuple[Curve, ...]
    roc_auc_macro: float | None
    roc_auc_micro: float | None
    average_precision_macro: float | None
    average_precision_micro: float | None
    without: tuple[str, ...]
    """Classes of which no row or every row is."""


def classification_curves(predictions: Predictions, *, points: int = 200) -> Curves:
    """Compute the curves of every class against the rest.

    The area under a precision-recall curve is the average precision, a sum of steps. A trapezoid would
    interpolate between points that no threshold reaches.

    Args:
        predictions: At least one row.
        points: A curve keeps at most this many points; the areas are of all of them.

    Source: T. Fawcett, An introduction to ROC analysis, Pattern Recognition Letters 2006; scikit-learn's
    `roc_curve`, `roc_auc_score`, `precision_recall_curve` and `average_precision_score` compute it.
    """
    is_class = predictions.labels[:, None] == np.arange(len(predictions.classes))[None]
    having = [c for c in range(len(predictions.classes)) if 0 < is_class[:, c].sum() < len(predictions)]
    names, scores = predictions.classes, predictions.probabilities
    roc = [_roc(names[c], is_class[:, c], scores[:, c], points) for c in having]
    pr = [_pr(names[c], is_class[:, c], scores[:, c], points) for c in having]
    micro_roc = micro_pr = None
    if having:
        flat, all_scores = is_class.ravel(), scores.ravel()
        micro_roc, micro_pr = _roc("micro", flat, all_scores, points), _pr("micro", flat, all_scores, points)
    return Curves(
        roc=(*roc, *([micro_roc] if micro_roc else [])),
        pr=(*pr, *([micro_pr] if micro_pr else [])),
        roc_auc_macro=_mean(roc),
        roc_auc_micro=micro_roc.area if micro_roc else None,
        average_precision_macro=_mean(pr),
        average_precision_micro=micro_pr.area if micro_pr else None,
        without=tuple(name for c, name in enumerate(predictions.classes) if c not in having),
    )


def _roc(name: str, is_class: npt.NDArray[np.bool_], scores: Floats, points: int) -> Curve:
    from sklearn import metrics

    return _curve(
        name, metrics.roc_curve(is_class, scores)[:2], metrics.roc_auc_score, is_class, scores, points
    )


def _pr(name: str, is_class: npt.NDArray[np.bool_], scores: Floats, points: int) -> Curve:
    from sklearn import metrics

    precision, recall, _ = metrics.precision_recall_curve(is_class, scores, drop_intermediate=True)
    found = (recall[::-1], precision[::-1])
    return _curve(name, found, metrics.average_precision_score, is_class, scores, points)


def _curve(
    name: str,
    found: Any,
    area: Callable[..., Any],
    is_class: npt.NDArray[np.bool_],
    scores: Floats,
    points: int,
) -> Curve:
    x, y = (np.asarray(axis, np.float64) for axis in found)
    kept = _spread(len(x), points)
    return Curve(name, x[kept], y[kept], float(area(is_class, scores)))


def _spread(count: int, points: int) -> Ints:
    """Return the places of at most `points` of `count` points, evenly spread, both ends included."""
    return np.unique(np.linspace(0, count - 1, min(count, points)).round().astype(np.int64))


def _mean(curves: list[Curve]) -> float | None:
    return float(np.mean([curve.area for curve in curves])) if curves else None
