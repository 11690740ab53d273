"""Videos that stand still, by the features of their rows."""

from __future__ import annotations

import numpy as np

from vifex.analysis.rows import FeatureRows, FloatMatrix

__all__ = ["still_media"]

_ROWS = 3


def still_media(rows: FeatureRows, unit: FloatMatrix, least: float) -> list[tuple[int, float]]:
    """Find media whose rows are all alike.

    Args:
        rows: The rows.
        unit: Their vectors, of length 1, `[N, D]`.
        least: Smallest cosine similarity of a row to the first one.

    Returns:
        Index of each medium with at least three rows in time, and its smallest similarity.
    """
    timed = np.flatnonzero(~np.isnan(rows.t_s))
    if not len(timed):
        return []
    owners = rows.medium[timed]
    starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    found = []
    for start, stop in zip(starts, [*starts[1:], len(owners)], strict=True):
        own = timed[start:stop]
        if len(own) < _ROWS:
            continue
        similar = float((unit[own] @ unit[own[0]]).min())
        if similar >= least:
            found.append((int(owners[start]), similar))
    return found
