"""Films made by the ffmpeg command and by mkvtoolnix, and boxes put into them by hand."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

UInt8Array = npt.NDArray[np.uint8]


def photograph(width: int = 160, height: int = 104) -> UInt8Array:
    """Give a photograph of that size."""
    from skimage import data

    return np.asarray(Image.fromarray(data.chelsea()).resize((width, height), Image.Resampling.LANCZOS))


def tool(name: str) -> str:
    """Find a command, or skip the test; where `CI` is set it has to be there."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not on PATH")
        pytest.skip(f"{name} is not on PATH")
    return found


def ffmpeg(*words: object, data: bytes | None = None) -> None:
    """Run the ffmpeg command."""
    command = [tool("ffmpeg"), "-v", "error", "-y", *map(str, words)]
    subprocess.run(command, check=True, input=data, timeout=120)


def encode(path: Path, frames: npt.NDArray[np.uint8], *words: object) -> Path:
    """Write frames, uint8 `[N, H, W, 3 or 4]`, at 10 per second with the ffmpeg command."""
    n, height, width, channels = frames.shape
    assert n
    form = {3: "rgb24", 4: "rgba"}[channels]
    raw = ["-f", "rawvideo", "-pix_fmt", form, "-s", f"{width}x{height}", "-r", 10, "-i", "-"]
    ffmpeg(*raw, *words, path, data=frames.tobytes())
    return path


def decode(path: Path, size: tuple[int, int], *words: object) -> UInt8Array:
    """Give the frames of a film, uint8 `[N, H, W, 3]`, as the ffmpeg command makes them."""
    command = [tool("ffmpeg"), "-v", "error", "-i", path, *words, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=120).stdout
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, size[1], size[0], 3)


def crop_in_matroska(path: Path, left: int, top: int, right: int, bottom: int, *more: object) -> Path:
    """Write PixelCrop into a Matroska or WebM file; `more` are further settings, e.g. `display-width=160`."""
    sides = {"left": left, "top": top, "right": right, "bottom": bottom}
    sets = [f"pixel-crop-{side}={pixels}" for side, pixels in sides.items()] + list(map(str, more))
    words = [word for setting in sets for word in ("--set", setting)]
    command = [tool("mkvpropedit"), "-q", str(path), "--edit", "track:v1", *words]
    subprocess.run(command, check=True, timeout=60)
    return path


def clap(width: object, height: object, off_x: object = 0, off_y: object = 0) -> bytes:
    """Give a clean aperture box; each number is an integer or a pair of numerator and denominator."""
    pairs = [n if isinstance(n, tuple) else (n, 1) for n in (width, height, off_x, off_y)]
    return box(b"clap", struct.pack(">IIIIiIiI", *(n for pair in pairs for n in pair)))


def box(kind: bytes, body: bytes) -> bytes:
    """Give a box of MP4."""
    return struct.pack(">I", 8 + len(body)) + kind + body


def with_boxes(path: Path, boxes: bytes, *, display: tuple[int, int] | None = None) -> Path:
    """Put boxes into the first sample entry of a film whose `moov` comes last or holds no places.

    Args:
        path: The film, written anew in place.
        boxes: The boxes.
        display: Width and height of the track in pixels, instead of its own.
    """
    film = bytearray(path.read_bytes())
    places, start, end = [], 0, len(film)
    for kind, skip in ((b"moov", 8), (b"trak", 8), (b"mdia", 8), (b"minf", 8), (b"stbl", 8), (b"stsd", 16)):
        at = find(film, start, end, kind)
        places.append(at)
        if kind == b"trak" and display is not None:
            header = find(film, at + 8, at + size(film, at), b"tkhd")
            struct.pack_into(">II", film, header + 84, display[0] << 16, display[1] << 16)
        start, end = at + skip, at + size(film, at)
    places.append(start)
    end = start + size(film, start)
    for at in places:
        struct.pack_into(">I", film, at, size(film, at) + len(boxes))
    film[end:end] = boxes
    path.write_bytes(film)
    return path


def without_box(path: Path, kind: bytes) -> Path:
    """Rename a box so that nobody reads it."""
    data = path.read_bytes()
    assert kind in data
    path.write_bytes(data.replace(kind, b"free"))
    return path


def find(film: bytearray, start: int, end: int, kind: bytes) -> int:
    """Find the first box of a kind between two places."""
    while start < end:
        if bytes(film[start + 4 : start + 8]) == kind:
            return start
        start += size(film, start)
    raise ValueError(f"there is no box {kind!r}")


def size(film: bytearray, at: int) -> int:
    """Give the size of the box at a place."""
    return int(struct.unpack_from(">I", film, at)[0])
