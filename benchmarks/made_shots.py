"""Videos with known cuts, dissolves and fades, made of real photos and clips.

Each shot is a photo under a moving window (pan, zoom, shake) or a stretch of a real clip. Noise, flashes,
changes of exposure, passing objects, bars and a logo are laid over them. A seed always gives the same video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["MadeVideo", "Transition", "make_video", "write_video"]

RGB = npt.NDArray[np.float32]
Kind = Literal["cut", "dissolve", "fade"]

WIDTH, HEIGHT = 320, 180
CLIPS = (
    "clip-h264-ducks.mp4",
    "clip-h264-sea.mov",
    "clip-h264-mp3-film.mp4",
    "clip-h264-vfr-phone.mp4",
    "clip-h263.3gp",
    "clip-msmpeg4.asf",
    "clip-mjpeg-camera.avi",
    "clip-av1-hdr10-portrait.mp4",
    "clip-vp9.webm",
    "clip-mpeg2.mxf",
)
"""Of one shot each, which was looked at."""
_CUT, _DISSOLVE = 0.5, 0.8


@dataclass(frozen=True, slots=True)
class Transition:
    """The last frame that is wholly of one shot, and the first that is wholly of the next."""

    last: int
    first: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class MadeVideo:
    """The frames of a video, made one by one, and its transitions."""

    seed: int
    fps: int
    transitions: tuple[Transition, ...]
    n_frames: int
    frames: Iterator[npt.NDArray[np.uint8]]


def make_video(seed: int, photos: Sequence[Path], clips: Path, n_shots: int = 14) -> MadeVideo:
    """Make a video of one seed.

    Args:
        seed: Decides everything.
        photos: Photos to choose from.
        clips: The folder of the clips.
        n_shots: How many shots it has.
    """
    rng = np.random.default_rng([23, seed])
    fps = int(rng.choice([15, 24, 25, 30, 30, 50]))
    noise = float(rng.choice([0, 0, 2, 5, 9]))
    bars = int(rng.choice([0, 0, 0, 20]))
    logo = bool(rng.random() < 0.3)
    lengths = [round(float(rng.uniform(0.7, 4.0)) * fps) for _ in range(n_shots)]
    kinds: list[Kind] = []
    for _ in range(n_shots - 1):
        draw = rng.random()
        kinds.append("cut" if draw < _CUT else "dissolve" if draw < _DISSOLVE else "fade")
    ramps = [_ramps(kind, fps, rng) for kind in kinds]
    transitions: list[Transition] = []
    at = 0
    for place, kind in enumerate(kinds):
        at += lengths[place]
        length = len(ramps[place])
        transitions.append(Transition(at - 1, at + length, kind))
        at += length
    n_frames = at + lengths[-1]
    used, played = rng.permutation(len(photos)), rng.permutation(len(CLIPS))
    shots = []
    for place in range(n_shots):
        before = len(ramps[place - 1]) if place else 0
        behind = len(ramps[place]) if place < n_shots - 1 else 0
        n = before + lengths[place] + behind
        own = np.random.default_rng([seed, place, 7])
        if own.random() < 0.35:
            shots.append(_of_clip(clips / CLIPS[played[place % len(CLIPS)]], n, fps, own))
        else:
            shots.append(_of_photo(photos[used[place % len(photos)]], n, fps, own))
    shots = [_disturbed(shot, fps, np.random.default_rng([seed, k, 11])) for k, shot in enumerate(shots)]
    frames = _finished(_joined(shots, lengths, ramps), noise, bars, logo, rng)
    return MadeVideo(seed, fps, tuple(transitions), n_frames, frames)


def write_video(video: MadeVideo, path: Path, crf: int | None = None) -> None:
    """Encode a video as H.264, at a quality that its seed decides."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=video.fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        quality = crf if crf is not None else (18, 23, 28, 33)[video.seed % 4]
        stream.options = {"crf": str(quality), "preset": "veryfast"}
        for number, rgb in enumerate(video.frames):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, video.fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _ramps(kind: Kind, fps: int, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Return for each frame of a transition the weights of the shot before, the next one, and the white."""
    if kind == "cut":
        return []
    if kind == "dissolve":
        n = max(2, round(float(rng.uniform(0.25, 2.0)) * fps))
        return [(1 - (i + 1) / (n + 1), (i + 1) / (n + 1), 0.0) for i in range(n)]
    white = 1.0 if rng.random() < 0.2 else 0.0
    out, into = (max(2, round(float(rng.uniform(0.2, 1.2)) * fps)) for _ in range(2))
    black = round(float(rng.uniform(0.0, 0.7)) * fps)
    down = [1 - (i + 1) / (out + 1) for i in range(out)]
    up = [(i + 1) / (into + 1) for i in range(into)]
    return [
        *((w, 0.0, white * (1 - w)) for w in down),
        *((0.0, 0.0, white) for _ in range(black)),
        *((0.0, w, white * (1 - w)) for w in up),
    ]


def _joined(
    shots: Sequence[Iterator[RGB]], lengths: Sequence[int], ramps: Sequence[list[tuple[float, float, float]]]
) -> Iterator[RGB]:
    for place, (shot, length) in enumerate(zip(shots, lengths, strict=True)):
        for _ in range(length):
            yield next(shot)
        if place < len(ramps):
            following = shots[place + 1]
            for before, after, white in ramps[place]:
                yield before * next(shot) + after * next(following) + 255 * white


def _of_photo(path: Path, n: int, fps: int, rng: np.random.Generator) -> Iterator[RGB]:
    """Yield frames of a window that moves over a photo."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    seconds = n / fps
    side = min(image.width, image.height * WIDTH / HEIGHT)
    zooms = rng.uniform(0.45, 0.95, 2)
    if rng.random() < 0.4:
        zooms[1] = zooms[0]
    reach = float(rng.choice([0.0, 0.05, 0.15, 0.4])) * seconds
    first = rng.uniform(0, 1, 2)
    last = np.clip(first + rng.uniform(-1, 1, 2) * reach, 0, 1)
    shake = float(rng.choice([0, 0, 0.004, 0.01]))
    walk = np.cumsum(rng.normal(0, shake, (n, 2)), axis=0) if shake else np.zeros((n, 2))
    walk -= walk.mean(axis=0)
    for i in range(n):
        part = i / max(1, n - 1)
        zoom = zooms[0] + (zooms[1] - zooms[0]) * part
        width = side * zoom
        height = width * HEIGHT / WIDTH
        where = np.clip(first + (last - first) * part + np.clip(walk[i], -0.1, 0.1), 0, 1)
        x, y = where * (image.width - width, image.height - height)
        shown = image.resize(
            (WIDTH, HEIGHT), Image.Resampling.BILINEAR, box=(x, y, x + width, y + height), reducing_gap=2.0
        )
        yield np.asarray(shown, dtype=np.float32)


@cache
def _clip(path: Path) -> tuple[float, list[npt.NDArray[np.uint8]]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 25)
        frames = [
            frame.reformat(WIDTH, HEIGHT, "rgb24").to_ndarray()
            for _, frame in zip(range(260), container.decode(stream), strict=False)
        ]
    return rate, frames


def _of_clip(path: Path, n: int, fps: int, rng: np.random.Generator) -> Iterator[RGB]:
    """Yield frames of a clip from a random place on, forwards and backwards, at its own speed."""
    rate, frames = _clip(path)
    begin = int(rng.integers(len(frames)))
    period = 2 * len(frames) - 2
    mirror = bool(rng.random() < 0.5)
    for i in range(n):
        place = (begin + int(i * rate / fps)) % period
        frame = frames[place if place < len(frames) else period - place].astype(np.float32)
        yield frame[:, ::-1] if mirror else frame


def _disturbed(shot: Iterator[RGB], fps: int, rng: np.random.Generator) -> Iterator[RGB]:
    """Lay flashes, changes of exposure and a passing object over a shot."""
    flash_at = int(rng.integers(3, 3 * fps)) if rng.random() < 0.12 else -9
    flash_n, flash = int(rng.integers(1, 4)), float(rng.uniform(60, 200))
    gain_to = float(rng.uniform(0.6, 1.5)) if rng.random() < 0.2 else 1.0
    gain_n = int(rng.integers(1, 2 * fps))
    passes = rng.random() < 0.15
    begin, speed = int(rng.integers(0, fps)), float(rng.uniform(0.4, 1.5)) * WIDTH / fps
    colour, top, size = rng.uniform(0, 255, 3), int(rng.integers(0, 90)), int(rng.integers(40, 110))
    for i, frame in enumerate(shot):
        if gain_to != 1:
            frame = frame * (1 + (gain_to - 1) * min(1.0, i / gain_n))
        if passes and i >= begin:
            left = int((i - begin) * speed) - size
            frame = frame.copy()
            frame[top : top + size, max(0, left) : max(0, left + size)] = colour
        if flash_at <= i < flash_at + flash_n:
            frame = frame * 1.2 + flash
        yield frame


def _finished(
    frames: Iterator[RGB], noise: float, bars: int, logo: bool, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.uint8]]:
    for frame in frames:
        if noise:
            frame = frame + rng.normal(0, noise, frame.shape[:2]).astype(np.float32)[..., None]
        frame = np.clip(frame, 0, 255)
        if logo:
            frame[8:28, 270:310] = 235
        if bars:
            frame[:bars] = frame[-bars:] = 0
        yield frame.astype(np.uint8)
