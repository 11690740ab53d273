"""What the tasks that make images share: images without labels, samples, and their Fréchet distance."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import torch

from vifex.models.trainable import NetworkDescription
from vifex.training.augment import Augmenter
from vifex.training.data.images import ImageSets, read_image_sets
from vifex.training.data.order import Order, step_seed
from vifex.training.judging.images import FrechetJudge
from vifex.training.tasks.base import Batch, Setting, Validation
from vifex.training.tasks.image import image_card
from vifex.training.tasks.pixels import as_pixels, as_tensor
from vifex.values import InputError, ModelCard

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SynthesisTask"]

_BATCH_STREAM: Final = 0
_SHOWN: Final = 64


class SynthesisTask(ABC):
    """Learns to make images like those of the training set; labels are not read.

    Pixels are 0 to 1 for the network, so the card has the mean 0 and the deviation 1.

    Args:
        setting: The configuration and the folder of the run.

    Raises:
        InputError: If the examples cannot be used.
    """

    def __init__(self, setting: Setting) -> None:
        self.config = config = setting.config
        sets = read_image_sets(config, setting.step)
        self.sets: ImageSets = replace(sets, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
        self._order = Order(len(self.sets.examples["train"]), config.run.batch, config.run.seed)
        self.steps, self.batch_size = self._order.steps, self._order.batch
        self.augmenter = Augmenter(config.augment, config.data.size_px, self.sets.mean, self.sets.std)
        self._options = {"code": 128, **config.loss.options}
        if len(self.sets.examples["val"]) < 2:
            raise InputError(
                "two validation images are the least for a Fréchet distance.", todo="Raise data.val_share."
            )

    @abstractmethod
    def sample(self, network: Any, noise: Tensor) -> Tensor:
        """Make images `[B, 3, S, S]`, 0 to 1, of noise `[B, code]`."""

    @property
    def code(self) -> int:
        """Numbers of the code, `loss.options.code`."""
        return int(self._options["code"])

    def batch(self, epoch: int, step: int) -> Batch:
        """Return images `[B, 3, S, S]`, 0 to 1, as `inputs`."""
        rows = self._order.rows(epoch, step)
        rng = torch.Generator().manual_seed(step_seed(self.config.run.seed, epoch, step, _BATCH_STREAM))
        return {"inputs": self.augmenter.train(as_tensor(self.sets.images["train"].take(rows)), rng)}

    def samples(self, network: Any, count: int) -> npt.NDArray[np.uint8]:
        """Make images `[count, S, S, 3]`, the same for the same weights."""
        device = next(network.parameters()).device
        rng = torch.Generator().manual_seed(self.config.run.seed)
        parts = []
        for start in range(0, count, 256):
            noise = torch.randn(min(256, count - start), self.code, generator=rng)
            parts.append(as_pixels(self.sample(network, noise.to(device))))
        return np.concatenate(parts)

    def distances(self, network: Any) -> dict[str, float]:
        """Return the distances of samples, of training images and of noise from validation images."""
        made = self.judge.distance(self.samples(network, self.judge.count))
        return {"frechet": made, **self._yardsticks}

    def plain(self, split: str, rows: npt.NDArray[np.int64]) -> Tensor:
        """Return images `[B, 3, S, S]`, 0 to 1, unchanged."""
        return self.augmenter.plain(as_tensor(self.sets.images[split].take(rows)))

    @cached_property
    def judge(self) -> FrechetJudge:
        """The judge, with features of the validation images; no more than there are training images."""
        count = min(len(self.sets.examples["val"]), len(self.sets.examples["train"]))
        return FrechetJudge(as_pixels(self.plain("val", np.arange(count))))

    @cached_property
    def _yardsticks(self) -> dict[str, float]:
        rows = np.random.default_rng(0).permutation(len(self.sets.examples["train"]))[: self.judge.count]
        real = as_pixels(self.plain("train", np.sort(rows)))
        return {"frechet_real": self.judge.distance(real), "frechet_noise": self.judge.noise()}

    def description(self) -> NetworkDescription:
        """Describe the network; its outputs are the code."""
        network = self.config.network
        return NetworkDescription(
            network=network.name,
            outputs=self.code,
            options={**self.options(), **network.options},
            task=self.config.run.task,
        )

    def options(self) -> dict[str, Any]:
        """Return options of the network that follow from the task."""
        return {}

    def card(self) -> ModelCard:
        """Describe the pixels that the network takes."""
        return image_card(self.config, self.sets)

    def report(self, validation: Validation, folder: Path) -> Sequence[str]:
        """Return samples and their distances, and write `samples.png`."""
        from vifex.training.run_folder.sheets import sheet

        sheet(validation.arrays["samples"]).save(folder / "samples.png")
        return [
            part("Samples", validation.arrays["samples"]),
            _table({k: v for k, v in validation.figures.items() if k.startswith("frechet")}),
        ]

    def problems(self) -> Sequence[tuple[str, str]]:
        """Return the examples that could not be decoded."""
        return self.sets.problems

    def shown(self, network: Any) -> npt.NDArray[np.uint8]:
        """Return the samples that the report shows."""
        return self.samples(network, _SHOWN)


def part(title: str, pixels: npt.NDArray[np.uint8], *, columns: int = 8) -> str:
    """Return a sheet of images as a part of the report."""
    from vifex.training.run_folder.sheets import data_uri, sheet

    image = data_uri(np.asarray(sheet(pixels, columns=columns)))
    return f'<h2>{html.escape(title)}</h2>\n<figure><img src="{image}" alt=""></figure>'


def _table(figures: Mapping[str, float]) -> str:
    names = {
        "frechet": "samples",
        "frechet_real": "training images",
        "frechet_noise": "noise",
    }
    rows = "".join(f"<tr><td>{names[k]}</td><td>{v:.3f}</td></tr>" for k, v in figures.items())
    return f"<h2>Fréchet distance from validation images</h2>\n<table>{rows}</table>"
