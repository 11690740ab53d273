"""Sounds made for tests, and all windows of a file's sound."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from vifex.values import AudioSpec, Sample, Sampling, ViewRequest
from vifex.values.pixels import NO_PIXELS

__all__ = ["heard", "joined", "loudness_at", "tone", "write_sound"]

FloatArray = npt.NDArray[np.float32]


def tone(hertz: float, seconds: float, rate_hz: int = 16_000, level: float = 0.5) -> FloatArray:
    """A sine."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (level * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def write_sound(
    path: Path,
    samples: FloatArray,
    *,
    rate_hz: int = 16_000,
    codec: str = "pcm_f32le",
    starts: Sequence[float] | None = None,
    block: int = 1600,
    video_frames: int = 0,
) -> Path:
    """Write sound, `[S]` or `[channels, S]`, in blocks.

    Args:
        path: Its suffix decides the container.
        samples: -1 to 1.
        rate_hz: Of the samples.
        codec: Of FFmpeg.
        starts: Time of each block in seconds; by default each follows the one before.
        block: Samples in a block.
        video_frames: So many frames of video, 10 a second from 0 s, beside it.
    """
    channels = np.atleast_2d(samples)
    layout = {1: "mono", 2: "stereo"}[len(channels)]
    with av.open(str(path), "w") as container:
        film: Any = None
        if video_frames:
            film = container.add_stream("mpeg4", rate=10)
            film.width, film.height, film.pix_fmt = 64, 64, "yuv420p"
        stream: Any = container.add_stream(codec, rate=rate_hz, layout=layout)
        for i in range(video_frames):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * i % 255, np.uint8), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 10)
            container.mux(film.encode(frame))
        if film is not None:
            container.mux(film.encode(None))
        form = stream.codec_context.format.name
        for n, first in enumerate(range(0, channels.shape[1], block)):
            part = np.ascontiguousarray(channels[:, first : first + block])
            sound = _frame(part, form, layout, rate_hz)
            at = first / rate_hz if starts is None else starts[n]
            sound.pts, sound.time_base = round(at * rate_hz), Fraction(1, rate_hz)
            for packet in stream.encode(sound):
                container.mux(packet)
        container.mux(stream.encode(None))
    return path


def _frame(part: FloatArray, form: str, layout: str, rate_hz: int) -> av.AudioFrame:
    planar = form.endswith("p")
    array = part if planar else part.T.reshape(1, -1)
    if form.startswith("s16"):
        array = np.round(array * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(array), format=form, layout=layout)
    frame.sample_rate = rate_hz
    return frame


def heard(
    rate_hz: int = 16_000, window_s: float = 1.0, hop_s: float | None = None, **more: Any
) -> ViewRequest:
    """Ask for windows of sound."""
    return ViewRequest(Sampling(), NO_PIXELS, audio=AudioSpec(rate_hz, window_s, hop_s or window_s, **more))


def joined(samples: Sequence[Sample], rate_hz: int) -> FloatArray:
    """Put the real sound of windows that follow each other together."""
    parts = []
    for sample in samples:
        assert sample.t_end_s is not None
        assert sample.t_start_s is not None
        parts.append(sample.pixels[: round((sample.t_end_s - sample.t_start_s) * rate_hz)])
    return np.concatenate(parts)


def loudness_at(samples: FloatArray, hertz: float, rate_hz: int) -> float:
    """Give the level of a sine of that frequency in a sound (Goertzel's sum)."""
    t = np.arange(len(samples)) / rate_hz
    return float(2 * np.abs((samples * np.exp(-2j * np.pi * hertz * t)).mean()))
