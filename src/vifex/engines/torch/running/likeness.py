"""Whether two results of a network are the same but for the order of the arithmetic."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

__all__ = ["TOLERANCE", "near"]

TOLERANCE: Final = {"fp32": 1e-4, "bf16": 2e-2}
"""By precision: the largest difference that the order of the arithmetic may make, as a part of the largest
value."""


def near(x: Tensor, y: Tensor, tolerance: float) -> bool:
    """Return whether no value differs by more than `tolerance` times the largest value of `x`.

    NaN equals NaN: a network that gives no numbers for an input gives none whatever else is in its batch.
    """
    largest = max(float(x.nan_to_num().abs().max()), 1e-6)
    return bool(torch.isclose(x, y, rtol=0.0, atol=tolerance * largest, equal_nan=True).all())
