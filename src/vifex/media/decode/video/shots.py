"""Finding the shots of a video for the requests that want some frames of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from av.error import FFmpegError

from vifex.media.decode.files.damage import Damage
from vifex.media.decode.video.sample_builder import TimedFrame
from vifex.media.decode.video.viewing import part_of
from vifex.media.sample.shots import FoundShots
from vifex.media.shots.detector import ShotDetector
from vifex.media.shots.small import LUMA_SIZE
from vifex.values import Medium, ViewRequest

__all__ = ["wants_shots", "with_shots"]


def wants_shots(requests: Sequence[ViewRequest]) -> bool:
    """Return whether a request needs the shots of a video, which are found from all its frames."""
    return any(request.sampling.sampler == "shots" for request in requests)


def with_shots(
    medium: Medium, requests: Sequence[ViewRequest], frames: Iterable[TimedFrame], damage: Damage
) -> list[ViewRequest]:
    """Return the requests with the shots of the part of the video that each covers.

    Args:
        medium: The video.
        requests: All requests for it.
        frames: Its frames, in order; they are not read beyond the last part.
        damage: Has what was lost once the frames were read.
    """
    parts = {n: part_of(medium, r) for n, r in enumerate(requests) if r.sampling.sampler == "shots"}
    detectors = {part: ShotDetector() for part in parts.values()}
    for frame in frames:
        wanted = [detector for part, detector in detectors.items() if part.shows(frame.start, frame.end)]
        if wanted:
            try:
                luma = frame.image.luma(LUMA_SIZE)
            except (FFmpegError, OSError, ValueError, MemoryError):
                continue  # whoever takes this frame counts it as lost
            for detector in wanted:
                detector.feed(luma, frame.start, frame.end)
        if all(part.is_over(frame.end) for part in detectors):
            break
    shots = {part: detector.finish() for part, detector in detectors.items()}
    is_damaged = bool(damage.sentences())
    return [
        replace(r, sampling=FoundShots.of(r.sampling, shots[parts[n]], is_damaged)) if n in parts else r
        for n, r in enumerate(requests)
    ]
