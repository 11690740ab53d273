"""Which frames of a video a view takes, in what form and within which limits, and what decoding returns."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal

from vifex.values.audio import AudioSpec
from vifex.values.media import Box
from vifex.values.pixels import PixelSpec

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

__all__ = [
    "MOST_CHANGE",
    "DecodeReport",
    "Limits",
    "NothingDecoded",
    "Pages",
    "RegionMethod",
    "Regions",
    "Sample",
    "SamplerName",
    "Sampling",
    "Tail",
    "ViewRequest",
]

MOST_CHANGE: Final = 0.5
"""Images that differ by half of their contrast have little in common."""
SamplerName = Literal["fps", "every", "uniform", "clip", "times", "frames", "keyframes", "shots"]
Tail = Literal["drop", "pad", "repeat", "zeros"]
Pages = Literal["first", "all"]
RegionMethod = Literal["crop", "roi_align", "roi_pool"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the frames of a video are chosen. For images only `pages` counts: each one is one sample."""

    sampler: SamplerName = "fps"
    fps: float | None = 1.0
    """For `fps`: samples per second."""
    every: int | None = None
    """For `every`: each N-th frame in presentation order, the first included."""
    uniform: int | None = None
    """For `uniform`: N samples, each at the middle of one of N equal parts."""
    clip_length: int | None = None
    """For `clip`: frames per window."""
    frame_step: int | None = None
    """For `clip`: frames from one frame of a window to its next."""
    hop: int | None = None
    """For `clip`: frames from one window's first frame to the next's; `None` is length x step, or 1 with
    `centre`."""
    tail: Tail = "drop"
    """For `clip`: what is done with a window that the video does not fill.

    `drop` leaves it out, `pad` repeats its last real frame, `repeat` starts again at its first, `zeros`
    fills it with black frames. Centred windows may lack frames at both ends; `repeat` is not for them.
    """
    t_start_s: float | None = None
    t_end_s: float | None = None
    assume_fps: float | None = None
    """Frame rate for streams without any times; without it their frames count as lost."""
    clip_fps: float | None = None
    """For `clip`: the rate at which a window's frames are taken; `None` takes the video's own frames."""
    centre: bool = False
    """For `clip`: windows lie around frames 0, hop, 2 hop ... and not behind them; of an even number of
    frames the middle is the earlier of the two."""
    pages: Pages = "first"
    """Of an image file with several pages: one sample of the first, or one of each."""
    times_s: tuple[float, ...] = ()
    """For `times`: seconds; the frame on screen at each of them, once."""
    frames: tuple[int, ...] = ()
    """For `frames`: numbers of frames in presentation order, from 0."""
    per_shot: int | None = None
    """For `shots`: frames of each shot, on screen at the middles of so many equal parts of it."""
    shot_rule: int | None = None
    """For `shots`: version of the rule that finds them."""
    max_frames: int | None = None
    """Samples of one medium at most: frames, clips or pages. Of more those are taken that are spread evenly
    over all that the sampler gives."""
    changed_only: float | None = None
    """Of single frames of videos and animations: those alone are computed that differ from the last computed
    one by more than this share of the contrast, 0 to 0.5. Its rows stand for the others."""

    def __post_init__(self) -> None:
        wanted = {
            "fps": (self.fps,),
            "every": (self.every,),
            "uniform": (self.uniform,),
            "clip": (self.clip_length, self.frame_step),
            "times": (len(self.times_s),),
            "frames": (len(self.frames),),
            "keyframes": (),
            "shots": (self.per_shot, self.shot_rule),
        }[self.sampler]
        for listed in ("times_s", "frames"):
            values = tuple(sorted(set(getattr(self, listed))))  # lists too, from JSON
            if not all(0 <= value < math.inf for value in values):
                raise ValueError(f"{listed} must be finite and at least 0")
            object.__setattr__(self, listed, values)
        if any(v is None or v <= 0 for v in wanted):
            raise ValueError(f"sampler {self.sampler!r} needs positive numbers, got {wanted}")
        if self.clip_fps is not None and (self.sampler != "clip" or self.clip_fps <= 0):
            raise ValueError(f"clip_fps is for clips and must be > 0, got {self.clip_fps}")
        if self.centre and (self.sampler != "clip" or self.tail == "repeat"):
            raise ValueError("centred windows are clips whose tail is drop, pad or zeros")
        if self.max_frames is not None and self.max_frames < 1:
            raise ValueError(f"max_frames must be at least 1, got {self.max_frames}")
        if self.changed_only is not None and not 0 <= self.changed_only <= MOST_CHANGE:
            raise ValueError(f"changed_only must be from 0 to {MOST_CHANGE}, got {self.changed_only}")
        if self.changed_only is not None and self.sampler == "clip":
            raise ValueError("changed_only is for single frames, not for clips")
        if self.hop is not None and self.hop < 1:
            raise ValueError(f"hop must be at least 1 frame, got {self.hop}")
        if self.assume_fps is not None and self.assume_fps <= 0:
            raise ValueError(f"assume_fps must be > 0, got {self.assume_fps}")

    @property
    def frames_per_sample(self) -> int | None:
        """Frames in one sample: the clip's length, `None` where a sample is a single frame."""
        return self.clip_length if self.sampler == "clip" else None

    @property
    def window_hop(self) -> int:
        """For `clip`: frames from one window to the next, as given or as it follows from the other fields."""
        return self.hop or (1 if self.centre else (self.clip_length or 1) * (self.frame_step or 1))

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        said = asdict(self)
        # What came later is left out where it is unset: the hash of older recipes must stay.
        if self.clip_fps is None:
            del said["clip_fps"]
        if not self.centre:
            del said["centre"]
        if self.pages == "first":
            del said["pages"]
        for number in ("per_shot", "shot_rule", "changed_only"):
            if said[number] is None:
                del said[number]
        for later in ("times_s", "frames", "max_frames"):
            if not said[later]:
                del said[later]
        return said


@dataclass(frozen=True, slots=True)
class Regions:
    """Parts of each image or frame that get a row each, by boxes of a manifest or of a grid."""

    method: RegionMethod = "crop"
    """`crop`: each box is cut out, resized and run by itself. `roi_align`, `roi_pool`: the whole frame is
    run once, and each box is read off the maps."""
    grid: tuple[int, int] | None = None
    """Rows and columns of boxes laid over each frame; `None` takes the medium's own boxes."""
    overlap: float = 0.0
    """Part of a grid box's side that it shares with its neighbour, 0 to below 1."""
    output_size: int = 7
    """Bins per side that a box becomes on a map; for `roi_align` and `roi_pool`."""
    sampling_ratio: int = -1
    """Samples per bin and side for `roi_align`; -1 takes as many as a bin has cells, rounded up."""
    aligned: bool = True
    """For `roi_align`: shift boxes by half a cell, so that a cell's value stands at its middle."""

    def __post_init__(self) -> None:
        if self.grid is not None and min(self.grid) < 1:
            raise ValueError(f"a grid needs at least 1 x 1 boxes, got {self.grid[0]} x {self.grid[1]}")
        if not 0 <= self.overlap < 1:
            raise ValueError(f"overlap must be from 0 to below 1, got {self.overlap}")
        if self.output_size < 1:
            raise ValueError(f"output_size must be at least 1, got {self.output_size}")

    @property
    def on_maps(self) -> bool:
        """Whether boxes are read off the maps of the whole frame."""
        return self.method != "crop"

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ViewRequest:
    """What one view wants of every medium: its samples in its size. Several views share a decoding."""

    sampling: Sampling
    pixels: PixelSpec
    regions: Regions | None = None
    """`None` cuts out the medium's own boxes, if it has any."""
    audio: AudioSpec | None = None
    """Set for windows of sound; then no other field counts."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a single file; a file that reaches one of them fails."""

    max_pixels: int = 178_956_970
    """Width x height of one image or frame, checked before anything is allocated."""
    decoded_frames: int = 100_000_000
    """Frames that are decoded of one video; those after them are missing, and the video is partial."""
    file_s: float = 3_600.0
    """Wall seconds for one file, without waiting for the engine."""
    stall_s: float = 60.0
    """Wall seconds without any progress."""
    memory_bytes: int = 4 << 30
    """Address space of one decoder process beyond what it needs to start; 0 sets no limit."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image, frame or window, decoded and ready."""

    request: int
    """Index of the request that it answers."""
    ordinal: int
    """Counts the samples of this medium for this request from 0, boxes included."""
    pixels: npt.NDArray[Any]
    """uint8 `[H, W, 3]`, or `[T, H, W, 3]` for a window; of sound float32 `[S]`."""
    frame_index: int | None = None
    """In presentation order from 0, of the frame, of a window its first frame or with `centre` its middle
    one; `None` for images, as are the times, but where each page of one was read: the page's, from 0."""
    pts: int | None = None
    """Ticks of `time_base`, that frame's own."""
    time_base: str | None = None
    """Seconds per tick as a fraction, e.g. `1/90000`."""
    t_s: float | None = None
    """Where that frame starts."""
    t_start_s: float | None = None
    """Where the first real frame of the sample starts."""
    t_end_s: float | None = None
    """Where the last real frame of the sample ends."""
    box: Box | None = None
    """The part of the upright image that was taken; `None` is the whole."""
    boxes: tuple[Box, ...] = ()
    """Boxes to be read off the maps of this sample, one row each, with ordinals from `ordinal` on."""
    size_px: tuple[int, int] | None = None
    """Width and height of the upright image that `boxes` are in."""
    box_numbers: tuple[int, ...] = ()
    """The place of `box`, or of each of `boxes`, among the medium's own boxes; else empty."""


@dataclass(frozen=True, slots=True)
class NothingDecoded:
    """Why a request got no samples of a medium of which other requests got some."""

    reason: str
    is_skipped: bool
    """Whether the medium has nothing of the wanted kind; else it could not be read."""


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """What a decoder learned about a medium beyond its samples."""

    kind: Literal["image", "video", "audio"]
    width_px: int = 0
    height_px: int = 0
    frames_seen: int = 1
    frames_lost: int = 0
    problems: tuple[str, ...] = ()
    """Sentences on why the medium is partial; empty if nothing was lost."""
    notes: tuple[str, ...] = ()
    """Sentences on what was not read and is no loss, e.g. a second video stream."""
    choices: tuple[str, ...] = ()
    """How the medium was read where that was a choice, e.g. the first of 3 pages: sentences that the ledger
    keeps and the run tells although the medium is `ok`."""
    empty: tuple[tuple[int, str], ...] = ()
    """Requests that got no sample although others did: index of the request and why, one sentence."""
    taken: tuple[tuple[int, str], ...] = ()
    """How the samples of one request were limited: index of the request, and a sentence that the ledger
    keeps."""
    apart: tuple[tuple[int, DecodeReport | NothingDecoded], ...] = ()
    """Requests that ended in another way than the rest, as sound does beside images: index of the request,
    and all that was learned for it."""
