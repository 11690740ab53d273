"""The threshold of copies, found on the collection itself, with what it costs.

With images at hand, edited copies of a sample show how near copies are, and the rows that are nearest to them
show how near other images are. Half of the sample sets the threshold, the other half measures it. Without
images, only the nearest rows are known, and the threshold is where few of them would be by chance.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["CopyThreshold", "best_threshold", "chance_threshold", "measured"]

FALSE_ALARMS: Final = 1e-3
"""Share of rows that would have a match by chance, where only the background is known."""

_FEWEST, _LEAST = 20, 0.95
"""So few best scores say little of others: the threshold by chance is then at least this."""
_FITTED: Final = (0.1, 0.5)
"""Quantiles of the best scores that the distribution is fitted to."""

Scores = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class CopyThreshold:
    """How the threshold was found, and what is known of it."""

    method: Literal["edited copies", "background", "given"]
    """By edited copies of images of the store, by the nearest unrelated rows alone, or by the user."""
    threshold: float
    """Least score of a pair: cosine minus the mean of both rows' biases. A given one has no biases."""
    precision: float | None = None
    """Share of pairs above the threshold that are copies, on images that did not set it."""
    precision_low: float | None = None
    precision_high: float | None = None
    """95% interval of Wilson."""
    recall: float | None = None
    """Share of the edited copies that are above the threshold."""
    recall_by_edit: dict[str, float] | None = None
    false_alarms: float | None = None
    """Share of the images that measured it of which another image than a copy is above the threshold. Where
    only the background is known, the expected share of rows."""
    images: int = 0
    """Images of which edited copies measured the threshold."""

    def sentence(self) -> str:
        """Say how the threshold was found and what is known of it."""
        if self.method == "given":
            return f"Threshold: cosine {self.threshold:.3f}, as given; its precision was not measured."
        if self.method == "background" or self.precision is None or self.recall is None:
            return (
                f"Threshold: score {self.threshold:.3f}, set by unrelated images alone: by chance "
                f"{self.false_alarms or 0:.1%} of images have a match. Its precision is not known."
            )
        low, high = self.precision_low or 0.0, self.precision_high or 0.0
        return (
            f"Threshold: score {self.threshold:.3f}. On edited copies of images that did not set it "
            f"({self.images}), its precision is {self.precision:.3f} (95% interval {low:.3f} to {high:.3f}), "
            f"and {self.recall:.0%} of the copies are found."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as `json` writes them."""
        return asdict(self)


def best_threshold(copies: Scores, others: Scores) -> float:
    """Choose the threshold with the best F0.5, in which precision counts more than recall.

    It lies in the middle between two scores.

    Args:
        copies: Scores of edited copies with their originals.
        others: The best scores of the same copies with other images.
    """
    values = np.unique(np.concatenate([copies, others]))
    cuts = np.concatenate([values[:1], (values[1:] + values[:-1]) / 2])
    found = len(copies) - np.searchsorted(np.sort(copies), cuts)
    wrong = len(others) - np.searchsorted(np.sort(others), cuts)
    beta = 0.5**2
    score = (1 + beta) * found / (found + wrong + beta * len(copies))
    return float(cuts[np.flatnonzero(score == score.max())[-1]])


def chance_threshold(best: Scores) -> float:
    """Return a threshold that the best score of a row without copies passes in about 1 of 1,000 rows.

    A normal distribution is fitted to the lower half of the best scores by two of their quantiles: rows with
    copies are in the upper half. Where more than a few rows have copies, the threshold is too high. A Gumbel
    distribution, which the largest of many independent values follow, gives thresholds far above all scores:
    rows differ in how much they have in common with others, and that makes most of the spread.

    Args:
        best: The best score of each of some rows with rows of other media.
    """
    from scipy.stats import norm

    low, high = np.quantile(best, _FITTED)
    a, b, far = norm.ppf([*_FITTED, 1 - FALSE_ALARMS])
    scale = max((high - low) / (b - a), 1e-6)
    least = _LEAST if len(best) < _FEWEST else 0.0
    return min(1.0, max(least, float(high + scale * (far - b))))


def measured(threshold: float, copies: dict[str, Scores], others: Scores, images: int) -> CopyThreshold:
    """Measure a threshold.

    Args:
        threshold: Least score.
        copies: Scores of edited copies with their originals, by edit.
        others: `[copies, n]`: scores of each copy with other images.
        images: Number of originals.
    """
    every = np.concatenate(list(copies.values()))
    found, wrong = int((every >= threshold).sum()), int((others >= threshold).sum())
    low, high = _wilson(found, found + wrong)
    return CopyThreshold(
        "edited copies",
        threshold,
        precision=found / (found + wrong) if found + wrong else None,
        precision_low=low,
        precision_high=high,
        recall=found / len(every),
        recall_by_edit={name: float((scores >= threshold).mean()) for name, scores in copies.items()},
        false_alarms=float((others >= threshold).any(axis=1).mean()),
        images=images,
    )


def _wilson(right: int, count: int) -> tuple[float | None, float | None]:
    """Return the 95% interval of a share (Wilson 1927)."""
    from scipy.stats import binomtest

    if not count:
        return None, None
    found = binomtest(right, count).proportion_ci(method="wilson")
    return float(found.low), float(found.high)
