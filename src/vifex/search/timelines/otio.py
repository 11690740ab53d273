"""`.otio`: a timeline of OpenTimelineIO, JSON by its published schema.

One track with a clip for each moment. A clip refers to its source by address, and has score, rank and key
of its best row as metadata under `vifex`. The tests read the file with OpenTimelineIO itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vifex.search.timelines.edl import frames_of
from vifex.search.timelines.sources import Source
from vifex.search.timelines.timecode import frame_at

if TYPE_CHECKING:
    from vifex.search.moments.moment import Moment

__all__ = ["write_otio"]


def write_otio(path: Path, title: str, moments: Sequence[Moment], sources: Mapping[str, Source]) -> list[str]:
    """Write moments as a timeline; see `vifex.search.timelines.edl.write_edl`."""
    clips = [_clip(moment, sources[moment.uri]) for moment in moments]
    track = {"OTIO_SCHEMA": "Track.1", "name": "moments", "kind": "Video", "children": clips, **_plain()}
    stack = {"OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": [track], **_plain()}
    timeline = {
        "OTIO_SCHEMA": "Timeline.1",
        "name": title,
        "metadata": {"vifex": {"moments": len(moments)}},
        "global_start_time": None,
        "tracks": stack,
    }
    path.write_text(json.dumps(timeline, indent=2) + "\n", encoding="ascii")
    return []


def _clip(moment: Moment, source: Source) -> dict[str, Any]:
    first, stop = frames_of(moment, source)
    known = None
    if source.duration_s is not None:
        known = _range(source.first_frame, frame_at(source.duration_s, source.rate), source.rate)
    return {
        "OTIO_SCHEMA": "Clip.2",
        "name": source.name,
        "metadata": {"vifex": {"rank": moment.rank, "score": moment.score, "key": moment.best.key}},
        "source_range": _range(source.first_frame + first, stop - first, source.rate),
        "effects": [],
        "markers": [],
        "enabled": True,
        "media_references": {
            "DEFAULT_MEDIA": {
                "OTIO_SCHEMA": "ExternalReference.1",
                "name": source.name,
                "metadata": {},
                "available_range": known,
                "available_image_bounds": None,
                "target_url": source.uri,
            }
        },
        "active_media_reference_key": "DEFAULT_MEDIA",
    }


def _range(first: int, count: int, rate: Fraction) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "TimeRange.1",
        "start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(first)},
        "duration": {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(count)},
    }


def _plain() -> dict[str, Any]:
    return {"metadata": {}, "source_range": None, "effects": [], "markers": [], "enabled": True}
