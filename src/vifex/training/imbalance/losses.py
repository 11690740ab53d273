"""The loss of a classifier, with the remedies that change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from vifex.training.config import Imbalance
from vifex.training.imbalance.weights import class_weights

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Classification"]


class Classification(nn.Module):
    """Cross entropy with label smoothing, and with class weights, focal factors or adjusted scores.

    Args:
        counts: Training examples of each class `[K]`.
        config: The remedy. `focal` multiplies each example's loss by (1 - p) ** gamma (Lin et al. 2017).
            `logit-adjustment` adds tau * log(share of the class) to the scores of training (Menon et al.
            2021).
        smoothing: Share of the target that is spread over all classes.
    """

    def __init__(self, counts: npt.NDArray[np.int64], config: Imbalance, smoothing: float = 0.0) -> None:
        super().__init__()
        weights = class_weights(counts, config)
        self.gamma = config.gamma if config.method == "focal" else 0.0
        self.smoothing = smoothing
        shares = np.maximum(counts, 1) / max(1, int(counts.sum()))
        shift = config.tau * np.log(shares) if config.method == "logit-adjustment" else None
        self.register_buffer("weights", _tensor(weights), persistent=False)
        self.register_buffer("shift", _tensor(shift), persistent=False)

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch.

        Args:
            scores: `[B, K]`, any floating point.
            targets: Classes `[B]`, int64, or shares of the classes `[B, K]`.
        """
        scores = scores.float()
        if self.shift is not None:
            scores = scores + self.shift
        if not self.gamma:
            loss: Tensor = functional.cross_entropy(
                scores, targets, weight=self.weights, label_smoothing=self.smoothing
            )
            return loss
        return self._focal(scores, targets)

    def _focal(self, scores: Tensor, targets: Tensor) -> Tensor:
        logs = functional.log_softmax(scores, dim=1)
        wanted = functional.one_hot(targets, scores.shape[1]).float() if targets.ndim == 1 else targets
        if self.smoothing:
            wanted = wanted * (1 - self.smoothing) + self.smoothing / scores.shape[1]
        each: Tensor = -(wanted * (1 - logs.exp()) ** self.gamma * logs)
        return each.sum(1).mean()


def _tensor(values: Any) -> Any:
    return None if values is None else torch.tensor(np.asarray(values), dtype=torch.float32)
