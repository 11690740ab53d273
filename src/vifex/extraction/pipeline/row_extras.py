"""The extra columns of rows: of the row's box, of its moment, or of its medium, as the source said."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from vifex.values import Medium
from vifex.values.sample_facts import BOX_NUMBER, Records, fact_values

__all__ = ["extras_of"]


def extras_of(owners: Sequence[tuple[Medium, int]], records: Records) -> list[str | None] | None:
    """Return the extra columns of each row as JSON; `None` where no row has any.

    Args:
        owners: Media with the number of their rows, in the order of the rows.
        records: Of the rows.
    """
    extras: list[str | None] = []
    at = 0
    for medium, count in owners:
        of_boxes = any(box.extra is not None for box in medium.boxes)
        if of_boxes or medium.moment_extras:
            extras += _of_rows(medium, records[at : at + count])
        else:
            extras += [medium.extra] * count
        at += count
    return extras if any(extra is not None for extra in extras) else None


def _of_rows(medium: Medium, records: Records) -> list[str | None]:
    numbers = records[BOX_NUMBER].tolist()
    own = _of_moments(medium, records) if medium.moment_extras else [medium.extra] * len(records)
    boxes = [medium.boxes[number].extra if number >= 0 else None for number in numbers]
    return [other if box is None else box for box, other in zip(boxes, own, strict=True)]


def _of_moments(medium: Medium, records: Records) -> list[str | None]:
    """Return what the source says of the moment of each row; of several in one frame the first counts."""
    if medium.frames:
        of_frame = dict(zip(medium.frames, medium.moment_extras, strict=True))
        return [of_frame.get(frame, medium.extra) for frame in fact_values(records, "frame_index")]
    starts, ends = fact_values(records, "t_start_s"), fact_values(records, "t_end_s")
    return [_at(medium, start, end) for start, end in zip(starts, ends, strict=True)]


def _at(medium: Medium, start_s: float | None, end_s: float | None) -> str | None:
    if start_s is None:
        return medium.extra
    place = bisect_left(medium.times_s, start_s)
    if place < len(medium.times_s) and (end_s is None or medium.times_s[place] < end_s):
        return medium.moment_extras[place]
    # A time before the first frame means that one.
    return medium.moment_extras[place - 1] if place else medium.extra
