"""Shots of small images that were made so that it is known where each shot begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest

from vifex.media.shots.detector import ShotDetector
from vifex.media.shots.shot import ShotSpan

Luma = npt.NDArray[np.uint8]
FPS = 25


def _scene(seed: int) -> npt.NDArray[np.float64]:
    """A large image whose amplitudes fall with the frequency, as those of photos do."""
    rng = np.random.default_rng(seed)
    across, down = np.fft.rfftfreq(192), np.fft.fftfreq(64)[:, None]
    waves = np.fft.rfft2(rng.normal(0, 1, (64, 192))) / np.maximum(np.hypot(across, down), 1 / 64)
    image = np.fft.irfft2(waves)
    return 128 + 45 * (image - image.mean()) / image.std()


def _shot(seed: int, n: int, *, pan: float = 0.1, noise: float = 2.0) -> Iterator[npt.NDArray[np.float64]]:
    """Yield `n` images of a window that moves by `pan` pixels a frame over a scene."""
    scene, rng = _scene(seed), np.random.default_rng(seed + 1000)
    for i in range(n):
        left, part = int(i * pan), i * pan % 1
        near, far = scene[10:34, left : left + 32], scene[10:34, left + 1 : left + 33]
        yield near * (1 - part) + far * part + rng.normal(0, noise, (24, 32))


def _mixed(
    before: Iterable[npt.NDArray[np.float64]], behind: Iterable[npt.NDArray[np.float64]], n: int
) -> list[npt.NDArray[np.float64]]:
    return [
        a * (1 - (i + 1) / (n + 1)) + b * (i + 1) / (n + 1)
        for i, (a, b) in enumerate(zip(before, behind, strict=True))
    ]


def _black(n: int) -> list[npt.NDArray[np.float64]]:
    return [np.full((24, 32), 16.0)] * n


def _shots(
    frames: Iterable[npt.NDArray[np.float64]], times: list[Fraction] | None = None
) -> tuple[ShotSpan, ...]:
    images = [np.clip(frame, 0, 255).astype(np.uint8) for frame in frames]
    edges = times or [Fraction(i, FPS) for i in range(len(images) + 1)]
    detector = ShotDetector()
    for image, start, end in zip(images, edges[:-1], edges[1:], strict=True):
        detector.feed(image, start, end)
    return detector.finish()


def _starts(shots: Iterable[ShotSpan]) -> list[int]:
    return [int(shot.start * FPS) for shot in shots]


def test_cuts_are_found_at_their_frames() -> None:
    shots = _shots([*_shot(1, 40), *_shot(2, 30), *_shot(3, 50, pan=1.0)])
    assert _starts(shots) == [0, 40, 70]
    assert [shot.end for shot in shots] == [Fraction(40, FPS), Fraction(70, FPS), Fraction(120, FPS)]
    assert all((s.clear_start, s.clear_end) == (s.start, s.end) for s in shots)


@pytest.mark.parametrize("n", [6, 12, 25, 50])
def test_a_dissolve_is_one_transition(n: int) -> None:
    a, b = list(_shot(4, 50 + n)), list(_shot(5, 50 + n))
    shots = _shots([*a[:50], *_mixed(a[50:], b[:n], n), *b[n:]])
    assert len(shots) == 2
    assert 50 <= _starts(shots)[1] <= 50 + n
    # The frames that stand for a shot lie where it is not mixed by more than a quarter.
    assert shots[0].clear_end <= Fraction(round(50 + 0.3 * n), FPS)
    assert shots[1].clear_start >= Fraction(round(50 + 0.7 * n), FPS)


@pytest.mark.parametrize(("n", "n_black"), [(8, 0), (8, 12), (25, 4)])
def test_a_fade_out_and_in_is_one_transition(n: int, n_black: int) -> None:
    a, b = list(_shot(6, 50 + n)), list(_shot(7, 50 + n))
    shots = _shots(
        [*a[:50], *_mixed(a[50:], _black(n), n), *_black(n_black), *_mixed(_black(n), b[:n], n), *b[n:]]
    )
    assert len(shots) == 2
    assert 50 + n / 2 <= _starts(shots)[1] <= 50 + 1.5 * n + n_black


def test_a_long_black_stretch_is_a_shot_of_its_own() -> None:
    shots = _shots([*_shot(8, 50), *_black(50), *_shot(9, 50)])
    assert _starts(shots) == [0, 50, 100]


def test_fades_at_the_ends_of_a_video_are_no_transitions() -> None:
    a = list(_shot(10, 100))
    shots = _shots([*_mixed(_black(20), a[:20], 20), *a[20:80], *_mixed(a[80:], _black(20), 20)])
    (shot,) = shots
    assert (shot.start, shot.end) == (0, 4)
    assert shot.clear_start >= Fraction(10, FPS)
    assert shot.clear_end <= Fraction(90, FPS)


@pytest.mark.parametrize("n_flash", [1, 2, 3])
def test_a_flash_is_no_cut(n_flash: int) -> None:
    frames = list(_shot(11, 80))
    for i in range(40, 40 + n_flash):
        frames[i] = frames[i] * 0.3 + 180
    assert _starts(_shots(frames)) == [0]


def test_light_motion_and_noise_are_no_transitions() -> None:
    dimmed = [frame * (1 - 0.6 * min(1, i / 20)) for i, frame in enumerate(_shot(12, 80))]
    assert _starts(_shots(dimmed)) == [0]
    assert _starts(_shots(_shot(13, 90, pan=0.5, noise=8))) == [0]
    assert _starts(_shots([frame * 0 + 128 for frame in _shot(14, 90)])) == [0]


def test_black_and_still_videos_are_one_shot() -> None:
    still = next(_shot(15, 1))
    for frames in (_black(100), [still] * 100, [still], [still] * 2):
        (shot,) = _shots(frames)
        assert (shot.start, shot.end) == (0, Fraction(len(frames), FPS))


def test_no_frame_gives_no_shot() -> None:
    assert ShotDetector().finish() == ()


def test_slides_that_change_every_second_are_shots() -> None:
    """Two frames a second, as an animated GIF has: neither motion nor a flash can be judged."""
    frames = [next(_shot(seed, 1)) for seed in (20, 20, 21, 21, 21, 22)]
    shots = _shots(frames, [Fraction(i, 2) for i in range(7)])
    assert [shot.start for shot in shots] == [0, 1, Fraction(5, 2)]


def test_frame_rate_changes_nothing_but_the_times() -> None:
    """Frames of 20 to 200 ms, with a start that is not 0."""
    rng = np.random.default_rng(3)
    edges = [Fraction(7)]
    for step in rng.choice([20, 40, 40, 100, 200], 120):
        edges.append(edges[-1] + Fraction(int(step), 1000))
    shots = _shots([*_shot(30, 60), *_shot(31, 60)], edges)
    assert [shot.start for shot in shots] == [7, edges[60]]
    assert shots[-1].end == edges[-1]


def test_what_is_held_does_not_grow() -> None:
    """Frames are held for twelve seconds at most, however long the video is and whatever happens in it."""
    detector = ShotDetector()
    images = [frame.astype(np.uint8) for frame in _shot(40, 5)]
    flicker = [next(_shot(50 + i, 1)).astype(np.uint8) for i in range(40)]
    most = most_pending = 0
    for i in range(1500):
        image = flicker[i // 7 % 40] if i > 300 else images[i // 50 % 5]
        detector.feed(image, Fraction(i, FPS), Fraction(i + 1, FPS))
        joiner = detector._joiner
        most = max(most, len(joiner._spaced) + len(detector._cuts._frames))
        most_pending = max(most_pending, len(joiner._cuts) + len(joiner._mixtures))
    assert most < 12 * 10 + FPS + 3
    assert most_pending < 9 * FPS


def test_moments_are_the_middles_of_equal_parts() -> None:
    shot = ShotSpan(Fraction(1), Fraction(9), Fraction(2), Fraction(8))
    assert shot.moments(1) == [5]
    assert shot.moments(3) == [3, 5, 7]
