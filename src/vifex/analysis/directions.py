"""The directions of rows: vectors scaled to length 1, and which rows have one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vifex.analysis.rows import FeatureRows, FloatMatrix, unit_vectors
from vifex.search.hits import Hit, fetch_hits
from vifex.search.scan.best import Match
from vifex.values import InputError

__all__ = ["Directions", "hits_of", "read_directions"]

_BLOCK_ROWS = 65_536
_SAME = 1e-9
"""Mean squared distance of the directions below which all rows count as equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """The rows that have a direction. A row of zeros, or with NaN or infinity, has none."""

    unit: FloatMatrix
    """`[N, D]`: rows of length 1."""
    numbers: npt.NDArray[np.int64]
    """`[N]`: place of each among the rows that were read."""
    without: int
    """Rows that were read and have no direction."""

    def notes(self) -> list[str]:
        """Return a sentence on the rows that were left out, if there are any."""
        if not self.without:
            return []
        whose = "1 row has" if self.without == 1 else f"{self.without} rows have"
        return [f"{whose} only zeros, NaN or infinity as features, and cannot be compared with others."]


def read_directions(rows: FeatureRows, *, least: int = 2) -> Directions:
    """Read the vectors of rows and scale them to length 1, in the memory of the vectors.

    Args:
        rows: Rows of one feature column.
        least: Number of rows with a direction that are needed.

    Raises:
        InputError: If fewer rows have a direction, or all of them have the same one.
    """
    vectors = rows.vectors()
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        vectors[block] = unit_vectors(vectors[block])
    usable = vectors.any(axis=1)
    numbers = np.flatnonzero(usable)
    if len(numbers) < least:
        raise InputError(
            f"{len(numbers)} of {len(rows)} rows have features that can be compared, "
            f"and at least {least} are needed.",
            of=rows.column,
            todo="Extract more media, or use a wider filter.",
        )
    unit = vectors if usable.all() else vectors[numbers]
    if least > 1 and _spread(unit) < _SAME:
        raise InputError(
            f"all {len(unit)} rows have the same features.",
            of=rows.column,
            todo="Use another layer or another model.",
        )
    return Directions(unit, numbers, len(rows) - len(numbers))


def hits_of(rows: FeatureRows, numbers: Sequence[int], scores: Sequence[float]) -> list[Hit]:
    """Look up rows by their numbers, in this order.

    Args:
        rows: The rows that the numbers count.
        numbers: Places among `rows`.
        scores: What `Hit.score` is to be.
    """
    media = [rows.media[m].medium_id for m in rows.medium[list(numbers)].tolist()]
    matches = [
        Match(f"{medium}:{int(rows.ordinal[n])}", float(score), int(rows.places[n]))
        for medium, n, score in zip(media, numbers, scores, strict=True)
    ]
    return fetch_hits(rows.view, matches)


def _spread(unit: FloatMatrix) -> float:
    """Return the mean squared distance of the rows to the first one, 0 to 4."""
    total = 0.0
    for start in range(0, len(unit), _BLOCK_ROWS):
        apart = unit[start : start + _BLOCK_ROWS] - unit[0]
        total += float(np.einsum("nd,nd->", apart, apart, dtype=np.float64))
    return total / len(unit)
