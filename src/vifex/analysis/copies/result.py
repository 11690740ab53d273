"""What `vifex.copies` returns."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

from vifex.analysis.copies.segments.calibration import SegmentThreshold
from vifex.analysis.copies.segments.videos import CopiedSegment, ImageInVideo
from vifex.analysis.copies.threshold import CopyThreshold
from vifex.values import Box

__all__ = ["CopiedImage", "Copies", "CopyGroup", "Mark"]

Mark = Literal["confirmed", "wrong"]
"""What a person said of a pair."""


@dataclass(frozen=True, slots=True)
class CopiedImage:
    """An image of a group."""

    key: str
    """`medium_id:ordinal` of its row."""
    uri: str
    name: str
    label: str | None
    split: str | None
    page: int | None
    """Page of an image file with several pages, from 0."""
    box: Box | None
    """Part of the upright image in pixels; `None` is the whole."""
    similarity: float
    """Cosine similarity to the group's representative."""
    score: float
    """The same without what is usual in the collection; see `CopyThreshold.threshold`."""
    mark: Mark | None = None
    """What was marked about it and the representative."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        box = self.box
        plain = {name: getattr(self, name) for name in self.__slots__}
        return plain | {"box": box and {"x0": box.x0, "y0": box.y0, "x1": box.x1, "y1": box.y1}}


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Images that are nearly the same: each makes a pair with the representative."""

    representative: CopiedImage
    """The image with the most copies; its similarity and score are those of the best copy."""
    copies: tuple[CopiedImage, ...]
    """The others, the highest score first. Where two stores were compared they are of the other one."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "representative": self.representative.to_dict(),
            "copies": [image.to_dict() for image in self.copies],
        }


@dataclass(frozen=True, slots=True)
class Copies:
    """What occurs more than once."""

    store: str
    view: str
    other: str | None
    """The store that it was compared with."""
    other_id: str | None
    """Its id, by which marks name it."""
    rows: int
    """Images that were compared."""
    threshold: CopyThreshold | None
    """Of images; `None` where there were no two images to compare."""
    pairs: int
    """Pairs of images above the threshold, without those marked as wrong."""
    groups: tuple[CopyGroup, ...]
    """Groups of images, the highest score first."""
    videos: int = 0
    """Videos, or sounds, that were compared."""
    segment_threshold: SegmentThreshold | None = None
    """Of segments; `None` where there were no two videos to compare."""
    segments: tuple[CopiedSegment, ...] = ()
    """Copied segments of videos, the highest score first."""
    images_in_videos: tuple[ImageInVideo, ...] = ()
    """Images that videos show, the highest score first."""
    notes: tuple[str, ...] = ()
    """What must be known of the answer."""

    def facts(self) -> list[str]:
        """Return sentences about what was found and how far it can be trusted."""
        facts = []
        if self.rows or not self.videos:
            images = sum(len(group.copies) + 1 for group in self.groups)
            facts.append(
                f"{_counted(len(self.groups), 'group')} with {images} of {_counted(self.rows, 'image')}."
            )
        if self.threshold is not None:
            facts.append(self.threshold.sentence())
        if self.videos:
            videos = len({span.medium_id for one in self.segments for span in (one.a, one.b)})
            facts.append(
                f"{_counted(len(self.segments), 'copied segment')} in {videos} of "
                f"{_counted(self.videos, 'video')}."
            )
        if self.segment_threshold is not None:
            facts.append(self.segment_threshold.sentence())
        if self.images_in_videos:
            facts.append(f"{_counted(len(self.images_in_videos), 'image')} shown by a video.")
        return facts

    def write_html(self, path: str | os.PathLike[str], *, most: int = 500, overwrite: bool = False) -> None:
        """Write the groups as one HTML page with their images, where pairs can be marked.

        Args:
            path: The file. It may not lie in a store.
            most: Groups that are shown, those with the highest scores.
            overwrite: Whether an existing file is replaced.

        Raises:
            InputError: If the file exists and may not be replaced, lies in a store or cannot be written.
        """
        from vifex.analysis.copies.page.writing import write_page

        facts = self.facts()
        if len(self.groups) > most:
            facts.append(f"The first {_counted(most, 'group')} are shown.")
        write_page(self, path, facts=facts, most=most, overwrite=overwrite)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "store": self.store,
            "view": self.view,
            "other": self.other,
            "other_id": self.other_id,
            "rows": self.rows,
            "threshold": self.threshold and self.threshold.to_dict(),
            "pairs": self.pairs,
            "groups": [group.to_dict() for group in self.groups],
            "videos": self.videos,
            "segment_threshold": self.segment_threshold and self.segment_threshold.to_dict(),
            "segments": [one.to_dict() for one in self.segments],
            "images_in_videos": [one.to_dict() for one in self.images_in_videos],
            "notes": list(self.notes),
        }


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
