"""Seconds of video and sound that the rows of a view cover."""

from __future__ import annotations

import numpy as np

from vifex.store import View

__all__ = ["covered_seconds"]

_BATCH_ROWS = 1 << 16


def covered_seconds(view: View) -> float:
    """Return the sum over all media of the time from the first row's start to the last row's end.

    Rows of one medium stand together, and the first of them has the ordinal 0.
    """
    total = 0.0
    first = last = np.nan
    for batch in view.batches(["ordinal", "t_start_s", "t_end_s"], batch_rows=_BATCH_ROWS):
        ordinals = batch.column(0).to_numpy()
        starts = batch.column(1).to_numpy(zero_copy_only=False)
        ends = batch.column(2).to_numpy(zero_copy_only=False)
        begins = np.flatnonzero(ordinals == 0)
        head = slice(0, int(begins[0]) if len(begins) else len(ordinals))
        if head.stop:
            last = np.fmax(last, _most(ends[head]))
        if len(begins):
            total += _length(first, last)
            firsts, lasts = starts[begins], np.fmax.reduceat(ends, begins)
            total += float(np.nansum((lasts - firsts)[:-1]))
            first, last = float(firsts[-1]), float(lasts[-1])
    return total + _length(first, last)


def _most(values: np.ndarray) -> float:
    return float(np.fmax.reduce(values))


def _length(first: float, last: float) -> float:
    return 0.0 if np.isnan(first) or np.isnan(last) else float(last - first)
