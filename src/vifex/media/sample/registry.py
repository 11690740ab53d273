"""The registry of samplers. One file and one line add a sampler; plug-ins use entry points."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from vifex.media.sample.base import Part, Sampler
from vifex.values import Sampling
from vifex.values.registry import load

__all__ = ["GROUP", "SAMPLERS", "make", "needs_duration"]

GROUP: Final = "vifex.samplers"

SAMPLERS: Final[Mapping[str, str]] = {
    "fps": "vifex.media.sample.fps:FpsSampler",
    "every": "vifex.media.sample.every:EverySampler",
    "uniform": "vifex.media.sample.uniform:UniformSampler",
    "times": "vifex.media.sample.listed:TimesSampler",
    "frames": "vifex.media.sample.listed:FramesSampler",
    "shots": "vifex.media.sample.shots:ShotsSampler",
    "clip": "vifex.media.sample.clip:ClipSampler",
    "keyframes": "vifex.media.sample.keyframes:KeyframesSampler",
}


def make(sampling: Sampling, part: Part, duration: Fraction | None) -> Sampler:
    """Make the sampler that `sampling` names, for one video.

    Raises:
        InputError: If there is no sampler of that name.
    """
    sampler: Sampler = _load(sampling)(sampling, part, duration)
    return sampler


def needs_duration(sampling: Sampling) -> bool:
    """Whether the sampler must know the video's duration before it sees the first frame."""
    return bool(_load(sampling).needs_duration)


def _load(sampling: Sampling) -> Any:
    return load(SAMPLERS, sampling.sampler, group=GROUP, what="sampler")
