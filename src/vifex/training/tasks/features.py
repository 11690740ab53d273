"""Classification of media by their stored features: a head over time, without decoding.

A store has one row for each frame or clip of a medium. A run over some hundred media takes a minute on a
laptop.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from vifex.training.data.features import sequences
from vifex.training.data.splits import read_splits
from vifex.training.loop.checkpoints import save_tensors
from vifex.training.tasks.base import Setting, Validation
from vifex.training.tasks.classifying import ClassifierTask, Rows, labelled
from vifex.values import ModelCard

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["HEAD", "FeatureTask", "frames_of"]

HEAD = "head.safetensors"
"""Weights of the head alone, for `seq/HEAD:standardise=true(BACKBONE)`."""


class FeatureTask(ClassifierTask):
    """Learns the class of a medium from its rows in a store.

    A medium with more rows than `data.frames` gives that many, spread over its time: in training one drawn
    from each of equal parts, in validation the middle of each part.

    Args:
        setting: The configuration and the folder of the run.

    Raises:
        InputError: If the examples cannot be used.
    """

    def __init__(self, setting: Setting) -> None:
        setting.step("reading the features")
        splits = labelled(read_splits(setting.config.data, seed=setting.config.run.seed))
        self._sequences = {name: sequences(examples) for name, examples in splits.items()}
        super().__init__(setting, splits)

    def options(self) -> dict[str, Any]:
        """Return the size of a feature."""
        return {"inputs": int(self._sequences["train"][0].shape[1])}

    def networks(self) -> dict[str, nn.Module]:
        """Make the network; a new one measures mean and deviation of the features."""
        networks = super().networks()
        head: Any = networks["model"].head
        if not self.config.network.weights and hasattr(head, "measure"):
            head.measure(torch.from_numpy(np.concatenate(self._sequences["train"])))
        return networks

    def inputs(self, split: str, rows: Rows, rng: torch.Generator | None) -> dict[str, Tensor]:
        """Return sequences `[B, T, D]` as `inputs` and their `lengths` `[B]`; zeros fill the shorter ones."""
        chosen = [frames_of(self._sequences[split][row], self.config.data.frames, rng) for row in rows]
        lengths = [len(x) for x in chosen]
        padded = np.zeros((len(chosen), max(lengths), chosen[0].shape[1]), np.float32)
        for place, x in enumerate(chosen):
            padded[place, : len(x)] = x
        return {"inputs": torch.from_numpy(padded), "lengths": torch.tensor(lengths)}

    def card(self) -> ModelCard:
        """Describe the features; the network takes no pixels, and `vifex.models.run_folders` says so."""
        data = self.config.data
        return ModelCard(
            name=f"run/{self.config.network.name}",
            height_px=0,
            width_px=0,
            frames=data.frames,
            default_layers=("penultimate",),
            provenance=f"trained by vifex train on features of {', '.join(Path(s).name for s in data.train)}",
        )

    def report(self, validation: Validation, folder: Path) -> Sequence[str]:
        """Return a confusion matrix, and write the head's weights."""
        from vifex.models.families.shared.weights import load_state
        from vifex.models.run_folders import WEIGHTS

        state = load_state(folder / WEIGHTS)
        save_tensors(folder / HEAD, {k: v for k, v in state.items() if k.startswith("head.")})
        return super().report(validation, folder)


def frames_of(
    rows: npt.NDArray[np.float32], frames: int, rng: torch.Generator | None
) -> npt.NDArray[np.float32]:
    """Return at most so many rows of a sequence `[T, D]`, spread over its time.

    Args:
        rows: The sequence.
        frames: How many.
        rng: Draws one row from each of `frames` equal parts; `None` takes the middle of each.
    """
    if len(rows) <= frames:
        return rows
    where = torch.full((frames,), 0.5) if rng is None else torch.rand(frames, generator=rng)
    places = (np.arange(frames) + where.numpy()) * (len(rows) / frames)
    chosen: npt.NDArray[np.float32] = rows[np.minimum(places.astype(np.int64), len(rows) - 1)]
    return chosen
