"""Several views of one medium: its clips, frames or crops become one prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vifex.evaluation.predictions import Floats, Ints, ScoreKind, probabilities
from vifex.values import InputError

__all__ = ["Averaged", "average_views"]


@dataclass(frozen=True, eq=False)
class Averaged:
    """Scores of media, and how many views each of them has."""

    scores: Floats
    """`[M, C]`: logits if logits were averaged, else probabilities."""
    media: tuple[str, ...]
    """`[M]`, in the order in which they first occur."""
    first_row: Ints
    """`[M]`: the first row of each medium."""
    views: Ints
    """`[M]`: number of rows of each medium."""
    over: Literal["probabilities", "logits"]

    @property
    def protocol(self) -> str:
        """The protocol in words, to stand beside a figure."""
        fewest, most = int(self.views.min()), int(self.views.max())
        if most == 1:
            return "one view of each medium"
        count = str(most) if fewest == most else f"{fewest} to {most}"
        return f"mean of the {self.over} of {count} views of each medium"


def average_views(
    scores: Floats,
    media: Sequence[str],
    *,
    over: Literal["probabilities", "logits"] = "probabilities",
    kind: ScoreKind = "logits",
) -> Averaged:
    """Average the scores of the views of each medium.

    Args:
        scores: `[N, C]`, finite.
        media: `[N]`: the medium of each row.
        over: What is averaged. Probabilities weigh each view alike; a mean of logits gives a view that is
            sure of itself more weight.
        kind: What the scores are.

    Raises:
        InputError: If logits are to be averaged and the scores are probabilities, or sizes differ.
    """
    if len(scores) != len(media):
        raise InputError(f"there are {len(scores)} rows of scores and {len(media)} media.")
    if len(scores) == 0:
        raise InputError("there are no scores to average.")
    probable, were = probabilities(np.asarray(scores, np.float64), kind)
    if over == "logits" and were == "probabilities":
        raise InputError("the scores are probabilities, whose logits are not known.", todo="Average those.")
    names = np.asarray(media, dtype=object)
    first: dict[str, int] = {}
    place = np.empty(len(names), np.int64)
    rows: list[int] = []
    for row, name in enumerate(names):
        if name not in first:
            first[name] = len(first)
            rows.append(row)
        place[row] = first[name]
    counts = np.bincount(place, minlength=len(first))
    sums = np.zeros((len(first), scores.shape[1]))
    np.add.at(sums, place, np.asarray(scores, np.float64) if over == "logits" else probable)
    means, first_rows = sums / counts[:, None], np.array(rows, np.int64)
    return Averaged(means, tuple(first), first_rows, counts.astype(np.int64), over)
