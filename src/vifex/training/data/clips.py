"""Clips of videos for training: frames around a window, from which each step takes its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from vifex.engines.cores import available_cores
from vifex.training.config import Augment, Data
from vifex.training.data.decoding import Decoder, Problem, decode_all, pixel_spec
from vifex.training.data.examples import Examples
from vifex.values import InputError
from vifex.values.sampling import Sampling

__all__ = ["ClipSource", "open_clips", "window_length"]

Pixels = npt.NDArray[np.uint8]


def window_length(data: Data, augment: Augment) -> int:
    """Return how many frames are decoded for a clip: those of the fastest speed, and twice the jitter."""
    fastest = max(augment.speed) if augment.speed else 1.0
    return math.ceil(data.frames * fastest) + 2 * augment.temporal_jitter


@dataclass(frozen=True, slots=True)
class ClipSource:
    """Windows of N videos, in memory.

    Args:
        windows: Of each video `[W, L, S, S, 3]`, uint8.
        frames: T, frames of a clip.
        augment: `temporal_jitter` and `speed`.
    """

    windows: tuple[Pixels, ...]
    frames: int
    augment: Augment

    @property
    def size_px(self) -> int:
        """Side of the frames."""
        return int(self.windows[0].shape[2])

    def clip(self, row: int, rng: torch.Generator) -> Pixels:
        """Return a clip of training `[T, S, S, 3]`: window, start within the jitter and speed by chance."""
        windows = self.windows[row]
        window = windows[int(torch.randint(len(windows), (), generator=rng))]
        speed, jitter = 1.0, self.augment.temporal_jitter
        if self.augment.speed:
            slow, fast = min(self.augment.speed), max(self.augment.speed)
            speed = slow + float(torch.rand((), generator=rng)) * (fast - slow)
        shift = int(torch.randint(-jitter, jitter + 1, (), generator=rng)) if jitter else 0
        clip: Pixels = window[self._places(len(window), speed, shift)]
        return clip

    def middle(self, row: int, clips: int) -> Pixels:
        """Return clips for validation `[C, T, S, S, 3]`: the middles of at most so many windows."""
        windows = self.windows[row]
        count = min(clips, len(windows))
        chosen = ((np.arange(count) + 0.5) * len(windows) / count).astype(np.int64)
        return windows[chosen][:, self._places(windows.shape[1], 1.0, 0)]

    def take(self, rows: npt.NDArray[np.int64]) -> Pixels:
        """Return the middle frame of each video, for a report."""
        return np.stack([self.middle(int(row), 1)[0, self.frames // 2] for row in rows])

    def _places(self, length: int, speed: float, shift: int) -> npt.NDArray[np.int64]:
        offsets = (np.arange(self.frames) - (self.frames - 1) / 2) * speed
        places = np.floor((length - 1) / 2 + offsets + shift + 0.5).astype(np.int64)
        inside: npt.NDArray[np.int64] = np.clip(places, 0, length - 1)
        return inside


def open_clips(
    examples: Examples,
    data: Data,
    augment: Augment,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Examples, ClipSource, list[Problem]]:
    """Decode the windows of videos, one behind the other; the last frame fills the last window.

    Args:
        examples: N of them.
        data: `frames`, `frame_step`, `size_px`, `decode_px`, `resize`, `cache_mb` and `workers`.
        augment: `temporal_jitter` and `speed`, which make the windows longer.
        on_progress: Called with the number of decoded videos, and of all.

    Returns:
        The examples that could be decoded; their clips; and the problems, of examples that were left out and
        of damaged ones that stay.

    Raises:
        InputError: If nothing can be decoded, or the frames need more memory than `cache_mb`.
    """
    length = window_length(data, augment)
    sampling = Sampling(
        sampler="clip",
        clip_length=length,
        frame_step=data.frame_step,
        hop=data.frames * data.frame_step,
        tail="pad",
    )
    decoder = Decoder(examples, pixel_spec(max(data.decode_px, data.size_px), data.resize), sampling=sampling)
    windows: list[Pixels] = []
    kept: list[int] = []
    problems: list[Problem] = []
    size = 0
    decoded = decode_all(decoder, range(len(examples)), data.workers or available_cores())
    for done, (row, found, problem) in enumerate(decoded, start=1):
        if problem is not None:
            problems.append(problem)
        if found:
            windows.append(np.stack(found))
            kept.append(row)
            size += windows[-1].nbytes
        if size > data.cache_mb << 20:
            raise InputError(
                f"the frames of {done} of {len(examples)} videos need more than {data.cache_mb} MB.",
                todo="Raise data.cache_mb or data.frame_step, or lower data.size_px. For long videos extract "
                'features first and set run.task = "features".',
            )
        if on_progress is not None:
            on_progress(done, len(examples))
    if not windows:
        raise InputError(
            f"none of the {len(examples)} videos can be decoded.",
            of=problems[0][0] if problems else None,
            todo=problems[0][1] if problems else "Check the files.",
        )
    return examples.take(kept), ClipSource(tuple(windows), data.frames, replace(augment)), problems
