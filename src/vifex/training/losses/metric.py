"""Losses of metric learning: vectors of one class come together, those of different classes move apart.

The losses and miners are those of pytorch-metric-learning; here are their names and the settings of the
papers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from torch import Tensor, nn

from vifex.values import InputError
from vifex.values.registry import near, require

__all__ = ["METRIC_LOSSES", "MetricLoss", "make_metric_loss"]


class MetricLoss(nn.Module):
    """A loss over a batch of vectors `[B, D]` with classes `[B]`, and the miner that picks its pairs.

    A loss with weights of its own (`arcface`: one vector per class) has them in `parameters()`; they are
    trained with the network.

    Args:
        loss: Takes vectors, classes and what the miner picked.
        miner: Picks pairs or triplets; `None` takes all.
    """

    def __init__(self, loss: nn.Module, miner: nn.Module | None) -> None:
        super().__init__()
        self.loss, self.miner = loss, miner

    def forward(self, vectors: Tensor, classes: Tensor) -> Tensor:
        """Return the loss, one number."""
        picked = None if self.miner is None else self.miner(vectors, classes)
        value: Tensor = self.loss(vectors, classes, picked)
        return value


def make_metric_loss(name: str, *, classes: int, features: int) -> MetricLoss:
    """Make a loss.

    Args:
        name: One of `METRIC_LOSSES`.
        classes: Classes of the training set, for `arcface`.
        features: D, for `arcface`.

    Raises:
        InputError: If there is no such loss.
        MissingExtraError: If pytorch-metric-learning is not installed.
    """
    if name not in METRIC_LOSSES:
        raise InputError(
            f"there is no metric loss {name!r}.",
            todo=f"{near(name, list(METRIC_LOSSES))}Known: {', '.join(METRIC_LOSSES)}.",
        )
    library = require("pytorch_metric_learning", extra="train", needed_for=f"the loss {name!r}")
    from pytorch_metric_learning import losses, miners

    del library
    loss, miner = METRIC_LOSSES[name](losses, miners, classes, features)
    return MetricLoss(loss, miner)


def _contrastive(losses: Any, miners: Any, classes: int, features: int) -> tuple[Any, Any]:
    # Hadsell, Chopra and LeCun, CVPR 2006: a Siamese network; between vectors of length 1, distances reach 2.
    return losses.ContrastiveLoss(pos_margin=0, neg_margin=1), None


def _triplet_all(losses: Any, miners: Any, classes: int, features: int) -> tuple[Any, Any]:
    return losses.TripletMarginLoss(margin=0.2), None


def _triplet_semihard(losses: Any, miners: Any, classes: int, features: int) -> tuple[Any, Any]:
    # Schroff, Kalenichenko and Philbin, FaceNet, CVPR 2015, section 3.2.
    return losses.TripletMarginLoss(margin=0.2), miners.TripletMarginMiner(
        margin=0.2, type_of_triplets="semihard"
    )


def _triplet_hard(losses: Any, miners: Any, classes: int, features: int) -> tuple[Any, Any]:
    # Hermans, Beyer and Leibe, 2017, arXiv:1703.07737: the farthest positive, the nearest negative. The soft
    # margin of the paper's equation 5 does not collapse to one point as a hard margin does.
    return losses.TripletMarginLoss(margin=0.2, smooth_loss=True), miners.BatchHardMiner()


def _n_pair(losses: Any, miners: Any, classes: int, features: int) -> tuple[Any, Any]:
    # Sohn, NIPS 2016. The paper's vectors have no fixed length; at length 1 their products are too small for
    # the softmax, so they are multiplied by 10 before (a temperature of 0.1 between products of two lengths).
    return losses.NTXentLoss(temperature=0.1), None


def _arcface(losses: Any, miners: Any, classes: int, features: int) -> tuple[Any, Any]:
    # Deng et al., CVPR 2019, arXiv:1801.07698. Scale 64 and margin 0.5 are for faces; training from random
    # weights does not start with so large a margin.
    return losses.ArcFaceLoss(classes, features, margin=17.2, scale=16), None


def _supcon(losses: Any, miners: Any, classes: int, features: int) -> tuple[Any, Any]:
    # Khosla et al., NeurIPS 2020, arXiv:2004.11362, L_out.
    return losses.SupConLoss(temperature=0.1), None


METRIC_LOSSES: Final[Mapping[str, Callable[[Any, Any, int, int], tuple[Any, Any]]]] = {
    "contrastive": _contrastive,
    "triplet": _triplet_all,
    "triplet-semihard": _triplet_semihard,
    "triplet-hard": _triplet_hard,
    "n-pair": _n_pair,
    "arcface": _arcface,
    "supcon": _supcon,
}
"""Name of a loss: how it is made."""
