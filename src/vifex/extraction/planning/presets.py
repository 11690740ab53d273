"""Presets: published protocols as frozen data, replayed to the letter or with every difference said.

A preset names a model, its layers and its sampling; it resolves nothing and runs nothing. What this house
does otherwise than the source stands in `differs`, one sentence each: an empty tuple is a claim that
nothing does. A protocol whose frames or windows cannot be expressed is no preset; `LEFT_OUT` says which
and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from vifex.values import InputError, Sampling
from vifex.values.registry import near

__all__ = ["LEFT_OUT", "PRESETS", "Preset", "load_preset", "preset_names"]


@dataclass(frozen=True, slots=True)
class Preset:
    """A published way from a video to rows."""

    name: str
    model: str
    """As `load_model` takes it."""
    layers: tuple[str, ...]
    """As `vifex.extract(layers=...)` takes them."""
    sampling: Sampling
    source: str
    """Paper or repository, and the place in it."""
    replays: str
    """What exactly is replayed: frame rate, clip, step, hop, tail, resize, crop, layer."""
    differs: tuple[str, ...] = ()
    """What is done otherwise than in the source, each a sentence."""
    decode: Literal["fast", "exact"] = "exact"
    """Protocols name a resize; only `exact` does that very one."""

    def __post_init__(self) -> None:
        if not (self.source and self.replays and self.layers):
            raise ValueError(f"preset {self.name!r}: a source, what it replays and its layers must be said")


def _clips(length: int, *, hop: int | None = None) -> Sampling:
    """Return windows of neighbouring frames at the video's own rate, an unfilled last one left out."""
    return Sampling(sampler="clip", fps=None, clip_length=length, frame_step=1, hop=hop, tail="drop")


_VIDEO_FEATURES: Final = "v-iashin/video_features"
_ONE_MORE: Final = (
    "The source waits for one frame behind a window (its flow needs it), so a video whose frames fill its "
    "last window exactly has one row less there."
)


def _i3d(frames: int) -> Preset:
    return Preset(
        name=f"i3d-{frames}",
        model="i3d/rgb-kinetics400" + ("" if frames == 64 else f"-{frames}f"),
        layers=("features",),
        sampling=_clips(frames),
        source=f"{_VIDEO_FEATURES}, models/i3d/extract_i3d.py, configs/i3d.yml: streams=rgb, "
        f"stack_size={frames}, step_size={frames}, extraction_fps=null",
        replays=f"The video's own frames; windows of {frames}, step 1, hop {frames}, an unfilled last one "
        "dropped; shorter side to 256 by Pillow's bilinear, middle 224 x 224, corner rounded down, -1 to 1; "
        "average pooling 2 x 7 x 7 and mean over time, 1,024 numbers; the RGB stream.",
        differs=(_ONE_MORE, f"The flow stream is not made; i3d-two-stream-{frames} makes it."),
    )


def _two_stream(frames: int) -> Preset:
    return Preset(
        name=f"i3d-two-stream-{frames}",
        model="i3d/two-stream-kinetics400" + ("" if frames == 64 else f"-{frames}f"),
        layers=("streams.features",),
        sampling=_clips(frames + 1, hop=frames),
        source=f"{_VIDEO_FEATURES}, models/i3d/extract_i3d.py, configs/i3d.yml: streams=null (both), "
        f"flow_type=raft, stack_size={frames}, step_size={frames}, extraction_fps=null",
        replays=f"The video's own frames; windows of {frames + 1}, step 1, hop {frames}, an unfilled last "
        f"one dropped: {frames} frames of pixels and the {frames} flows between all; RAFT with 20 updates, "
        "cut at 20 pixels, in 256 steps; pixels as in i3d-24; 1,024 numbers of RGB, then 1,024 of flow.",
        differs=(
            "RAFT sees the middle 224 x 224 alone; there it sees the whole frame, and the flow is cropped.",
            "RAFT's weights are those that are given (torchvision's raft_large); the source's are "
            "princeton-vl/RAFT's for Sintel.",
            "The two vectors are one row; the source stores them apart.",
        ),
    )


_ALL: Final = (
    _i3d(24),
    _i3d(64),
    _two_stream(24),
    _two_stream(64),
    Preset(
        name="i3d-21-pad",
        model="i3d/rgb-kinetics400-21f",
        layers=("features",),
        sampling=Sampling(sampler="clip", fps=None, clip_length=21, frame_step=1, tail="zeros", centre=True),
        source="yabufarha/ms-tcn, issues 19 and 34 (the features of Abu Farha and Gall, CVPR 2019, "
        "arXiv:1903.01945)",
        replays="The video's own frames; a window of 21 around every frame, itself in the middle, filled "
        "with zeros at both ends: as many rows as frames, each with its frame's time; 1,024 numbers of RGB.",
        differs=(
            "The flow stream is not made; the source stores it beside RGB, 2,048 numbers in all.",
            "Zeros are black pixels; whether the source fills before or behind its scaling is not said.",
            "Resize and crop are those of i3d-24; the source does not say its own.",
        ),
    ),
    Preset(
        name="c3d-16",
        model="c3d/sports1m",
        layers=("fc6",),
        sampling=_clips(16, hop=8),
        source="Tran et al., ICCV 2015, arXiv:1412.0767, section 3.3 (C3D video descriptor); "
        "facebookarchive/C3D, C3D-v1.0/examples/c3d_feature_extraction/prototxt/"
        "c3d_sport1m_feature_extractor_frm.prototxt",
        replays="The video's own frames; windows of 16, step 1, 8 shared with the next, an unfilled last one "
        "dropped; stretched to 171 x 128 by the bilinear of four pixels, BGR, mean subtracted, middle "
        "112 x 112, corner rounded down; fc6 behind its ReLU, 4,096 numbers per clip.",
        differs=(
            "Rows are the clips; the paper's video descriptor is their mean, divided by its length.",
            "Unless the checkpoint holds the authors' mean cube, its means per channel are subtracted.",
            "OpenCV's bilinear computes in fixed point: pixels may differ by one step of 255.",
        ),
    ),
    Preset(
        name="r21d-16",
        model="torchvision/r2plus1d_18.KINETICS400_V1",
        layers=("penultimate",),
        sampling=_clips(16),
        source=f"{_VIDEO_FEATURES}, models/r21d/extract_r21d.py (stack and step 16, extraction_fps=null), "
        "utils.form_slices",
        replays="The video's own frames; windows of 16, step 1, hop 16, an unfilled last one dropped; "
        "stretched to 171 x 128 by the bilinear of four pixels, middle 112 x 112, Kinetics' mean and std; "
        "the pooled features before the classifier, 512 numbers.",
        differs=("The source resizes numbers, here pixels are whole again before mean and std.",),
    ),
    Preset(
        name="clip-1fps",
        model="hf/openai/clip-vit-base-patch32",
        layers=("embedding",),
        sampling=Sampling(sampler="fps", fps=1.0),
        source="ArrowLuo/CLIP4Clip, dataloaders/rawvideo_util.py (framerate 1), CLIP ViT-B/32 of "
        "Radford et al., ICML 2021, arXiv:2103.00020",
        replays="The frame on screen at 0, 1, 2, ... s; shorter side to 224 by Pillow's bicubic, middle "
        "224 x 224, CLIP's mean and std; the image embedding of each frame.",
        differs=(
            "The source takes a second for a whole number of frames (29 for 29.97), so it runs ahead of the "
            "clock where the rate is none; here time is the frames' own.",
            "Its limit of 12 frames per video, and the padding up to it, belong to its training.",
        ),
    ),
)

PRESETS: Final[Mapping[str, Preset]] = {preset.name: preset for preset in _ALL}

LEFT_OUT: Final[Mapping[str, str]] = {
    "s3d": "The video is encoded anew at 25 frames per second first, for windows of 64 "
    '(v-iashin/video_features, models/s3d/extract_s3d.py); `clip="128x1", fps=25` comes near with '
    "torchvision/s3d, which takes 128 frames here and whose weights are not the source's (kylemin/S3D).",
}
"""Protocols that cannot be expressed, and why: asked for, they are an error with that reason."""


def preset_names() -> list[str]:
    """Every name that `load_preset` takes, sorted."""
    return sorted(PRESETS)


def load_preset(name: str) -> Preset:
    """Return a preset by its name.

    Raises:
        InputError: If there is none of that name (near ones offered), or its protocol cannot be expressed.
    """
    if name in PRESETS:
        return PRESETS[name]
    if name in LEFT_OUT:
        raise InputError(
            f"the protocol {name!r} cannot be replayed to the letter. {LEFT_OUT[name]}",
            todo="Choose a sampling of your own; it is then not called by that name.",
        )
    known = preset_names()
    raise InputError(f"there is no preset {name!r}.", todo=f"{near(name, known)}Known: {', '.join(known)}.")
