"""Log loss and calibration: whether a probability of 0.8 is right in 80 of 100 cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vifex.evaluation.predictions import Floats, Predictions

__all__ = ["Calibration", "ReliabilityBin", "calibration_figures", "log_losses"]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Rows whose confidence lies in `(low, high]`; the first bin includes 0."""

    low: float
    high: float
    n_rows: int
    confidence: float | None
    """Mean probability of the predicted class; `None` without rows."""
    accuracy: float | None
    """Share of the rows that are right; `None` without rows."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well probabilities say how often the prediction is right."""

    log_loss: float
    """Mean of -ln(probability of the true class), in nats."""
    ece: float
    """Expected calibration error, 0 to 1: the sum over bins of (rows in the bin / rows) times the distance
    between accuracy and mean confidence."""
    mce: float
    """Largest distance between accuracy and mean confidence of a bin with rows."""
    bins: tuple[ReliabilityBin, ...]


def calibration_figures(predictions: Predictions, *, bins: int = 15) -> Calibration:
    """Compute the log loss, the expected calibration error and the bins of a reliability diagram.

    The confidence of a row is the probability of its predicted class. The bins have equal widths.

    Args:
        predictions: At least one row.
        bins: Number of bins over 0 to 1.

    Raises:
        ValueError: If `bins` is below 1.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equations 3 and 5, M = 15.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    confidence = predictions.probabilities.max(axis=1)
    edges = np.arange(bins + 1) / bins
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    right = np.bincount(place, weights=predictions.correct, minlength=bins)
    sure = np.bincount(place, weights=confidence, minlength=bins)
    full = counts > 0
    gaps = np.abs(right[full] - sure[full]) / counts[full]
    return Calibration(
        log_loss=_log_loss(predictions),
        ece=float((gaps * counts[full]).sum() / len(predictions)),
        mce=float(gaps.max()),
        bins=tuple(
            ReliabilityBin(
                low=float(edges[b]),
                high=float(edges[b + 1]),
                n_rows=int(counts[b]),
                confidence=float(sure[b] / counts[b]) if counts[b] else None,
                accuracy=float(right[b] / counts[b]) if counts[b] else None,
            )
            for b in range(bins)
        ),
    )


def log_losses(predictions: Predictions) -> Floats:
    """Return -ln(probability of the true class) of each row `[N]`.

    A probability is at least the smallest step of float64 above 0, 2.2e-16, as in scikit-learn.
    """
    own = np.take_along_axis(predictions.probabilities, predictions.labels[:, None], axis=1)[:, 0]
    smallest = np.finfo(np.float64).eps
    losses: Floats = -np.log(np.clip(own, smallest, 1 - smallest))
    return losses


def _log_loss(predictions: Predictions) -> float:
    from sklearn.metrics import log_loss

    columns = range(len(predictions.classes))
    return float(log_loss(predictions.labels, predictions.probabilities, labels=columns))
