"""The score from which on a segment counts as a copy, found on the collection itself.

Each pair of videos is aligned twice: as it is, and with one of the two reversed in time. Videos that have
nothing to do with each other are as like one way as the other; a copy runs forwards only. So the reversed
pairs show which scores chance reaches, as decoys do in the search of mass spectra (Elias and Gygi, Nature
Methods 2007). A decoy is a pair that reaches the lowest score reversed and does not reach it forwards. Where
both do, the videos share something that does not move, and the direction says nothing.

The scores of chance fall exponentially, as those of local alignments do (Karlin and Altschul, PNAS 1990). The
fall is fitted to the decoys of one half of the pairs, and the other half shows how well the threshold holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_SCORE", "SegmentThreshold", "calibrate"]

LEAST_SCORE = 4.0
"""What scores less is no decoy and no candidate: two ordinary frames prove nothing."""
LEAST_THRESHOLD = 20.0
"""No threshold is below, however many decoys a large collection has. Two shops and two cameras at night
reached 16 and 20 among 500 videos: chance falls off more slowly there than the fit says
(`benchmarks/copies_video.py`)."""
PRIOR_DECOYS = 8
PRIOR_MEAN = 5.0
"""A collection with few decoys is treated as if it had these many more, whose excess has this mean. Scenes of
one kind (`benchmarks/copies_video.py`: broadcasts with captions) reach scores of 16 without being copies."""


@dataclass(frozen=True, slots=True)
class SegmentThreshold:
    """What was measured on pairs of media, and the threshold that follows."""

    least_score: float
    """Segments with a lower score are not reported."""
    expected_false_alarms: float
    """In the whole collection, at this threshold, by the fit."""
    pairs: int
    """Pairs of media that were compared."""
    decoys: int
    """Pairs of the calibrating half that reach `LEAST_SCORE` reversed alone."""
    checked_decoys: int
    """Pairs of the other half that reach the threshold reversed alone."""
    checked_found: int
    """Pairs of the other half that reach the threshold as they are."""
    mean_excess: float
    """Mean of the exponential distribution of decoy scores above `LEAST_SCORE`."""
    reached: float
    """Segments with at least `LEAST_SCORE` that chance is expected to make in the whole collection."""

    @property
    def precision(self) -> float | None:
        """Share of copies among the pairs that were found in the half that did not calibrate."""
        found = self.checked_found
        return None if not found else max(0.0, 1 - self.checked_decoys / found)

    def sentence(self) -> str:
        """Say how the threshold was found and how well it holds."""
        found = (
            f"Segments: score {self.least_score:.1f} or more, where chance is expected to make "
            f"{self.expected_false_alarms:.2g} segments in {self.pairs:,} pairs of videos."
        )
        if self.precision is None:
            return found
        return (
            f"{found} Of the pairs that did not set it, {self.checked_found:,} reach it, and "
            f"{self.checked_decoys:,} with one video reversed: a precision of {self.precision:.3f}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "least_score": self.least_score,
            "expected_false_alarms": self.expected_false_alarms,
            "pairs": self.pairs,
            "checked_found": self.checked_found,
            "checked_decoys": self.checked_decoys,
            "precision": self.precision,
        }

    def false_alarms(self, score: float) -> float:
        """Return how many segments of at least a score chance is expected to make in the collection."""
        return float(self.reached * np.exp(-(score - LEAST_SCORE) / self.mean_excess))


def calibrate(
    forwards: npt.NDArray[np.float64],
    reversed_: npt.NDArray[np.float64],
    half: npt.NDArray[np.bool_],
    *,
    pairs: int,
    false_alarms: float,
) -> SegmentThreshold:
    """Find the threshold.

    Args:
        forwards: The best score `[P]` of each pair that has a score of at least `LEAST_SCORE` either way.
        reversed_: The same with one medium reversed.
        half: `[P]`: which pairs calibrate; the others check.
        pairs: How many pairs were compared in all.
        false_alarms: How many false alarms are allowed in the whole collection, e.g. 0.05.
    """
    decoy = (reversed_ >= LEAST_SCORE) & (forwards < LEAST_SCORE)
    excess = reversed_[decoy & half] - LEAST_SCORE
    mean = float((excess.sum() + PRIOR_DECOYS * PRIOR_MEAN) / (len(excess) + PRIOR_DECOYS))
    # The half that calibrates holds half of the pairs; one more decoy is expected than was seen.
    reached = 2.0 * (len(excess) + 1)
    least = max(LEAST_THRESHOLD, LEAST_SCORE + mean * float(np.log(reached / false_alarms)))
    check = ~half
    return SegmentThreshold(
        least_score=least,
        expected_false_alarms=float(reached * np.exp(-(least - LEAST_SCORE) / mean)),
        pairs=pairs,
        decoys=len(excess),
        checked_decoys=int((check & (reversed_ >= least) & (forwards < least)).sum()),
        checked_found=int((check & (forwards >= least)).sum()),
        mean_excess=mean,
        reached=reached,
    )
