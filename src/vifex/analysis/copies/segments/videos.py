"""Copied segments and images in videos of one or two stores, by the names of their media."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.analysis.copies.segments.background import measure_background
from vifex.analysis.copies.segments.calibration import SegmentThreshold
from vifex.analysis.copies.segments.find import Segment, find_segments
from vifex.analysis.copies.segments.frames import Frames, make_frames
from vifex.analysis.copies.segments.marks import SegmentMarks, Word, span_key
from vifex.analysis.copies.segments.stills import Still, find_stills
from vifex.analysis.rows import FeatureRows, FloatMatrix, MediumFacts, unit_vectors
from vifex.values.machines import Machines

__all__ = [
    "CopiedSegment",
    "ImageInVideo",
    "StoredMedia",
    "VideoCopies",
    "VideoSpan",
    "clock",
    "find_video_copies",
]


@dataclass(frozen=True, slots=True)
class VideoSpan:
    """A span of a video."""

    medium_id: str
    uri: str
    name: str
    start_s: float
    end_s: float

    @property
    def key(self) -> str:
        """Return how marks name it."""
        return span_key(self.medium_id, self.start_s, self.end_s)

    def __str__(self) -> str:
        return f"[{self.name} {clock(self.start_s)}-{clock(self.end_s)}]"


@dataclass(frozen=True, slots=True)
class CopiedSegment:
    """Two spans that show the same: `[A 00:01:12.40-00:01:31.00] = [B 00:00:03.10-00:00:21.70]`."""

    a: VideoSpan
    b: VideoSpan
    speed: float
    """Seconds of B per second of A."""
    score: float
    similarity: float
    """Mean cosine similarity of the pairs of frames."""
    frames: int
    """Sampled frames of A that have a match in B."""
    false_alarms: float
    """How many segments with such a score chance is expected to make in the whole collection."""
    mark: Word | None = None
    """What was marked about it."""

    def __str__(self) -> str:
        return f"{self.a} = {self.b}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ImageInVideo:
    """An image that frames of a video show."""

    medium_id: str
    uri: str
    name: str
    video: VideoSpan
    best_s: float
    """The second of the most similar frame."""
    score: float
    similarity: float
    """Cosine similarity of that frame."""
    false_alarms: float

    def __str__(self) -> str:
        return f"[{self.name}] = {self.video}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class VideoCopies:
    """What was found in videos, the strongest first."""

    segments: tuple[CopiedSegment, ...]
    images: tuple[ImageInVideo, ...]
    videos: int
    """Videos, or sounds, that were compared."""
    calibration: SegmentThreshold | None
    """None where there are no two videos to compare."""


@dataclass(frozen=True, slots=True)
class StoredMedia:
    """The rows of a store, with times and without; None where there are none."""

    timed: FeatureRows | None
    """Rows of videos and of sound."""
    still: FeatureRows | None
    """Rows of images."""


def find_video_copies(
    first: StoredMedia,
    other: StoredMedia | None = None,
    *,
    marks: SegmentMarks,
    false_alarms: float = 0.05,
    least_s: float = 1.0,
    on_progress: Callable[[int, int], None] | None = None,
    machines: Machines | None = None,
) -> VideoCopies:
    """Find copied segments between videos, and images that occur in videos.

    Args:
        first: A store.
        other: A second store; then only what both have is looked for.
        marks: Segments that are marked as wrong are left out, confirmed ones stay whatever their score is.
        false_alarms: How many false segments, and false images, are allowed on average.
        least_s: The shortest segment, in seconds.
        on_progress: Called with how many pairs of videos are aligned, and how many there are.
        machines: Other machines, which are used where there is much to compare.
    """
    parts = [_Part(one) for one in ((first,) if other is None else (first, other))]
    videos = [fact for part in parts for fact in part.videos]
    if len(videos) < 2:
        return VideoCopies((), (), len(videos), None)
    frames = _joined(parts)

    def confirmed(one: Segment) -> bool:
        return _segment(videos, one, marks).mark == "confirmed"

    segments: list[CopiedSegment] = []
    calibration = None
    if frames.media_of_first not in (0, frames.media):
        found = find_segments(
            frames,
            false_alarms=false_alarms,
            least_s=least_s,
            confirmed=confirmed,
            on_progress=on_progress,
            machines=machines,
        )
        segments = [_segment(videos, one, marks) for one in found.segments]
        calibration = found.calibration
    kept = tuple(one for one in segments if one.mark != "wrong")
    return VideoCopies(kept, _stills(parts, frames, false_alarms), len(videos), calibration)


class _Part:
    """The videos and the images of one store."""

    def __init__(self, media: StoredMedia) -> None:
        self.videos: list[MediumFacts] = []
        self.images: list[MediumFacts] = []
        self.image_unit: FloatMatrix | None = None
        if media.timed is not None:
            self._add_videos(media.timed)
        if media.still is not None:
            self.image_unit = unit_vectors(media.still.vectors())
            self.images = [media.still.media[owner] for owner in media.still.medium.tolist()]

    def _add_videos(self, rows: FeatureRows) -> None:
        unit = unit_vectors(rows.vectors())
        # Rows without a direction say nothing about what they show.
        order = np.flatnonzero(unit.any(axis=1) & np.isfinite(rows.t_s))
        order = order[np.lexsort((rows.t_s[order], rows.medium[order]))]
        owner, t_s = rows.medium[order], rows.t_s[order]
        # The regions of a frame have the same time: together they are one frame.
        first = np.flatnonzero((np.diff(owner, prepend=-1) != 0) | (np.diff(t_s, prepend=-1.0) != 0))
        self.unit = unit[order]
        if len(first) < len(order):
            self.unit = unit_vectors(np.add.reduceat(self.unit, first, axis=0))
        owners, medium = np.unique(owner[first], return_inverse=True)
        self.videos = [rows.media[one] for one in owners]
        self.medium: npt.NDArray[np.int64] = medium
        self.t_s: npt.NDArray[np.float64] = t_s[first]


def _joined(parts: list[_Part]) -> Frames:
    shifts = np.cumsum([0, *(len(part.videos) for part in parts)]).tolist()
    filled = [(part, shift) for part, shift in zip(parts, shifts, strict=False) if part.videos]
    return make_frames(
        np.concatenate([part.unit for part, _ in filled]),
        np.concatenate([part.t_s for part, _ in filled]),
        np.concatenate([part.medium + shift for part, shift in filled]),
        media_of_first=None if len(parts) == 1 else len(parts[0].videos),
    )


def _stills(parts: list[_Part], frames: Frames, false_alarms: float) -> tuple[ImageInVideo, ...]:
    units = [part.image_unit for part in parts if part.image_unit is not None]
    if not units:
        return ()
    images = [fact for part in parts for fact in part.images]
    videos = [fact for part in parts for fact in part.videos]
    found = find_stills(np.concatenate(units), frames, measure_background(frames), false_alarms=false_alarms)
    first = frames.media_of_first
    return tuple(
        _image(images, videos, one)
        for one in found.stills
        if first is None or (one.image < len(parts[0].images)) != (one.medium < first)
    )


def _segment(videos: list[MediumFacts], one: Segment, marks: SegmentMarks) -> CopiedSegment:
    a = _span(videos[one.a], one.a_start_s, one.a_end_s)
    b = _span(videos[one.b], one.b_start_s, one.b_end_s)
    return CopiedSegment(
        a=a,
        b=b,
        speed=one.speed,
        score=one.score,
        similarity=one.similarity,
        frames=one.frames,
        false_alarms=one.false_alarms,
        mark=marks.word((a.medium_id, a.start_s, a.end_s), (b.medium_id, b.start_s, b.end_s)),
    )


def _image(images: list[MediumFacts], videos: list[MediumFacts], one: Still) -> ImageInVideo:
    fact = images[one.image]
    return ImageInVideo(
        medium_id=fact.medium_id,
        uri=fact.uri,
        name=fact.name,
        video=_span(videos[one.medium], one.start_s, one.end_s),
        best_s=one.best_s,
        score=one.score,
        similarity=one.similarity,
        false_alarms=one.false_alarms,
    )


def _span(fact: MediumFacts, start_s: float, end_s: float) -> VideoSpan:
    return VideoSpan(fact.medium_id, fact.uri, fact.name, start_s, end_s)


def clock(t_s: float) -> str:
    """Write seconds as `hh:mm:ss.ss`."""
    hundredths = round(t_s * 100)
    minutes, hundredths = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{hundredths // 100:02d}.{hundredths % 100:02d}"
