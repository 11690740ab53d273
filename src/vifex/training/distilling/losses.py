"""Distances between what two networks give for the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["feature_loss", "logit_loss", "similarity_loss"]


def logit_loss(own: Tensor, other: Tensor, temperature: float) -> Tensor:
    """Return the divergence of softened scores, times the square of the temperature (Hinton et al. 2015).

    Args:
        own: Scores of the network that learns `[B, K]`.
        other: Scores of the teacher `[B, K]`.
        temperature: By which scores are divided.
    """
    mine = functional.log_softmax(own.float() / temperature, 1)
    given = functional.log_softmax(other.float() / temperature, 1)
    loss: Tensor = functional.kl_div(mine, given, reduction="batchmean", log_target=True)
    return loss * temperature**2


def feature_loss(own: Tensor, other: Tensor) -> Tensor:
    """Return the mean of 1 - cosine of features `[B, D]`."""
    loss: Tensor = 1 - functional.cosine_similarity(own.float(), other.float(), dim=1)
    return loss.mean()


def similarity_loss(own: Tensor, other: Tensor) -> Tensor:
    """Return the mean squared difference of the cosines between the images of a batch (Tung and Mori 2019).

    Args:
        own: Features `[B, D]`.
        other: Features `[B, E]`; the numbers of features may differ.
    """
    mine, given = functional.normalize(own.float(), dim=1), functional.normalize(other.float(), dim=1)
    loss: Tensor = functional.mse_loss(mine @ mine.T, given @ given.T)
    return loss
