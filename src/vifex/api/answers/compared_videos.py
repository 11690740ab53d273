"""The videos of one or two stores, and the segments that were found in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from vifex.analysis.copies.segments.marks import SegmentMark, SegmentMarks
from vifex.analysis.copies.segments.videos import StoredMedia, VideoCopies, find_video_copies
from vifex.analysis.rows import FeatureRows, read_rows
from vifex.store import CopyMark
from vifex.values.machines import Machines

if TYPE_CHECKING:
    from vifex.api.stores.view import View

__all__ = ["compare_videos"]


def compare_videos(
    view: View,
    other: View | None,
    column: str | None,
    where: str | None,
    *,
    marks: Iterable[CopyMark],
    other_id: str | None,
    false_alarms: float,
    least_s: float,
    on_progress: Callable[[float], None] | None,
    machines: Machines | None = None,
) -> VideoCopies:
    """Find copied segments of videos, and images that occur in videos.

    Args:
        view: View of the first store.
        other: View of the other store.
        column: Feature column or layer.
        where: SQL filter of both.
        marks: All marks of the store.
        other_id: Id of the other store, by which marks name it.
        false_alarms: How many false segments are allowed in all, on average.
        least_s: The shortest segment, in seconds.
        on_progress: Called with the share of pairs that were aligned.
        machines: Other machines, which are used where there is much to compare.
    """
    ours = [
        SegmentMark(mark.a, mark.b, mark.mark)
        for mark in marks
        if mark.kind == "segment" and mark.other == other_id
    ]
    return find_video_copies(
        _media(view, column, where),
        None if other is None else _media(other, column, where),
        marks=SegmentMarks(ours, either_way=other is None),
        false_alarms=false_alarms,
        least_s=least_s,
        on_progress=None if on_progress is None else lambda done, of: on_progress(done / of),
        machines=machines,
    )


def _media(view: View, column: str | None, where: str | None) -> StoredMedia:
    timed = _rows(view, column, where, "t_s IS NOT NULL")
    return StoredMedia(timed, _rows(view, column, where, "t_s IS NULL"))


def _rows(view: View, column: str | None, where: str | None, kind: str) -> FeatureRows | None:
    chosen = kind if where is None else f"{kind} AND ({where})"
    stored = view._stored
    return read_rows(stored, column, where=chosen) if stored.count_rows(chosen) else None
