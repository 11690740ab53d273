"""Videos of 720p H.264 of any length, made from real clips: encoded once, then their packets looped."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from inputs import link
from looped import loop_clip
from peers.environment import cache_folder

WIDTH_PX, HEIGHT_PX, ENCODED_S = 1280, 720, 10
NAMES = (
    "clip-h264-bframes.mp4",
    "clip-h264-ducks.mp4",
    "clip-h264-mp3-film.mp4",
    "clip-h264-sea.mov",
    "clip-hevc-phone-rot.mov",
    "clip-mpeg2.mxf",
    "clip-mpeg4-xvid.avi",
    "clip-vp9.webm",
)
"""Filmed clips; encoded anew they take 4 to 14 kB a frame, about 2 Mbit/s."""


@dataclass(frozen=True, slots=True)
class Video:
    """One of the videos."""

    path: Path
    frames: int


class Videos:
    """Folders with the first `n` videos of an endless row of links to eight.

    Args:
        clips: Folder of the clips they are made from; where none of `NAMES` is there, its first eight files.
        work: Where videos are made.
        seconds: Of each video.
    """

    def __init__(self, clips: Path, work: Path, seconds: float) -> None:
        self._work = work
        named = [clips / name for name in NAMES if (clips / name).exists()]
        sources = named or sorted(p for p in clips.iterdir() if p.is_file())[:8]
        self._videos = []
        for source in sources:
            target = work / f"{source.stem}-720p.mkv"
            self._videos.append(Video(target, loop_clip(encoded(source), target, seconds)))

    def folder(self, count: int) -> Path:
        """Give a folder that holds exactly `count` videos."""
        folder = self._work / f"{count}-videos"
        if not folder.exists():
            folder.mkdir()
            for number, video in enumerate(itertools.islice(itertools.cycle(self._videos), count)):
                link(video.path, folder / f"{number:04d}-{video.path.name}")
        return folder

    def frames(self, count: int) -> int:
        """Say how many frames the first `count` videos have."""
        return sum(v.frames for v in itertools.islice(itertools.cycle(self._videos), count))

    def facts(self) -> dict[str, object]:
        """What a record says of them."""
        size_bytes = sum(v.path.stat().st_size for v in self._videos)
        return {
            "different_videos": len(self._videos),
            "size_px": f"{WIDTH_PX} x {HEIGHT_PX}",
            "codec": "h264, libx264's defaults (B-frames, a keyframe at least every 250 frames)",
            "bytes_a_frame": round(size_bytes / self.frames(len(self._videos))),
        }


def encoded(source: Path) -> Path:
    """Give ten seconds of a clip as 720p H.264, encoded once."""
    folder = cache_folder() / "videos"
    target = folder / f"{source.stem}-{source.stat().st_size}.mkv"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{target.stem}-{os.getpid()}.unfinished"
    with av.open(str(source)) as clip:
        rate = Fraction(clip.streams.video[0].average_rate or 25).limit_denominator(1001)
    with av.open(str(unfinished), "w", format="matroska") as out:
        stream = out.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        for number, frame in enumerate(itertools.islice(_endless(source), int(ENCODED_S * rate))):
            scaled = frame.reformat(WIDTH_PX, HEIGHT_PX, "yuv420p")
            scaled.pts, scaled.time_base = number, 1 / rate
            out.mux(stream.encode(scaled))
        out.mux(stream.encode(None))
    unfinished.rename(target)
    return target


def _endless(source: Path) -> Iterator[av.VideoFrame]:
    while True:
        with av.open(str(source)) as clip:
            yield from clip.decode(video=0)
