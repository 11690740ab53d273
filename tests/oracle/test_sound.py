"""Decoded sound of real files: against plain decoding in PyAV, and FFmpeg's own program where it is."""

from __future__ import annotations

import runpy
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

UNIT = Path(__file__).parents[1] / "unit" / "media"
made: Any = SimpleNamespace(**runpy.run_path(str(UNIT / "made.py")))
sounds: Any = SimpleNamespace(**runpy.run_path(str(UNIT / "sounds.py")))

FILES = {
    "clip-av1-hdr10-portrait.mp4": (48_000, 0.021),
    "clip-h263.3gp": (8_000, 0.0),
    "clip-h264-1080i.mts": (48_000, 0.0),
    "clip-h264-chapters-444.mkv": (44_100, 0.0),
    "clip-h264-hls-start-10s.ts": (22_050, 0.0),
    "clip-h264-mp3-film.mp4": (44_100, 0.0),
    "clip-h264-vfr-thermal.mp4": (44_100, 8297 / 44_100),
    "clip-mjpeg-camera.avi": (22_050, 0.0),
    "clip-vp8.webm": (44_100, 0.003),
    "clip-vp9-opus.webm": (48_000, 0.0),
    "sound-mp3.mp3": (48_000, 0.0),
    "sound-ogg.ogg": (48_000, 0.0),
    "sound-wav.wav": (16_000, 0.0),
}
"""Name to the sound's own rate and to the time of its first sample, as ffprobe tells them."""
TWO_CHANNELS = ("clip-h264-hls-start-10s.ts", "clip-h264-mp3-film.mp4", "clip-vp8.webm", "sound-ogg.ogg")
ONE_CHANNEL = ("clip-h263.3gp", "clip-h264-vfr-thermal.mp4", "clip-mjpeg-camera.avi", "sound-wav.wav")


def _plain(path: Path) -> npt.NDArray[np.float64]:
    """All samples that PyAV gives, in their order, as numbers of -1 to 1, the mean of all channels."""
    parts = []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.best("audio")):
            array = frame.to_ndarray()
            if not frame.format.is_planar:
                array = array.reshape(-1, len(frame.layout.channels)).T
            scale = {"s16": 2**15, "s32": 2**31}.get(frame.format.name.rstrip("p"), 1)
            parts.append(array.astype(np.float64).mean(0) / scale)
    return np.concatenate(parts)


@pytest.mark.shared
@pytest.mark.parametrize("name", FILES)
def test_at_its_own_rate_sound_is_what_the_decoder_gives(name: str, shared_media: Path) -> None:
    rate_hz, start_s = FILES[name]
    samples, seen = made.collect(shared_media / "good" / name, sounds.heard(rate_hz, 0.5))
    expected = _plain(shared_media / "good" / name)
    np.testing.assert_allclose(sounds.joined(samples, rate_hz), expected, atol=1e-6)
    assert samples[0].t_start_s == pytest.approx(start_s, abs=1e-9)
    assert samples[-1].t_end_s == pytest.approx(start_s + len(expected) / rate_hz, abs=1e-9)
    for sample in samples:
        assert (
            abs(sample.t_start_s - sample.pts * Fraction(sample.time_base) + _start(name, shared_media))
            < 1e-3
        )
    assert not seen.problems


def _start(name: str, shared_media: Path) -> float:
    with av.open(str(shared_media / "good" / name)) as container:
        return (container.start_time or 0) / 1e6


@pytest.mark.shared
@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
@pytest.mark.parametrize("name", [*TWO_CHANNELS, *ONE_CHANNEL])
def test_resampled_sound_is_that_of_ffmpeg_s_own_program(name: str, rate_hz: int, shared_media: Path) -> None:
    """Its `-ac 1` would weigh two channels by 0.71 each; `pan` says the mean.

    FFmpeg 9 cuts sound where an edit list ends, earlier versions at the end of the last packet. The program
    and PyAV's library may be of different versions, so the length is that of the library.
    """
    if shutil.which("ffmpeg") is None:
        pytest.skip("there is no ffmpeg program here; PyAV brings the library alone")
    path = shared_media / "good" / name
    mean = ["-af", "pan=mono|c0=0.5*c0+0.5*c1"] if name in TWO_CHANNELS else []
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(path),
        *mean,
        "-ac",
        "1",
        "-ar",
        str(rate_hz),
        "-f",
        "f32le",
        "-",
    ]
    expected = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)
    samples, _ = made.collect(path, sounds.heard(rate_hz, 1.0))
    sound = sounds.joined(samples, rate_hz)
    own_hz, _ = FILES[name]
    assert abs(len(sound) - len(_plain(path)) * rate_hz / own_hz) <= 1
    n = min(len(sound), len(expected))
    if len(expected) - len(sound) > 1:
        assert av.library_versions["libavformat"][0] >= 63
        assert len(expected) - len(sound) < rate_hz * 0.001
        n -= 64  # the resampler's filter reaches over the end
    np.testing.assert_allclose(sound[:n], expected[:n], atol=1e-5)
