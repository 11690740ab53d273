"""Frames that are named one by one, by times or by their numbers; and boxes that lie in such frames.

A time means the frame that is on screen then; one before the first frame means the first. Every frame is a
sample once, however often it is named.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from vifex.media.sample.base import Part, exact
from vifex.media.sample.shots import FoundShots
from vifex.media.sample.single import SingleFrames
from vifex.values import Box, Medium, Sampling, ViewRequest
from vifex.values.sampling import SamplerName

__all__ = ["BoxesOfFrames", "FramesSampler", "TimesSampler", "part_of_times", "requests_at", "unmet"]

_BEHIND = Fraction(1, 1_000_000_000)


class TimesSampler(SingleFrames):
    """Selects the frames on screen at given times."""

    needs_duration = False

    def __init__(self, sampling: Sampling, part: Part, duration: Fraction | None) -> None:
        super().__init__(sampling, part, duration)
        self._times = [t for t in map(exact, sampling.times_s) if part.start is None or t >= part.start]
        self._next = 0

    def takes(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Return whether a time without a frame so far is before `end`."""
        below = bisect_left(self._times, end if self.part.end is None else min(end, self.part.end))
        taken = below > self._next
        self._next = max(self._next, below)
        return taken

    def why_empty(self, n_frames: int, end: Fraction) -> str:
        """Explain why there is no sample."""
        return f"none of the times lies in the part that is read; the video ends at {float(end):.3f} s"


class FramesSampler(SingleFrames):
    """Selects frames by their numbers in presentation order."""

    needs_duration = False

    def __init__(self, sampling: Sampling, part: Part, duration: Fraction | None) -> None:
        super().__init__(sampling, part, duration)
        self._numbers = frozenset(sampling.frames)

    def takes(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Return whether the frame is named and in the part."""
        return index in self._numbers and self.part.shows(start, end)

    def why_empty(self, n_frames: int, end: Fraction) -> str:
        """Explain why there is no sample."""
        return f"none of the frames lies in the part that is read; the video has {n_frames:,} frames"


class BoxesOfFrames:
    """The boxes of a medium that lie in single frames of a video."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        numbered = list(enumerate(boxes))
        self._always = [(n, box) for n, box in numbered if box.t_s is None and box.frame is None]
        self._timed = sorted((exact(box.t_s), n) for n, box in numbered if box.t_s is not None)
        self._boxes = boxes
        self._of_frame: dict[int, list[tuple[int, Box]]] = {}
        for n, box in numbered:
            if box.t_s is None and box.frame is not None:
                self._of_frame.setdefault(box.frame, []).append((n, box))

    def at(self, index: int, start: Fraction, end: Fraction) -> list[tuple[int, Box]]:
        """Return the boxes in a frame on screen in `[start, end)`, each with its place among all."""
        first = 0 if index == 0 else bisect_left(self._timed, (start, 0))
        places = sorted(n for _, n in self._timed[first : bisect_left(self._timed, (end, 0))])
        of_time = [(n, self._boxes[n]) for n in places]
        return [*self._always, *of_time, *self._of_frame.get(index, ())]


def requests_at(medium: Medium, requests: Sequence[ViewRequest]) -> Sequence[ViewRequest]:
    """Return the requests with the sampling of a medium in place of their own, where it has one.

    Of requests for windows and for sound only the limit of their number changes.
    """
    own: dict[str, Any] = {}
    if medium.times_s or medium.frames:
        sampler: SamplerName = "times" if medium.times_s else "frames"
        own = {"sampler": sampler, "times_s": medium.times_s, "frames": medium.frames}
    elif medium.sample_fps is not None:
        own = {"sampler": "fps", "fps": medium.sample_fps}
    elif medium.sample_every is not None:
        own = {"sampler": "every", "every": medium.sample_every}
    if not own and medium.max_frames is None:
        return requests
    return [_with_sampling(request, own, medium.max_frames) for request in requests]


def _with_sampling(request: ViewRequest, own: Mapping[str, Any], most: int | None) -> ViewRequest:
    if request.audio is not None:
        limited = request.audio if most is None else replace(request.audio, max_windows=most)
        return replace(request, audio=limited)
    changes = dict(own) if request.sampling.frames_per_sample is None else {}
    if most is not None:
        changes["max_frames"] = most
    return replace(request, sampling=replace(request.sampling, **changes))


def part_of_times(sampling: Sampling, part: Part) -> Part:
    """Return the part of a video without what follows the last of the listed times, or the last shot's."""
    if sampling.sampler == "times":
        end = exact(max(sampling.times_s)) + _BEHIND
    elif isinstance(sampling, FoundShots) and sampling.shots and not sampling.is_damaged:
        end = sampling.moments()[-1][0] + _BEHIND
    else:
        return part
    return replace(part, end=end if part.end is None else min(part.end, end))


def unmet(sampling: Sampling, part: Part, n_frames: int, end: Fraction) -> str | None:
    """Return a sentence about listed moments that a video of so many frames and seconds does not have."""
    if part.is_over(end):
        return None  # the rest of the video was not read
    if sampling.sampler == "times":
        late = sum(exact(t) >= end for t in sampling.times_s)
        where = f"at {float(end):.3f} s"
    else:
        late = sum(number >= n_frames for number in sampling.frames) if sampling.sampler == "frames" else 0
        where = f"with frame {n_frames - 1:,}"
    if not late:
        return None
    are = "1 of the listed moments is" if late == 1 else f"{late:,} of the listed moments are"
    return f"{are} not in the video, which ends {where}."
