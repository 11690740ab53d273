"""Frames in and out of files: 12 frames a second, RGB, at most 320 pixels wide or high."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from edited.clips import SECONDS, Source

__all__ = ["FPS", "Frame", "read", "write"]

FPS = 12
SIDE_PX = 320
Frame = npt.NDArray[np.uint8]
"""`[H, W, 3]`."""


def read(source: Source, seconds: float = SECONDS) -> list[Frame]:
    """Read the frames of a source at `FPS`, as a player without a clock would show them."""
    frames: list[Frame] = []
    for path in source.files:
        frames += _read_file(path, seconds - len(frames) / FPS)
        if len(frames) >= seconds * FPS:
            break
    shapes = {frame.shape for frame in frames}
    if len(shapes) > 1:
        height, width, _ = frames[0].shape
        frames = [np.asarray(Image.fromarray(frame).resize((width, height))) for frame in frames]
    return frames


def _read_file(path: Path, seconds: float) -> list[Frame]:
    shown: list[tuple[float, Frame]] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        size: tuple[int, int] | None = None
        times: list[float] = []
        for number, frame in enumerate(container.decode(stream)):
            size = size or _fitted(frame.width, frame.height)
            times.append(frame.time if frame.time is not None else number / FPS)
            shown.append((0.0, frame.to_ndarray(format="rgb24", width=size[0], height=size[1])))
            if len(times) > 1 and max(times) - min(times) > seconds + 0.5:
                break
    # AVI has no presentation times: sorted, they are those of the frames in their order.
    at = np.sort(times) - min(times)
    wanted = np.arange(0, min(seconds, at[-1] + 1 / FPS), 1 / FPS)
    return [shown[max(0, i)][1] for i in np.searchsorted(at, wanted + 1e-6, side="right") - 1]


def _fitted(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, SIDE_PX / max(width, height))
    return max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2)


def write(path: Path, frames: Iterable[Frame], *, crf: int) -> None:
    """Write frames of one size as H.264."""
    with av.open(str(path), "w") as container:
        stream = None
        for frame in frames:
            if stream is None:
                stream = container.add_stream("libx264", rate=FPS)
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.options = {"crf": str(crf), "preset": "superfast", "threads": "1"}
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        if stream is None:
            raise ValueError(f"{path} would have no frame")
        container.mux(stream.encode())
