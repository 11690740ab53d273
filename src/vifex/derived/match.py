"""Which row of another view belongs to a row: same medium, same part of the image, same time.

- **Part of the image.** A row with a box matches rows with the same box. If there are none, it matches rows
without
  a box, since the whole image, or the sound, contains every box. A row without a box never matches a row with
  one.
- **Time.** Among these, the partner is the row whose `[t_start_s, t_end_s)` overlaps most with that of the
base row;
  the first one, if several overlap equally. If none overlaps, the partner is the nearest row in time,
  provided the gap is at most `within_s` seconds. A row without times (an image) matches the first row without
  times of the same page; an image that is not read page by page counts as its first page.
- Otherwise the row has no partner.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.values.rows import BOX_SIDES

__all__ = ["partners"]

Array = npt.NDArray[Any]


def partners(base: pa.Table, other: pa.Table, *, within_s: float) -> Array:
    """Find the partner of each row, all of one medium.

    Args:
        base: Rows with their times and boxes.
        other: Rows of the other view, likewise.
        within_s: The largest gap in time, in seconds.

    Returns:
        int64 `[len(base)]`: numbers of rows of `other`, -1 where there is none.
    """
    found = np.full(base.num_rows, -1, dtype=np.int64)
    of_base, of_other = _groups(base), _groups(other)
    for box, mine in of_base.items():
        theirs = of_other.get(box, of_other.get(None))
        if theirs is not None:
            found[mine] = _by_time(_spans(base, mine), _spans(other, theirs), theirs, within_s)
            _by_page(found, base, mine, other, theirs)
    return found


def _groups(rows: pa.Table) -> dict[tuple[float, ...] | None, Array]:
    """Numbers of the rows of each box; `None` for those without one."""
    groups: dict[tuple[float, ...] | None, list[int]] = {}
    corners = zip(*(rows.column(side).to_pylist() for side in BOX_SIDES), strict=True)
    for number, box in enumerate(corners):
        groups.setdefault(None if None in box else box, []).append(number)
    return {box: np.array(numbers, dtype=np.int64) for box, numbers in groups.items()}


def _spans(rows: pa.Table, numbers: Array) -> Array:
    """Return where rows start and end, float64 `[n, 2]`, NaN for images."""
    columns = [rows.column(name).to_numpy(zero_copy_only=False) for name in ("t_start_s", "t_end_s")]
    return np.stack([c.astype(np.float64) for c in columns], axis=1)[numbers]


def _by_page(found: Array, base: pa.Table, mine: Array, other: pa.Table, theirs: Array) -> None:
    """Set the partners of rows without times to rows of the same page, in place."""
    if "frame_index" not in base.column_names or "frame_index" not in other.column_names:
        return
    first: dict[int, int] = {}
    for page, number in zip(_pages(other, theirs), theirs, strict=True):
        if page is not None:
            first.setdefault(page, int(number))
    for page, number in zip(_pages(base, mine), mine, strict=True):
        if page is not None:
            found[number] = first.get(page, -1)


def _pages(rows: pa.Table, numbers: Array) -> list[int | None]:
    """Return the page of each row without times, `None` of the others."""
    pages, starts = rows.column("frame_index").to_pylist(), rows.column("t_start_s").to_pylist()
    return [(pages[i] or 0) if starts[i] is None else None for i in numbers]


def _by_time(base: Array, other: Array, numbers: Array, within_s: float) -> Array:
    """Find partners among rows of one part of the image; `numbers` are those of `other` in its view."""
    found = np.full(len(base), -1, dtype=np.int64)
    timeless = np.isnan(other[:, 0])
    if timeless.any():
        found[np.isnan(base[:, 0])] = numbers[timeless][0]
    timed = np.nonzero(~timeless)[0]
    if not len(timed):
        return found
    order = timed[np.argsort(other[timed, 0], kind="stable")]
    spans, numbers = other[order], numbers[order]
    latest = np.maximum.accumulate(spans[:, 1])
    for i in np.nonzero(~np.isnan(base[:, 0]))[0]:
        best = _partner(base[i, 0], base[i, 1], spans, latest, within_s)
        if best is not None:
            found[i] = numbers[best]
    return found


def _partner(start: float, end: float, spans: Array, latest: Array, within_s: float) -> int | None:
    """Choose among spans that rise by their starts; `latest` is the latest end up to each."""
    # Only these can overlap: all before end too early, all behind start too late.
    low, high = int(np.searchsorted(latest, start, "right")), int(np.searchsorted(spans[:, 0], end, "left"))
    if low < high:
        shared = np.minimum(spans[low:high, 1], end) - np.maximum(spans[low:high, 0], start)
        if shared.max() > 0:
            return low + int(np.argmax(shared))
    gaps: list[tuple[float, int]] = []
    if high > 0:
        gaps.append((start - latest[high - 1], int(np.searchsorted(latest, latest[high - 1], "left"))))
    if high < len(spans):
        gaps.append((spans[high, 0] - end, high))
    gap, nearest = min(gaps)
    return nearest if gap <= within_s else None
