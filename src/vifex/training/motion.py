"""A made set of clips whose classes differ in motion alone.

A dot goes round a circle of eight places. The four classes are its steps: one place forwards or backwards,
three places forwards or backwards. One and three have no factor in common with eight, so every eight frames
show every place once, whatever the class: the frames of a clip are the same set in all classes, in another
order. A network that ignores the order of frames therefore cannot be better than chance, 1 in 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["MOTIONS", "motion_clip", "motion_set", "write_motion_set"]

MOTIONS: Final = {"clockwise": 1, "anticlockwise": -1, "clockwise-fast": 3, "anticlockwise-fast": -3}
"""Places per frame by class."""

_PLACES: Final = 8
_FPS: Final = 8


def motion_clip(
    motion: str, rng: np.random.Generator, *, frames: int = 16, side_px: int = 32
) -> npt.NDArray[np.uint8]:
    """Draw one clip.

    Centre, radius, colours, start and noise are drawn for the clip, the noise for each frame.

    Args:
        motion: One of `MOTIONS`.
        rng: Source of every choice.
        frames: T, a multiple of 8, so that every place is shown equally often.
        side_px: Height and width.

    Returns:
        uint8 `[T, side_px, side_px, 3]`.

    Raises:
        ValueError: If `frames` is no multiple of 8.
    """
    if frames % _PLACES:
        raise ValueError(f"frames must be a multiple of {_PLACES}, got {frames}")
    centre = side_px * rng.uniform(0.44, 0.56, 2)
    radius = side_px * rng.uniform(0.25, 0.32)
    ground, dot = rng.uniform(20, 90, 3), rng.uniform(150, 235, 3)
    size = side_px * rng.uniform(0.09, 0.13)
    places = rng.integers(_PLACES) + MOTIONS[motion] * np.arange(frames)
    angles = 2 * np.pi * (places % _PLACES) / _PLACES
    y, x = np.mgrid[:side_px, :side_px]
    rows, columns = centre[0] + radius * np.sin(angles), centre[1] + radius * np.cos(angles)
    distance = np.hypot(y - rows[:, None, None], x - columns[:, None, None])
    cover = np.clip(size + 0.5 - distance, 0, 1)[..., None]
    clip = ground + (dot - ground) * cover + rng.normal(0, 8, (frames, side_px, side_px, 3))
    drawn: npt.NDArray[np.uint8] = np.clip(np.rint(clip), 0, 255).astype(np.uint8)
    return drawn


def motion_set(
    clips: int, *, seed: int = 0, frames: int = 16, side_px: int = 32
) -> Iterator[tuple[str, npt.NDArray[np.uint8]]]:
    """Yield clips with their class, the classes in turn.

    Args:
        clips: How many.
        seed: The same seed gives the same clips, a shorter set the first of a longer one.
        frames: See `motion_clip`.
        side_px: See `motion_clip`.
    """
    names = list(MOTIONS)
    for i in range(clips):
        name = names[i % len(names)]
        yield name, motion_clip(name, np.random.default_rng([seed, i]), frames=frames, side_px=side_px)


def write_motion_set(
    folder: Path, clips: int, *, seed: int = 0, side_px: int = 64, frames: int = 16
) -> list[Path]:
    """Write the set as video files `CLASS/NNNN.mp4`, eight frames a second.

    Every frame is coded alone (MPEG-4, part 2), so that the coding shows nothing of a frame's neighbours.

    Args:
        folder: Where the folders of the classes are made.
        clips: How many.
        seed: See `motion_set`.
        side_px: See `motion_clip`.
        frames: See `motion_clip`.

    Returns:
        The files.
    """
    import av

    files = []
    for i, (name, pixels) in enumerate(motion_set(clips, seed=seed, frames=frames, side_px=side_px)):
        path = folder / name / f"{i:04d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=Fraction(_FPS), options={"g": "1", "qscale": "2"})
            stream.width = stream.height = side_px
            stream.pix_fmt = "yuv420p"
            for image in pixels:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode(None))
        files.append(path)
    return files
