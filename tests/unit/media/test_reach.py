"""How far a decoding is: seconds that rise to the end, for videos and for sound, to whoever asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from vifex.media.read import read
from vifex.values import AudioSpec, Limits, Medium, PixelSpec, Sampling, ViewRequest


class Watch:
    def __init__(self) -> None:
        self.beats = 0
        self.told: list[tuple[float, float | None]] = []

    def __call__(self) -> None:
        self.beats += 1

    def reach(self, t_s: float, end_s: float | None) -> None:
        self.told.append((t_s, end_s))


def watched(path: Path, *requests: ViewRequest) -> Watch:
    watch, stat = Watch(), path.stat()
    medium = Medium(path.as_uri(), path.name, "video", stat.st_size, stat.st_mtime_ns)
    for _ in read(medium, requests, Limits(), progress=watch):
        pass
    return watch


def request(**options: object) -> ViewRequest:
    return ViewRequest(Sampling(**options), PixelSpec(32, 32))  # type: ignore[arg-type]


@pytest.mark.shared
@pytest.mark.parametrize(
    "options",
    [
        {"sampler": "every", "every": 1, "fps": None},
        {"fps": 2.0},
        {"sampler": "uniform", "uniform": 3, "fps": None},
    ],
    ids=["every", "fps", "uniform"],
)
def test_seconds_rise_to_the_duration(shared_media: Path, options: dict[str, object]) -> None:
    told = watched(shared_media / "good" / "clip-vp9.webm", request(**options)).told
    times = [t for t, _ in told]
    assert times == sorted(times)
    (end_s,) = {end for _, end in told}
    assert end_s is not None
    assert times[-1] == pytest.approx(end_s, abs=0.2)


@pytest.mark.shared
def test_nothing_is_awaited_behind_the_part_that_is_wanted(shared_media: Path) -> None:
    told = watched(shared_media / "good" / "clip-vp9.webm", request(fps=2.0, t_end_s=1.0)).told
    assert {end for _, end in told} == {1.0}
    assert told[-1][0] == pytest.approx(1.0, abs=0.2)


@pytest.mark.shared
def test_sound_tells_too(shared_media: Path) -> None:
    audio = AudioSpec(sample_rate_hz=16000, window_s=1.0, hop_s=1.0)
    path = next(p for p in sorted((shared_media / "good").iterdir()) if p.suffix in (".wav", ".mp3", ".flac"))
    told = watched(path, ViewRequest(Sampling(), PixelSpec(1, 1), audio=audio)).told
    times = [t for t, _ in told]
    assert len(times) > 1
    assert times == sorted(times)
