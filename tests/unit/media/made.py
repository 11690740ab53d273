"""Videos made for tests: every frame shows its own number in black and white stripes."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from vifex.media.read import read
from vifex.values import DecodeReport, Limits, Medium, PixelSpec, Sample, Sampling, ViewRequest
from vifex.values.media import path_to_uri

__all__ = [
    "STRIPES",
    "collect",
    "every",
    "medium_of",
    "number_of",
    "numbered",
    "write_video",
]

STRIPES = 8
WIDTH, HEIGHT = 128, 64


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> npt.NDArray[np.uint8]:
    """Draw a number as 8 stripes, most significant first; the lower half is gray, to tell top from bottom."""
    bits = [(number >> (STRIPES - 1 - i)) & 1 for i in range(STRIPES)]
    row = np.repeat(np.array(bits, dtype=np.uint8) * 255, width // STRIPES)
    image = np.full((height, width, 3), 90, dtype=np.uint8)
    image[: height // 2] = row[None, :, None]
    return image


def number_of(pixels: npt.NDArray[np.uint8]) -> int:
    """Read the number of an upright image of any size."""
    top = pixels[pixels.shape[0] // 8 : pixels.shape[0] * 3 // 8].mean(axis=(0, 2))
    width = len(top) / STRIPES
    levels = [
        top[int((i + 0.25) * width) : max(int((i + 0.75) * width), int((i + 0.25) * width) + 1)].mean()
        for i in range(STRIPES)
    ]
    return sum(1 << (STRIPES - 1 - i) for i, level in enumerate(levels) if level > 128)


class _NoSeek(io.RawIOBase):
    """A file that cannot go back: the muxer never learns the duration before it wrote the header."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("wb")

    def write(self, data: object) -> int:
        return self._file.write(data)  # type: ignore[arg-type]

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self._file.close()
        super().close()


def write_video(
    path: Path,
    pts: Sequence[int],
    *,
    time_base: Fraction = Fraction(1, 1000),
    codec: str = "libx264",
    format: str | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    rotation: int = 0,
    mirrored: bool = False,
    pixel_aspect: Fraction | None = None,
    seekable: bool = True,
    b_frames: int = 0,
    first: int = 0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    rate: Fraction = Fraction(30),
) -> Path:
    """Write one numbered frame at each pts, so that it is upright when turned as the file says."""
    quick = {"preset": "ultrafast", "crf": "12", "bf": str(b_frames), "g": "12"} if codec == "libx264" else {}
    target: object = str(path) if seekable else _NoSeek(path)
    with av.open(target, "w", format=format, container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options={**quick, **(options or {})})
        stored = _stored(numbered(0, *size), rotation, mirrored)
        stream.height, stream.width = stored.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.time_base = time_base
        stream.codec_context.time_base = time_base
        if codec in ("mpeg4", "mpeg2video"):
            stream.codec_context.max_b_frames = b_frames
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation or mirrored:
            stream.set_display_rotation(rotation, hflip=mirrored)
        for number, tick in enumerate(pts, first):
            image = _stored(numbered(number % 256, *size), rotation, mirrored)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = tick, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    if not seekable:
        target.close()  # type: ignore[attr-defined]
    return path


def _stored(image: npt.NDArray[np.uint8], rotation: int, mirrored: bool) -> npt.NDArray[np.uint8]:
    """Turn an image away from upright, so that a display matrix of that angle turns it back."""
    away = np.rot90(image, rotation // 90 if mirrored else -rotation // 90)
    return np.ascontiguousarray(away[:, ::-1] if mirrored else away)


def medium_of(path: Path | str, **spec: object) -> Medium:
    """Describe a file as it stands now."""
    found = os.stat(path)  # noqa: PTH116 - bytes that are no text stay as they are
    return Medium(
        uri=path_to_uri(path),
        name=os.path.basename(path),  # noqa: PTH119 - likewise
        kind="unknown",
        size_bytes=found.st_size,
        mtime_ns=found.st_mtime_ns,
        **spec,  # type: ignore[arg-type]
    )


def every(
    n: int = 1, *, height: int = HEIGHT, width: int = WIDTH, decode: str = "exact", **more: object
) -> ViewRequest:
    """Ask for each n-th frame in its own size."""
    sampling = Sampling(sampler="every", every=n, **more)  # type: ignore[arg-type]
    return ViewRequest(sampling, PixelSpec(height, width, decode=decode))  # type: ignore[arg-type]


def collect(
    medium: Medium | Path, *requests: ViewRequest, limits: Limits | None = None
) -> tuple[list[Sample], DecodeReport]:
    """Read a medium to its end."""
    if isinstance(medium, Path):
        medium = medium_of(medium)
    reading = read(medium, requests or (every(),), limits or Limits())
    samples: list[Sample] = []
    while True:
        try:
            samples.append(next(reading))
        except StopIteration as stop:
            return samples, stop.value
