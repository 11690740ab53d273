"""Remedies for classes of different sizes: weights, focal loss, sampling and logit adjustment."""

from __future__ import annotations

from vifex.training.imbalance.losses import Classification
from vifex.training.imbalance.sampling import long_tailed, sampling_weights
from vifex.training.imbalance.weights import class_weights

__all__ = ["Classification", "class_weights", "long_tailed", "sampling_weights"]
