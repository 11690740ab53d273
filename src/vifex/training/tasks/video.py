"""Classification of videos by clips: networks in space and time, or a network for frames and a head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vifex.training.augment import Augmenter
from vifex.training.data.clips import ClipSource, open_clips
from vifex.training.data.splits import Splits, read_splits
from vifex.training.tasks.base import Setting, Validation
from vifex.training.tasks.classifying import ClassifierTask, Rows, labelled
from vifex.training.tasks.pixels import as_tensor
from vifex.values import ModelCard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

__all__ = ["VideoTask"]

_MEASURED = 500
"""Videos from which mean and deviation of the pixels are measured."""


class VideoTask(ClassifierTask):
    """Learns the class of a video from clips of `data.frames` frames, `data.frame_step` apart.

    Training takes a clip by chance, all frames of it changed alike. Validation takes the middles of at most
    `data.clips` windows, spread over the video, and averages their scores.

    Args:
        setting: The configuration and the folder of the run.

    Raises:
        InputError: If the examples cannot be used.
    """

    def __init__(self, setting: Setting) -> None:
        config = setting.config
        setting.step("listing the examples")
        listed = labelled(read_splits(config.data, seed=config.run.seed))
        splits: Splits = {}
        self.clips: dict[str, ClipSource] = {}
        for name, examples in listed.items():
            kept, self.clips[name], found = open_clips(
                examples,
                config.data,
                config.augment,
                on_progress=partial(_tell, setting, name),
            )
            splits[name] = replace(kept, problems=(*examples.problems, *found))
        self.mean, self.std = self._statistics(config.data.mean, config.data.std)
        self.augmenter = Augmenter(config.augment, config.data.size_px, self.mean, self.std)
        super().__init__(setting, splits)

    def _statistics(
        self, mean: Sequence[float], std: Sequence[float]
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        if mean and std:
            return tuple(mean), tuple(std)
        source = self.clips["train"]
        frames = source.take(np.arange(min(_MEASURED, len(source.windows)))).reshape(-1, 3).astype(np.float64)
        return tuple(map(float, frames.mean(0) / 255)), tuple(map(float, frames.std(0).clip(1) / 255))

    def options(self) -> dict[str, Any]:
        """Return the size of the frames, for networks that need it."""
        return {"size_px": self.config.data.size_px} if self.config.network.name == "frames" else {}

    def inputs(self, split: str, rows: Rows, rng: torch.Generator | None) -> dict[str, Tensor]:
        """Return clips `[B, T, 3, S, S]`; in validation `[B, C, T, 3, S, S]`, C clips of each video."""
        source = self.clips[split]
        if rng is None:
            count = self.config.data.clips
            found = [source.middle(int(row), count) for row in rows]
            most = max(map(len, found))
            # A video with fewer clips repeats them, in whole turns as far as it goes: its mean hardly
            # changes.
            pixels = np.stack([x[np.arange(most) % len(x)] for x in found])
            flat = self.augmenter.plain(as_tensor(pixels.reshape(-1, *pixels.shape[-3:])))
            return {"inputs": flat.reshape(*pixels.shape[:3], *flat.shape[1:])}
        clips = np.stack([source.clip(int(row), rng) for row in rows])
        return {"inputs": self._changed(clips, rng)}

    def _changed(self, clips: Any, rng: torch.Generator) -> Tensor:
        """Change the clips `[B, T, S, S, 3]`, all frames of one alike, and normalise them.

        The changes are drawn for each image of a batch, so frame t of all clips is such a batch, and every t
        gets the same random numbers.
        """
        state = rng.get_state()
        frames = []
        for t in range(clips.shape[1]):
            rng.set_state(state)
            frames.append(self.augmenter.train(as_tensor(clips[:, t]), rng))
        return torch.stack(frames, dim=1)

    def scores(self, network: Any, inputs: Mapping[str, Any]) -> Tensor:
        """Run the network; several clips of one video give the logarithm of their mean probability."""
        x = inputs["inputs"]
        if x.ndim == 5:
            scores: Tensor = network(x).float()
            return scores
        shares = network(x.flatten(0, 1)).float().softmax(1).unflatten(0, x.shape[:2]).mean(1)
        return shares.clamp_min(1e-12).log()

    def card(self) -> ModelCard:
        """Describe the clips that the classifier takes."""
        data = self.config.data
        card = ModelCard(
            name=f"run/{self.config.network.name}",
            height_px=data.size_px,
            width_px=data.size_px,
            frames=data.frames,
            frame_step=data.frame_step,
            layout="NTCHW",
            mean=tuple(round(v, 6) for v in self.mean),
            std=tuple(round(v, 6) for v in self.std),
            default_layers=("penultimate",),
            provenance=f"trained by vifex train on {', '.join(Path(s).name for s in data.train)}",
        )
        decoded = max(data.decode_px, data.size_px)
        if data.resize == "shortest" or decoded != data.size_px:
            return replace(card, resize="shortest", resize_px=decoded)
        return card

    def report(self, validation: Validation, folder: Path) -> Sequence[str]:
        """Return a confusion matrix and the hardest errors by their middle frames."""
        from vifex.training.run_folder.errors import hardest_part

        hardest = hardest_part(validation, self.classes, self.clips["val"], self.config.run.hardest)
        return [*super().report(validation, folder), hardest]


def _tell(setting: Setting, name: str, done: int, count: int) -> None:
    setting.step(f"decoding {name} videos: {done:,} of {count:,}")
